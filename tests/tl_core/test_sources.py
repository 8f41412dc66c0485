"""Images by number, in memory or in files."""

import numpy as np
import pytest
from PIL import Image

from tl_core.errors import ImageError
from tl_core.sources import ArraySource, FileSource, as_source


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)


@pytest.fixture
def files(pixels, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture(params=["array", "files", "text"])
def source(request, pixels, files):
    given = {"array": pixels, "files": files, "text": [str(path) for path in files]}
    return as_source(given[request.param])


def test_take_gives_the_images_asked_for_in_that_order(source, pixels):
    np.testing.assert_array_equal(np.stack(source.take([3, 0, 3])), pixels[[3, 0, 3]])


def test_head_is_the_first_images(source, pixels):
    head = source.head(2)
    assert len(head) == 2
    np.testing.assert_array_equal(np.stack(head.take([0, 1])), pixels[:2])


def test_pick_is_a_source_of_those_images(source, pixels):
    picked = source.pick(np.array([4, 1]))
    assert len(picked) == 2
    np.testing.assert_array_equal(np.stack(picked.take([0, 1])), pixels[[4, 1]])


def test_one_image_is_a_source_of_one(pixels, files):
    assert (
        len(as_source(pixels[0])) == len(as_source(files[0])) == len(as_source(str(files[0]))) == 1
    )


def test_a_source_stays_itself(pixels):
    source = ArraySource(pixels)
    assert as_source(source) is source


def test_memory_is_not_copied(pixels):
    (image,) = as_source(pixels).take([2])
    assert np.shares_memory(image, pixels)
    assert np.shares_memory(ArraySource(pixels).head(3).pixels, pixels)


def test_files_are_read_when_asked_for(files):
    source = as_source(files)
    files[0].unlink()
    assert len(source.take([1])) == 1
    with pytest.raises(ImageError, match="no such file"):
        source.take([0])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4, 4, 3)), "float64: expected uint8"),
        (np.zeros((2, 3, 4, 4), np.uint8), "channels last"),
        (7, "type int: expected a uint8 array"),
        ([1, 2], "type list: expected"),
    ],
)
def test_anything_else_is_refused(images, message):
    with pytest.raises(ImageError, match=message):
        as_source(images)


def test_no_files_are_an_empty_source():
    assert len(FileSource(())) == 0
