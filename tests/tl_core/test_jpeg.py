"""JPEG by simplejpeg: Pillow's pixels, at the same fraction, or else Pillow itself."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tl_core import jpeg
from tl_core.errors import ImageError
from tl_core.images import decoder_facts, load_image
from tl_core.jpeg import LEAST_RATIO, PIXEL_BOUND, needed_side, shrink_for
from tl_core.photographs import portrait

simplejpeg = pytest.importorskip("simplejpeg")


def photograph(width, height, mode="RGB"):
    with Image.open(portrait()) as image:
        return image.resize((width, height)).convert(mode)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, options.pop("format", "JPEG"), **options)
    return file.getvalue()


def by_pillow(data, size=None):
    """Straight from Pillow's documentation, by none of our code but the rule's side."""
    with Image.open(io.BytesIO(data)) as image:
        if size is not None:
            image.draft("RGB", (needed_side(size), needed_side(size)))
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def difference(data, size=None):
    ours, theirs = load_image(data, size=size), by_pillow(data, size)
    assert ours.shape == theirs.shape
    return np.abs(ours.astype(int) - theirs).max()


@pytest.fixture
def decoded(monkeypatch):
    """Calls of simplejpeg that gave pixels."""
    calls, real = [], simplejpeg.decode_jpeg

    def counted(*arguments, **options):
        pixels = real(*arguments, **options)
        calls.append(pixels.shape)
        return pixels

    monkeypatch.setattr(simplejpeg, "decode_jpeg", counted)
    return calls


@pytest.mark.parametrize("size", [None, 16, 48, 100])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="4:2:0"),
        pytest.param({"subsampling": 1}, id="4:2:2"),
        pytest.param({"subsampling": 0, "quality": 100}, id="4:4:4"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"mode": "L"}, id="grey"),
        pytest.param({"format": "MPO", "save_all": True}, id="several pictures"),
    ],
)
def test_pixels_are_pillows_at_every_fraction(decoded, options, size):
    options = dict(options)
    data = saved(photograph(403, 301, options.pop("mode", "RGB")), **options)
    assert difference(data, size) <= PIXEL_BOUND
    assert decoded, "Pillow was asked instead"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (17, 9), (8, 500), (640, 33)])
def test_pixels_of_odd_sizes_are_pillows(width, height):
    data = saved(photograph(width, height))
    for size in (None, 1, 4, 16):
        assert difference(data, size) <= PIXEL_BOUND


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone_at_every_fraction(decoded, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photograph(260, 200), exif=exif)
    for size in (None, 48):
        assert difference(data, size) <= PIXEL_BOUND
    assert len(decoded) == 2


def test_cmyk_and_other_formats_are_left_to_pillow(decoded):
    for data in (saved(photograph(64, 48, "CMYK")), saved(photograph(64, 48), format="PNG")):
        assert difference(data, 16) == 0
    assert not decoded


@pytest.mark.parametrize(
    ("width", "height", "size", "shrink"),
    [
        (500, 375, 160, 1),
        (500, 375, 93, 2),
        (500, 375, 94, 1),
        (4000, 3000, 224, 4),
        (4000, 3000, None, 1),
        (16320, 12240, 224, 8),
        (30000, 447, 224, 1),
        (64, 64, 1, 2),
    ],
)
def test_the_fraction_is_the_smallest_that_keeps_twice_the_side(width, height, size, shrink):
    assert shrink_for(width, height, size) == shrink


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 600))
def test_no_side_gets_smaller_than_the_rule_says(width, height, size):
    shrink = shrink_for(width, height, size)
    assert shrink in (1, 2, 4, 8)
    assert shrink == 1 or min(width, height) // shrink >= LEAST_RATIO * size


def outcome(data, size):
    try:
        return load_image(data, size=size)
    except ImageError as error:
        return str(error)


@pytest.mark.parametrize("size", [None, 16])
def test_a_damaged_file_gives_what_pillow_gives(monkeypatch, size):
    whole = saved(photograph(90, 70), quality=90)
    rng = np.random.default_rng(7)
    damaged = [whole[:-2], whole[:-40], whole + b"trailing", whole[:300]]
    for _ in range(300):
        broken = np.frombuffer(whole, np.uint8).copy()
        broken[rng.integers(2, len(whole), rng.integers(1, 4))] ^= np.uint8(rng.integers(1, 256))
        damaged.append(broken.tobytes())
    ours = [outcome(data, size) for data in damaged]
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    theirs = [outcome(data, size) for data in damaged]
    assert sum(isinstance(each, str) for each in theirs) > 5
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(other, str):
            assert isinstance(mine, str)
            assert mine == other
        else:
            assert np.abs(mine.astype(int) - other).max() <= PIXEL_BOUND


def test_the_facts_say_which_decoder_it_was(monkeypatch):
    fast = decoder_facts()
    assert fast["jpeg"].startswith("simplejpeg 1.")
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    plain = decoder_facts()
    assert plain["jpeg"].startswith("pillow 1")
    assert plain != fast
    assert json.loads(json.dumps(fast)) == fast
