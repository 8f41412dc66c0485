"""What the study of decoding reports follows from its raw figures; its files are what it says."""

import numpy as np
import pytest
from PIL import Image

from bench.studies.decoders import decoders
from bench.studies.decoding import _summary
from bench.studies.jpeg_files import GRID, write_parts, write_photographs
from bench.studies.scaled_decoding import _nearness


def test_files_are_compared_with_memory_and_with_both_parts_turn_by_turn():
    """Decoding at 300/s and the network at 150/s take 1/100 s per image, one after the other."""
    rates = {"files": [120.0, 95.0], "memory": [150.0, 100.0], "decode": [300.0, 100.0]}
    summary = _summary(rates)
    assert summary["of_memory"] == pytest.approx((0.8 + 0.95) / 2)
    assert summary["of_decode_and_memory_added_up"] == pytest.approx((1.2 + 1.9) / 2)


def test_nearness_is_the_cosine_of_each_images_features():
    whole = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    other = np.array([[3.0, 0.0], [1.0, 1.0]], np.float32)
    nearness = _nearness(other, whole)
    assert nearness["least_cosine"] == pytest.approx(0.5**0.5)
    assert nearness["mean_cosine"] == pytest.approx((1 + 0.5**0.5) / 2)


def test_files_are_crops_of_the_stated_size_and_differ(tmp_path):
    paths = write_photographs(tmp_path, 20, 500, 375)
    assert len({path.read_bytes() for path in paths}) == 20
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("JPEG", (500, 375))


def test_parts_are_named_by_photograph_and_place(tmp_path):
    paths, labels = write_parts(tmp_path, 40, 240, 180)
    assert [label // GRID**2 for label in labels] == list(range(10)) * 4
    assert len(paths) == len(set(paths)) == 40
    assert len({label % GRID**2 for label in labels}) > 5


def test_every_decoder_gives_the_same_picture(tmp_path):
    (path,) = write_photographs(tmp_path, 1, 500, 375)
    data = path.read_bytes()
    ways = decoders()
    assert {"load_image", "pillow", "simplejpeg", "tensorflow"} <= set(ways)
    reference = ways["pillow"](data).astype(int)
    for name, way in ways.items():
        assert np.abs(way(data) - reference).max() <= 3, name
