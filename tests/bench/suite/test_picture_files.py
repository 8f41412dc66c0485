"""A data set as JPEG files: the same pictures, of a stated size, written once."""

import numpy as np
import pytest
from PIL import Image

from tl_core.data import DataSet, Split
from tl_core.sources import ArraySource, FileSource
from tlbench.suite.picture_files import HEIGHT, QUALITY, WIDTH, PictureFiles, decoding_of


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    flat = rng.integers(30, 220, (6, 1, 1, 3), np.uint8)
    labels = np.arange(6, dtype=np.int64) % 2
    split = Split(ArraySource(np.broadcast_to(flat, (6, 4, 4, 3)).copy()), labels)
    return DataSet("flat", ("a", "b"), split, split.head(2))


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    return PictureFiles(data, tmp_path_factory.mktemp("files"))


def test_each_image_is_a_file_with_its_label_of_the_stated_size(data, files):
    split = files.split("train")
    np.testing.assert_array_equal(split.labels, data.train.labels)
    for picture, pixels in zip(split.images.take(range(6)), data.train.images.pixels, strict=True):
        assert picture.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(picture.mean((0, 1)), pixels[0, 0], atol=1)
        assert 4 < picture.std(axis=(0, 1)).min() < picture.std(axis=(0, 1)).max() < 11


def test_files_are_jpeg_of_the_stated_quality(files):
    with Image.open(files.split("train", 1).images.paths[0]) as picture:
        assert picture.format == "JPEG"
        reference = Image.new("RGB", (8, 8))
        reference.save(files.folder / "reference.jpg", quality=QUALITY)
        with Image.open(files.folder / "reference.jpg") as other:
            assert picture.quantization == other.quantization


def test_files_are_written_once_and_only_as_many_as_are_asked_for(data, tmp_path):
    files = PictureFiles(data, tmp_path)
    first = files.source("train", 2)
    assert len(first) == len(list(tmp_path.rglob("*.jpg"))) == 2
    first.paths[1].write_bytes(b"kept")
    assert len(files.split("train", 99)) == 6
    assert first.paths[1].read_bytes() == b"kept"
    assert len({path.read_bytes() for path in files.split("train").images.paths}) == 6


def test_pictures_that_are_files_stay_as_they_are(files, tmp_path):
    train = files.split("train")
    again = PictureFiles(DataSet("files", ("a", "b"), train, train.head(2)), tmp_path)
    assert again.split("train").images is train.images
    assert not list(tmp_path.iterdir())


def test_the_files_sizes_are_their_means(tmp_path):
    paths = [tmp_path / f"{side}.png" for side in (10, 30)]
    for path, side in zip(paths, (10, 30), strict=True):
        Image.new("RGB", (side, side)).save(path)
    sizes = decoding_of(FileSource(tuple(paths)))
    assert sizes.pixels_per_image == (100 + 900) / 2
    assert sizes.bytes_per_image == sum(path.stat().st_size for path in paths) / 2
