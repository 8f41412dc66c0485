"""Picture files decoded inside a graph have the pixels that training reads."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tl_core.graph_images import decode
from tl_core.images import load_image

NOISE = np.random.default_rng(4).integers(0, 256, (8, 9, 4), np.uint8)
RGBA = Image.fromarray(NOISE)
RGB = RGBA.convert("RGB")
DEEP = Image.fromarray(np.random.default_rng(4).integers(0, 65536, (8, 9), np.uint16))


def as_file(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("image", "form", "options", "most"),
    [
        pytest.param(RGBA, "PNG", {}, 0, id="PNG with alpha"),
        pytest.param(RGBA.convert("LA"), "PNG", {}, 0, id="PNG grey with alpha"),
        pytest.param(RGB.quantize(200), "PNG", {"transparency": 3}, 0, id="PNG palette, alpha"),
        pytest.param(RGB.quantize(4), "PNG", {"bits": 2, "transparency": 1}, 0, id="PNG 2 bits"),
        pytest.param(RGB, "PNG", {"transparency": RGB.getpixel((0, 0))}, 0, id="PNG, a colour"),
        pytest.param(RGB, "PNG", {}, 0, id="PNG"),
        pytest.param(RGB.convert("L"), "PNG", {}, 0, id="PNG grey"),
        pytest.param(RGB.convert("1"), "PNG", {}, 0, id="PNG black and white"),
        pytest.param(DEEP, "PNG", {}, 1, id="PNG 16 bits"),
        pytest.param(RGB, "GIF", {}, 0, id="GIF"),
        pytest.param(RGB, "BMP", {}, 0, id="BMP"),
        pytest.param(RGBA, "BMP", {}, 0, id="BMP 32 bits"),
        pytest.param(RGB.convert("L"), "BMP", {}, 0, id="BMP grey"),
        pytest.param(RGB, "JPEG", {"quality": 95}, 0, id="JPEG"),
        pytest.param(RGB.convert("L"), "JPEG", {}, 0, id="JPEG grey"),
        pytest.param(RGB.convert("CMYK"), "JPEG", {}, 0, id="JPEG CMYK"),
    ],
)
def test_served_files_are_decoded_as_training_reads_them(image, form, options, most):
    """Pixel by pixel, transparency over white."""
    file = as_file(image, form, **options)
    ours = load_image(io.BytesIO(file)).astype(int)
    assert np.abs(decode(file).numpy() - ours).max() <= most


def test_transparent_pixels_of_a_served_gif_are_not_white():
    """A known difference; whoever fixes TensorFlow may delete this test."""
    file = as_file(RGB.quantize(16), "GIF", transparency=3)
    assert (decode(file).numpy() != load_image(io.BytesIO(file))).any()


def exif(orientation, *, big=False, kind=3, count=1, before=2, after=1, offset=8):
    """EXIF data as cameras write them: a directory with other entries around the orientation."""
    order = ">" if big else "<"
    value = struct.pack(order + ("H2x" if kind == 3 else "I"), orientation)
    other = struct.pack(order + "HHI4s", 0x0131, 2, 4, b"abc")
    entry = struct.pack(order + "HHI", 0x0112, kind, count) + value
    entries = [other] * before + [entry] + [other] * after
    header = (b"MM" if big else b"II") + struct.pack(order + "HI", 42, offset)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return header.ljust(offset, b"\xaa") + directory


def jpeg(data, *, before=b""):
    """A JPEG with EXIF data behind other segments."""
    whole = as_file(RGB, "JPEG")
    content = b"Exif\0\0" + data
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    return whole[:2] + before + segment + whole[2:]


def png(data):
    return as_file(RGB, "PNG", exif=data)


def assert_decoded_as_pillow_does(file, *, turned=True):
    expected = load_image(io.BytesIO(file))
    np.testing.assert_array_equal(decode(file).numpy(), expected)
    stored = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    assert turned == (stored.shape != expected.shape or (stored != expected).any())


@pytest.mark.parametrize("make", [jpeg, png])
@pytest.mark.parametrize("big", [False, True], ids=["II", "MM"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(make, big, orientation):
    assert_decoded_as_pillow_does(make(exif(orientation, big=big)), turned=orientation > 1)


#: Segments that stand before EXIF data: JFIF's, XMP's of the same marker, a comment, padding.
OTHERS = (
    b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xe1\x00\x23http://ns.adobe.com/xap/1.0/\x00<x/>\xff\xfe\x00\x04hi\xff\xff"
)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of the damaged ones
@pytest.mark.parametrize(
    ("file", "turned"),
    [
        pytest.param(jpeg(exif(6), before=OTHERS), True, id="behind other segments"),
        pytest.param(jpeg(exif(6, kind=4)), True, id="a long number"),
        pytest.param(jpeg(exif(6, offset=26)), True, id="the directory further on"),
        pytest.param(jpeg(b"Exif\0\0" + exif(6)), True, id="the name twice"),
        pytest.param(png(b"Exif\0\0" + exif(6)), True, id="PNG, with JPEG's name"),
        pytest.param(jpeg(exif(0)), False, id="0"),
        pytest.param(jpeg(exif(9)), False, id="9"),
        pytest.param(jpeg(exif(6, count=2)), True, id="two numbers"),
        pytest.param(jpeg(exif(6, count=3)), False, id="three numbers elsewhere"),
        pytest.param(jpeg(exif(6, before=0)[:17]), False, id="cut off"),
        pytest.param(jpeg(exif(6)[:10] + exif(6)[22:]), True, id="one entry less"),
        pytest.param(jpeg(exif(6, kind=2)), False, id="a text"),
        pytest.param(as_file(RGB, "JPEG"), False, id="no EXIF"),
    ],
)
def test_exif_data_are_read_as_pillow_reads_them(file, turned):
    assert_decoded_as_pillow_does(file, turned=turned)


@pytest.mark.parametrize("data", [b"", b"II", b"XX*\0\x08\0\0\0", exif(6)[:4] + b"\xff" * 20])
def test_damaged_exif_data_turn_nothing(data):
    """Where Pillow may refuse the whole picture."""
    file = jpeg(data)
    np.testing.assert_array_equal(
        decode(file).numpy(), load_image(io.BytesIO(as_file(RGB, "JPEG")))
    )
