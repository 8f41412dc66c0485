"""Images by number, in memory or in files, and the digests that they are known by."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from tl_core.errors import ImageError
from tl_core.sources import (
    ArraySource,
    FileSource,
    TolerantFiles,
    as_source,
    digest_of,
    error_at,
    readable,
)


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


def test_an_image_is_known_by_its_files_bytes_else_by_its_shape_and_pixels(pixels, files):
    for number, path in enumerate(files):
        expected = hashlib.sha256(path.read_bytes()).hexdigest()
        assert digest_of(as_source(files), number) == expected
    digests = {digest_of(as_source(pixels), number) for number in range(5)}
    digests |= {digest_of(as_source(pixels.reshape(5, 6, 4, 3)), number) for number in range(5)}
    assert len(digests) == 10
    assert digest_of(as_source(pixels.copy()), 2) in digests


def test_a_digest_is_of_what_was_read_last_and_reads_only_once(files):
    source = as_source(files)
    first = digest_of(source, 1)
    content = files[2].read_bytes()
    files[1].write_bytes(content)
    assert digest_of(source.pick([1]), 0) == first
    source.take([1])
    assert digest_of(source, 1) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("hold", [True, False])
def test_bytes_that_are_held_for_decoding_are_read_once_and_then_let_go(hold, files, pixels):
    source = as_source(files)
    digest_of(source, 3, lambda _: hold)
    files[3].unlink()
    if hold:
        np.testing.assert_array_equal(source.head(4).take([3])[0], pixels[3])
    with pytest.raises(ImageError, match=r"3\.png: no such file"):
        source.take([3])


def test_held_bytes_are_let_go_when_the_digest_is_all_that_is_asked_for(files):
    source = as_source(files)
    digest_of(source, 3, lambda _: True)
    files[3].unlink()
    assert digest_of(source, 3)
    with pytest.raises(ImageError, match="no such file"):
        source.take([3])


def test_what_is_no_file_says_so(tmp_path):
    with pytest.raises(ImageError, match="can't be read"):
        as_source(tmp_path).take([0])


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


def test_unreadable_files_are_black_and_known_to_all_parts_of_their_source(files, pixels):
    files[1].write_bytes(b"rubbish")
    files[3].unlink()
    source = TolerantFiles(tuple(files))
    taken = source.pick([0, 1, 2, 3]).take(range(4), 8)
    assert [image.shape for image in taken] == [(4, 6, 3), (1, 1, 3), (4, 6, 3), (1, 1, 3)]
    np.testing.assert_array_equal(taken[2], pixels[2])
    assert readable(source).tolist() == [0, 2, 4]
    assert readable(source.head(2)).tolist() == [0]
    assert error_at(source, 1).startswith(f"{files[1]}: not a picture")
    assert "no such file" in error_at(source, 3)
    assert error_at(source, 0) is None


def test_a_file_with_the_bytes_of_an_unreadable_one_is_unreadable_too(files):
    for path in files[1:3]:
        path.write_bytes(b"rubbish")
    source = TolerantFiles(tuple(files))
    digest_of(source, 2)
    source.take([1])
    assert readable(source).tolist() == [0, 3, 4]


def test_a_file_that_cannot_be_opened_has_a_digest_of_its_own(files):
    for path in files[1:3]:
        path.unlink()
    source = TolerantFiles(tuple(files))
    digests = {digest_of(source, place) for place in range(5)}
    assert len(digests) == 5
    assert readable(source).tolist() == [0, 3, 4]


def test_other_sources_have_no_unreadable_images(pixels, files):
    files[0].write_bytes(b"rubbish")
    for source in (ArraySource(pixels), FileSource(tuple(files))):
        assert readable(source).tolist() == list(range(5))
        assert error_at(source, 0) is None
