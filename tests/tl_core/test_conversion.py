"""Conversions are made once, by content, and made again where they are damaged."""

import json
from pathlib import Path

import numpy as np
import pytest

from tl_core.conversion import cache, cached, cached_json, freeze
from tl_core.engines import open_model
from tl_core.models import NetworkSettings, open_module
from tl_core.models import module as models
from tl_core.storage import tree_digest


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    return tmp_path


class Converting:
    def __init__(self):
        self.count = 0

    def __call__(self, folder):
        self.count += 1
        (folder / "model.bin").write_bytes(b"converted")


def test_the_same_is_made_once(folder):
    convert = Converting()
    first = cached({"model": "a", "size": 64}, convert)
    assert cached({"size": 64, "model": "a"}, convert) == first
    assert convert.count == 1
    assert (first / "model.bin").read_bytes() == b"converted"
    assert json.loads((first / cache.KEY_FILE).read_text())["made_of"] == {"model": "a", "size": 64}


def test_whatever_it_depends_on_makes_another(folder):
    convert = Converting()
    keys = [{"model": "a", "size": 64}, {"model": "b", "size": 64}, {"model": "a", "size": 65}]
    assert len({cached(key, convert) for key in keys}) == 3


@pytest.mark.parametrize("damage", ["changed", "cut off", "missing", "no key", "another key"])
def test_a_damaged_one_is_made_again(folder, damage):
    convert = Converting()
    place = cached({"model": "a"}, convert)
    if damage == "changed":
        (place / "model.bin").write_bytes(b"converteD")
    elif damage == "cut off":
        (place / "model.bin").write_bytes(b"conv")
    elif damage == "missing":
        (place / "model.bin").unlink()
    elif damage == "no key":
        (place / cache.KEY_FILE).unlink()
    else:
        (place / cache.KEY_FILE).write_text("[1]")
    assert cached({"model": "a"}, convert) == place
    assert convert.count == 2
    assert (place / "model.bin").read_bytes() == b"converted"


def test_a_value_is_computed_once_per_facts(folder):
    values = iter([{"rate": 1.5}, [2]])
    for facts, expected in [({"a": 1}, {"rate": 1.5}), ({"a": 1}, {"rate": 1.5}), ({"a": 2}, [2])]:
        assert cached_json(facts, lambda: next(values)) == expected


def test_one_that_fails_leaves_nothing(folder):
    def failing(place):
        (place / "half").write_text("half")
        raise RuntimeError("no converter")

    with pytest.raises(RuntimeError, match="no converter"):
        cached({"model": "a"}, failing)
    assert list((folder / "converted").iterdir()) == []


def test_a_models_digest_is_of_names_and_content(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    digests = [tree_digest(tmp_path)]
    (tmp_path / "variables" / "data").write_bytes(b"weightS")
    digests.append(tree_digest(tmp_path))
    (tmp_path / "variables" / "data").rename(tmp_path / "variables" / "other")
    digests.append(tree_digest(tmp_path))
    assert len(set(digests)) == 3


def test_the_frozen_graph_computes_what_the_module_does(tiny_model):
    module = open_module(Path(tiny_model))
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    frozen = freeze(module, 48)
    assert [(each.name, each.dtype.name) for each in frozen.inputs] == [("images:0", "uint8")]
    expected = np.asarray(module(images.astype(np.float32) / 255))
    import tensorflow as tf

    np.testing.assert_allclose(frozen(tf.constant(images))[0], expected, rtol=1e-3, atol=1e-4)


def test_an_engine_opens_again_without_converting(monkeypatch, tiny_model):
    settings = NetworkSettings(48)
    open_model(tiny_model, "features", "litert", settings)
    monkeypatch.setattr(models, "open_module", None)
    again = open_model(tiny_model, "features", "litert", settings)
    assert again.network.output_size == 2048
