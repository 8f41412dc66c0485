"""What the study of ``tlbench select`` compares the choice with."""

import json

import pytest

from bench.studies.picture_sets import SETS, write_folder
from bench.studies.selecting import all_candidates, is_of, known_rows, summary
from tl_core.data import load_data
from tlbench.compare.selection import Candidate

SIZES = {"a": (224, 96), "b": (240,)}


def engine(name, rate, precision="fp32"):
    return {"engine": name, "precision": precision, "images_per_s": rate}


def test_a_full_search_has_every_backbone_and_size_and_precisions_that_were_faster():
    engines = [engine("slow", 1.0), engine("fast", 3.0), engine("fast", 2.0, "bf16")]
    single = [Candidate("a", 224, "fast"), Candidate("a", 96, "fast"), Candidate("b", 240, "fast")]
    assert all_candidates({"engines": engines}, SIZES) == single
    engines.append(engine("slow", 4.0, "int8"))
    both = all_candidates({"engines": engines}, SIZES)
    assert sorted(map(str, both)) == sorted(
        [*map(str, single), "a at 224, slow int8", "a at 96, slow int8", "b at 240, slow int8"]
    )


@pytest.mark.parametrize(("accuracy", "within"), [(0.95, True), (0.94, True), (0.9399, False)])
def test_the_choice_is_judged_by_its_test_accuracy_beside_the_best(accuracy, within):
    def row(size, accuracy):
        return {"model": "a", "image_size": size, "precision": "fp32", "accuracy": accuracy}

    full = [row(224, 0.95), row(160, accuracy), row(96, 0.5), {"model": "b", "refused": "no"}]
    choice = {"model": "a", "image_size": 160, "precision": "fp32", "engine": "another"}
    outcome = summary(choice, full)
    assert outcome["within"] is within
    assert outcome["loss"] == pytest.approx(0.95 - accuracy)
    assert outcome["candidates"] == 3
    assert outcome["rank"] == (1 if accuracy == 0.95 else 2)


@pytest.mark.parametrize("name", ["tiles", "digits"])
def test_a_sets_folder_has_its_pictures_and_no_picture_twice(name, tmp_path):
    data = SETS[name]()
    assert len(data.test) > 1_000
    assert data.leaked == 0
    few = data.head(40, 30)
    read = load_data(write_folder(few, tmp_path))
    assert read.class_names == tuple(sorted(few.class_names))
    for part in ("train", "test"):
        assert contents(few, part) == contents(read, part)


def contents(data, part):
    """Every picture of a part with its class's name, in an order of their own."""
    split = getattr(data, part)
    images = split.images.take(range(len(split)))
    return sorted(
        (data.class_names[label], image.tobytes())
        for label, image in zip(split.labels, images, strict=True)
    )


def test_rows_of_an_earlier_full_search_are_those_of_the_same_features(tmp_path):
    rows = [
        {"model": "m", "image_size": 96, "engine": "litert", "precision": "fp32", "accuracy": 0.5},
        {"model": "m", "image_size": 64, "engine": "litert", "precision": "fp32", "accuracy": 0.6},
    ]
    file = tmp_path / "earlier.json"
    file.write_text(json.dumps({"sets": [{"data": "tiles", "full": rows}]}), encoding="utf-8")
    assert known_rows(None, "tiles") == []
    assert known_rows(file, "digits") == []
    assert known_rows(file, "tiles") == rows
    other_engine = Candidate("m", 64, "openvino")
    assert [is_of(row, other_engine) for row in rows] == [False, True]
    assert not any(is_of(row, Candidate("m", 64, "litert", "int8")) for row in rows)
