"""``tlbench models``: what is at hand, with figures that other code computes too."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from tl_core.models import embedded, hub, open_module
from tl_core.storage import tree_digest
from tlbench.cli.main import main


@pytest.fixture
def models(monkeypatch, tmp_path):
    """``tlbench models`` with one embedded model that is installed and one that isn't."""
    lite0 = embedded.MODELS["efficientnet-lite0"]
    absent = dataclasses.replace(lite0, name="efficientnet-lite9")
    monkeypatch.setattr(embedded, "MODELS", {each.name: each for each in (lite0, absent)})
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))

    def run(*arguments):
        results = ("--results", str(tmp_path / "results"))
        return CliRunner().invoke(main, ["models", *results, *map(str, arguments)])

    return run


@pytest.fixture
def listed(models):
    """Its JSON, by handle."""

    def run(*arguments):
        done = models("--json", *arguments)
        assert done.exit_code == 0, done.output
        return {card["handle"]: card for card in json.loads(done.stdout)["models"]}

    return run


def test_a_pinned_model_is_listed_without_its_pin(listed, tiny_model):
    cards = listed(f"{tiny_model}#sha256={tree_digest(Path(tiny_model))}")
    assert next(iter(cards)) == "tiny-feature-vector"


def test_a_given_model_stands_beside_the_embedded_ones(listed, tiny_model):
    # What other tests converted may be at hand, too.
    cards = {name: card for name, card in listed(tiny_model).items() if card["source"] != "cached"}
    tiny, lite0, absent = cards.values()
    variables = open_module(Path(tiny_model)).variables
    assert list(cards) == ["tiny-feature-vector", "efficientnet-lite0", "efficientnet-lite9"]
    assert [card["source"] for card in cards.values()] == ["given", "embedded", "embedded"]
    assert tiny["facts"] == {
        "image_size": 32,
        "input_range": "0-1",
        "parameters": sum(math.prod(each.shape) for each in variables),
        # 16 x 16 outputs of a stem of 3 x 3 x 3; 8 x 8 of the depthwise 3 x 3; the projection.
        "multiply_adds": 16 * 16 * 32 * 27 + 8 * 8 * 32 * 9 + 32 * 2048,
        "outputs": 2048,
        "kind": "features",
    }
    assert lite0["facts"]["multiply_adds"] == 385_187_552 - 1280 * 1000
    assert (lite0["facts"]["image_size"], lite0["facts"]["outputs"]) == (224, 1280)
    assert absent["facts"] is None
    assert "pip install efficientnet-lite9-pytorch-model==0.1.0" in absent["problem"]


def test_accuracies_are_those_of_the_results_by_fingerprint_and_of_the_shipped_probes(
    listed, tiny_model, write_run, tmp_path
):
    fingerprint = listed(tiny_model)["tiny-feature-vector"]["fingerprint"]
    runs = [
        ("x", fingerprint, 100, 0.75),
        ("x", fingerprint, 10, 0.9),  # on fewer test images
        ("tiny-feature-vector", "0" * 16, 1000, 0.25),  # of another model
    ]
    for day, (name, content, size, accuracy) in enumerate(runs):
        write_run(
            f"{day}.json", day=day, model=name, model_fingerprint=content, data="mine",
            accuracy=accuracy, accuracy_floor=None, test_size=size,
        )  # fmt: skip
    study = {
        "model": "x", "model_fingerprint": fingerprint, "data": "studied", "accuracy": 0.5,
        "train_size": 9, "test_size": 9, "image_size": 32,
    }  # fmt: skip
    (tmp_path / "results" / "studies").mkdir()
    text = json.dumps({"models": [study]})
    (tmp_path / "results" / "studies" / "backbones.json").write_text(text)
    cards = listed(tiny_model)
    found = cards["tiny-feature-vector"]["accuracies"]
    assert [(each["data"], each["head"], each["accuracy"]) for each in found] == [
        ("studied", "linear probe", 0.5), ("mine", "one epoch", 0.75),
    ]  # fmt: skip
    (probe,) = cards["efficientnet-lite0"]["accuracies"]
    assert (probe["data"], probe["head"]) == ("photo-patches", "linear probe")


@pytest.mark.parametrize("text", ["{", "[]", '{"models": [{"model": "x"}]}', "[" * 100_000, "\xff"])
def test_a_damaged_study_is_named_in_one_line(models, tmp_path, text):
    (tmp_path / "results" / "studies").mkdir(parents=True)
    path = tmp_path / "results" / "studies" / "backbones.json"
    path.write_text(text, encoding="latin-1")
    done = models()
    assert done.exit_code == 2
    assert "studies/backbones.json: " in done.stderr


def test_the_table_fits_80_columns_and_names_what_is_missing(models, tiny_model):
    done = models(tiny_model)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    headings = ["model", "input", "range", "params", "mult-adds", "features", "accuracy"]
    assert lines[0].split() == headings
    (row,) = (line.split() for line in lines if line.startswith("efficientnet-lite0 "))
    assert row[1:8] == ["224", "0-1", "3.41", "M", "384", "M", "1,280"]
    assert "efficientnet-lite9: its weights come with the package" in done.stdout


def test_cached_hub_modules_are_listed_and_broken_ones_say_so(listed, tiny_model, tmp_path):
    for url, files in (
        ("https://host/me/tiny/1?token=SECRET", tiny_model),
        ("https://host/me/broken/1", None),
    ):
        entry = hub.cache_entry(url)
        entry.parent.mkdir(exist_ok=True)
        if files:
            entry.symlink_to(files)
        else:
            entry.mkdir()
        entry.with_name(f"{entry.name}.descriptor.txt").write_text(f"Module: {url}\nDownload Time:")
    cards = listed()
    assert cards["https://host/me/tiny/1"]["facts"]["outputs"] == 2048
    assert "0 SavedModel folders" in cards["https://host/me/broken/1"]["problem"]


def test_a_handle_that_cant_be_opened_is_bad_input(models):
    done = models("no-such-model")
    assert done.exit_code == 2
    assert "model handle 'no-such-model'" in done.stderr
