"""The study of extraction compares files byte for byte, and takes the first pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from bench.studies import extraction
from bench.studies.extraction import ONE, SIDES, TWO, first_pictures, make_pictures, ratio
from tl_core.data import load_data


@pytest.fixture
def outputs(tmp_path):
    """Two folders with the same two shards, and a manifest of their own."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "_manifest.json").write_text(name)
        for number in range(2):
            (tmp_path / name / f"part-{number:06}.parquet").write_bytes(b"shard %d" % number)
    return [tmp_path / "a", tmp_path / "b"]


def test_equal_shards_are_the_same_whatever_the_manifests_say(outputs):
    assert extraction.same_files(outputs)


def test_a_shard_that_differs_in_a_byte_is_not_the_same(outputs):
    (outputs[1] / "part-000001.parquet").write_bytes(b"shard 2")
    assert not extraction.same_files(outputs)


@pytest.mark.parametrize("which", [0, 1])
def test_a_shard_that_one_output_lacks_is_not_the_same(outputs, which):
    (outputs[which] / "part-000001.parquet").unlink()
    assert not extraction.same_files(outputs)


def test_the_pictures_are_those_of_the_data_and_a_list_names_the_first_ones(tmp_path):
    folder = tmp_path / "pictures"
    make_pictures(folder, "photo-patches", 3)
    listed = first_pictures(folder, 2)
    assert listed.read_text().split() == ["000000.png", "000001.png"]
    with Image.open(folder / "000001.png") as picture:
        (pixels,) = load_data("photo-patches").train.images.take([1])
        assert np.array_equal(picture, pixels)


def test_the_ratio_is_of_medians():
    runs = {ONE: [1.0, 4.0, 100.0], TWO: [2.0, 3.0, 0.0]}
    study = {"runs": {side: [{"images_per_s": each} for each in runs[side]] for side in SIDES}}
    assert ratio(study, "images_per_s") == 0.5


def test_resuming_is_shown_by_size_as_a_share_of_the_whole_run():
    again = {"whole_s": 12.0, "seconds": 4.0}
    study = {
        "options": ["--shard-size", "500", "--image-size", "96"],
        "runs": {ONE: [{"whole_s": each} for each in (100.0, 200.0, 900.0)]},
        "resumed": again,
        "resuming": {"options": [], "whole": {"whole_s": 1200.0}, "resumed": again},
    }
    few, many = extraction.resuming_table(study).splitlines()[-2:]
    assert few == "| 96 | 200 | 12 | 8 | 6.0 % |"
    assert many == "| the model's own | 1,200 | 12 | 8 | 1.0 % |"


def test_resuming_is_added_to_a_file_with_the_other_figures(tmp_path, monkeypatch):
    path = tmp_path / "extraction.json"
    path.write_text('{"pictures": 7, "resuming": "old"}', encoding="utf-8")
    monkeypatch.setattr(extraction, "measure_resuming", lambda chosen: [chosen.pictures])
    extraction.main([str(path), "--resuming", "--pictures", "9"])
    assert json.loads(path.read_text(encoding="utf-8")) == {"pictures": 7, "resuming": [9]}
