"""A data set refuses what doesn't fit, and its fingerprint stands for its pixels and labels."""

import dataclasses
import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tl_core.data.dataset import DataSet, Split
from tl_core.errors import DataError, ImageError, TransferLearningError
from tl_core.sources import ArraySource, FileSource
from tl_core.streaming import decode_all

CLASSES = ("cat", "dog", "fox")


def make_split(n=6, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 4, 5, 3), np.uint8)
    return Split(ArraySource(pixels), np.arange(n, dtype=np.int64) % len(CLASSES))


def make_set(**changes):
    base = DataSet("pets", CLASSES, make_split(6, seed=1), make_split(4, seed=2))
    return dataclasses.replace(base, **changes)


def with_pixels(split, pixels):
    return Split(ArraySource(pixels), split.labels)


def files_of(split, folder):
    folder.mkdir()
    paths = []
    for i, pixels in enumerate(split.images.take(range(len(split)))):
        paths.append(folder / f"{i}.png")
        Image.fromarray(pixels).save(paths[-1])
    return Split(FileSource(tuple(paths)), split.labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(np.zeros(5, np.int64), "6 images with 5 labels", id="too-few-labels"),
        pytest.param(np.zeros(7, np.int64), "6 images with 7 labels", id="too-many-labels"),
        pytest.param(np.zeros(6, np.int32), "int32", id="int32"),
        pytest.param(np.zeros(6, np.float64), "float64", id="float"),
        pytest.param(np.zeros((6, 3), np.int64), r"\(6, 3\)", id="one-hot"),
    ],
)
def test_a_split_refuses_labels_that_do_not_fit_its_images(labels, message):
    with pytest.raises(DataError, match=message):
        Split(make_split().images, labels)


def test_a_split_refuses_to_be_empty():
    with pytest.raises(DataError, match="0 images"):
        Split(FileSource(()), np.zeros(0, np.int64))


@pytest.mark.parametrize("kind", ["train", "test"])
@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_without_a_class_name_is_refused(kind, label):
    split = make_split()
    labels = split.labels.copy()
    labels[2] = label
    with pytest.raises(DataError, match=f"pets: {kind} labels .*{label}.*expected 0 to 2"):
        make_set(**{kind: Split(split.images, labels)})


def test_head_keeps_the_first_images_of_each_split_with_their_labels():
    whole = make_set()
    part = whole.head(4, 2)
    assert part.sizes == (4, 2)
    np.testing.assert_array_equal(part.train.images.pixels, whole.train.images.pixels[:4])
    np.testing.assert_array_equal(part.train.labels, whole.train.labels[:4])
    np.testing.assert_array_equal(part.test.images.pixels, whole.test.images.pixels[:2])
    np.testing.assert_array_equal(part.test.labels, whole.test.labels[:2])


def test_head_without_sizes_keeps_everything():
    assert make_set().head().sizes == (6, 4)
    assert make_set().head(None, 3).sizes == (6, 3)
    assert make_set().head(3).sizes == (3, 4)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        pytest.param((7, None), "pets, train: 7 images: expected 1 to the 6 available", id="train"),
        pytest.param((None, 5), "pets, test: 5 images: expected 1 to the 4 available", id="test"),
        pytest.param((0, None), "pets, train: 0 images", id="none"),
        pytest.param((-1, None), "pets, train: -1 images", id="negative"),
    ],
)
def test_head_names_what_was_asked_for_and_what_is_there(sizes, message):
    with pytest.raises(DataError, match=message):
        make_set().head(*sizes)


def test_majority_rate_is_the_share_of_the_most_common_test_class():
    split = Split(make_split(4).images, np.array([2, 0, 2, 2]))
    assert make_set(test=split).majority_rate == 0.75


def test_the_fingerprint_is_a_sha256_over_names_labels_shapes_and_pixels():
    data = make_set()
    digest = hashlib.sha256(json.dumps(CLASSES).encode())
    for split in (data.train, data.test):
        digest.update(struct.pack("<q", len(split)) + struct.pack(f"<{len(split)}q", *split.labels))
        for pixels in split.images.pixels:
            digest.update(struct.pack("<3q", 4, 5, 3) + pixels.tobytes())
    assert data.fingerprint == digest.hexdigest()[:16]


def changed_pixel(data):
    pixels = data.test.images.pixels.copy()
    pixels[-1, -1, -1, -1] ^= 1
    return dataclasses.replace(data, test=with_pixels(data.test, pixels))


def changed_label(data):
    labels = data.train.labels.copy()
    labels[0] = 1
    return dataclasses.replace(data, train=Split(data.train.images, labels))


def changed_order(data):
    order = [3, 1, 2, 0, 4, 5]  # images 0 and 3 have the same label
    return dataclasses.replace(data, train=with_pixels(data.train, data.train.images.pixels[order]))


def changed_split(data):
    pixels = np.concatenate([data.train.images.pixels, data.test.images.pixels])
    labels = np.concatenate([data.train.labels, data.test.labels])
    return dataclasses.replace(
        data,
        train=Split(ArraySource(pixels[:7]), labels[:7]),
        test=Split(ArraySource(pixels[7:]), labels[7:]),
    )


def changed_shape(data):
    pixels = data.train.images.pixels.reshape(6, 5, 4, 3)
    return dataclasses.replace(data, train=with_pixels(data.train, pixels))


CHANGES = [
    pytest.param(changed_pixel, id="one-bit-of-a-pixel"),
    pytest.param(changed_label, id="a-label"),
    pytest.param(changed_order, id="order"),
    pytest.param(changed_split, id="one-image-moved-from-test-to-train"),
    pytest.param(changed_shape, id="same-bytes-other-shape"),
    pytest.param(
        lambda data: dataclasses.replace(data, class_names=("cat", "fox", "dog")),
        id="class-order",
    ),
    pytest.param(lambda data: data.head(5), id="fewer-images"),
    pytest.param(
        lambda data: dataclasses.replace(data, train=data.test, test=data.train),
        id="train-and-test-swapped",
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_content_changes_the_fingerprint(change):
    assert change(make_set()).fingerprint != make_set().fingerprint


def test_the_name_of_a_data_set_does_not_change_its_fingerprint():
    assert make_set(name="other").fingerprint == make_set().fingerprint


def as_files(data, folder):
    return dataclasses.replace(
        data, train=files_of(data.train, folder / "a"), test=files_of(data.test, folder / "b")
    )


def test_the_fingerprint_of_files_is_a_sha256_over_names_labels_and_their_sha256(tmp_path):
    data = as_files(make_set(), tmp_path)
    digest = hashlib.sha256(json.dumps(CLASSES).encode())
    for split in (data.train, data.test):
        digest.update(struct.pack("<q", len(split)) + struct.pack(f"<{len(split)}q", *split.labels))
        for path in split.images.paths:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    assert data.fingerprint == digest.hexdigest()[:16]


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(np.asfortranarray, id="fortran-order"),
        pytest.param(lambda pixels: np.repeat(pixels, 2, axis=0)[::2], id="every-second"),
        pytest.param(lambda pixels: pixels[..., ::-1].copy()[..., ::-1], id="reversed-channels"),
    ],
)
def test_the_memory_layout_of_pixels_does_not_change_the_fingerprint(view):
    data = make_set()
    pixels = view(data.train.images.pixels)
    np.testing.assert_array_equal(pixels, data.train.images.pixels)
    assert make_set(train=with_pixels(data.train, pixels)).fingerprint == data.fingerprint


def test_fingerprint_and_leaks_decode_nothing(tmp_path, monkeypatch):
    data = as_files(make_set(), tmp_path)
    monkeypatch.setattr(FileSource, "take", None)
    data.test.images.paths[1].write_bytes(data.train.images.paths[2].read_bytes())
    assert len(data.fingerprint) == 16
    assert data.leaked == 1


def test_a_fingerprint_is_computed_once(tmp_path):
    data = make_set(train=files_of(make_split(6, seed=1), tmp_path / "a"))
    first = data.fingerprint
    (tmp_path / "a" / "0.png").unlink()
    assert data.fingerprint == first


@pytest.mark.parametrize("first", ["fingerprint", "leaked"])
def test_a_fingerprint_of_a_missing_file_names_it(tmp_path, first):
    data = make_set(train=files_of(make_split(), tmp_path / "a"))
    (tmp_path / "a" / "3.png").unlink()
    with pytest.raises(ImageError, match=r"3\.png"):
        getattr(data, first)


def test_test_images_that_are_training_images_are_counted():
    """Two copies of one image, with labels of their own, and one of another; one bit is off."""
    train = make_split(6, seed=1)
    pixels = train.images.pixels[[4, 4, 0, 2]].copy()
    pixels[2, 0, 0, 0] ^= 1
    assert make_set(train=train, test=make_split(4, seed=2)).leaked == 0
    assert (
        make_set(train=train, test=Split(ArraySource(pixels), np.array([0, 1, 2, 2]))).leaked == 3
    )


def test_the_same_bytes_in_another_shape_are_another_image():
    data = make_set()
    turned = data.train.images.pixels.reshape(6, 5, 4, 3)
    assert make_set(test=with_pixels(data.train, turned)).leaked == 0
    assert make_set(test=data.train).leaked == 6


@settings(max_examples=50)
@given(n=st.integers(-5, 12))
def test_head_gives_exactly_what_was_asked_for_or_an_error(n):
    data = make_set()
    if 1 <= n <= 6:
        assert data.head(n).sizes == (n, 4)
    else:
        with pytest.raises(TransferLearningError):
            data.head(n)


@pytest.fixture
def damaged(tmp_path):
    """Files with damaged pictures, one for training and two for test; and the others alone."""
    whole = make_set()
    parts = {}
    for kind, bad in (("train", [2]), ("test", [0, 3])):
        split = files_of(getattr(whole, kind), tmp_path / kind)
        for place in bad:
            split.images.paths[place].write_bytes(b"rubbish %d" % place)
        parts[kind] = split, [i for i in range(len(split)) if i not in bad]
    splits = {kind: split for kind, (split, _) in parts.items()}
    good = {kind: split.pick(np.array(rest)) for kind, (split, rest) in parts.items()}
    return make_set(**splits), make_set(**good)


def test_unreadable_pictures_are_left_out_once_known_and_named(damaged, caplog):
    data, good = damaged
    tolerant = data.tolerant()
    assert tolerant.readable() is tolerant
    for split in (tolerant.train, tolerant.test):
        decode_all(split.images)
    left = tolerant.readable()
    assert left.sizes == (5, 2)
    assert left.fingerprint == good.fingerprint
    np.testing.assert_array_equal(left.test.labels, good.test.labels)
    (record,) = caplog.records
    assert record.getMessage().startswith("pets: left out: 3 unreadable pictures: ")
    assert record.getMessage().count("not a picture that can be read") == 3


def test_a_tolerant_data_set_has_the_same_fingerprint_and_a_strict_one_raises(damaged):
    data, _ = damaged
    assert data.tolerant().fingerprint == data.fingerprint
    assert make_set().tolerant().fingerprint == make_set().fingerprint
    with pytest.raises(ImageError, match="not a picture"):
        decode_all(data.train.images)


def test_a_split_without_any_readable_picture_is_an_error(damaged):
    data, _ = damaged
    for path in data.test.images.paths:
        path.write_bytes(b"rubbish")
    tolerant = data.tolerant()
    decode_all(tolerant.test.images)
    with pytest.raises(DataError, match=r"pets, test: no picture can be read: .*not a picture"):
        tolerant.readable()
