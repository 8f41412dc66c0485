"""Whatever a file holds, it ends in pixels or in one line, at once, and starts no program."""

import io
import os
import subprocess
import sys
import time

import numpy as np
import odd_pictures as odd
import pytest
from odd_pictures import (
    EOI,
    IEND,
    OTHERS,
    chunk,
    cut,
    gif,
    jpeg_sized,
    noise,
    png,
    put,
    saved,
    tiff,
)
from PIL import Image, features

from tl_core import picture_limits
from tl_core.errors import ImageError
from tl_core.images import SHORT_JPEG, load_image
from tl_core.jpeg import JPEG_START
from tl_core.limits import Limits, limits, set_limits

#: In a session of few tests: these start many processes, or read what may harm one.
pytestmark = pytest.mark.slow

PIXELS = None
CUT = r"truncated|cut off|not enough|not a picture"
COSTLY = "costs too much to read"
BAD = "not a picture that can be read"
JPEG, PROGRESSIVE = saved("JPEG"), saved("JPEG", progressive=True)
LARGER = saved("JPEG", noise(side=160), progressive=True)
RESTARTS, GREY = saved("JPEG", restart_marker_rows=1), Image.new("RGB", (40, 40), (128, 128, 128))
CMYK, PNG, WEBP = saved("JPEG", noise("CMYK")), saved("PNG"), saved("WEBP")
BMP, PPM, GIF = saved("BMP"), saved("PPM"), saved("GIF", noise("L"))
BOMB = b"a\0\0" + odd.zlib.compress(bytes(2**23))
LZW = saved("TIFF", compression="tiff_lzw")
TWO = saved("MPO", save_all=True, append_images=[noise()])
#: Of each picture its file, and PIXELS or what the error says.
CASES = {
    "JPEG, cut early": (cut(JPEG, 0.1), BAD),
    "JPEG, cut in the middle": (cut(JPEG, 0.5), "cut off"),
    "JPEG, cut near its end": (JPEG[:-40], "cut off"),
    "JPEG, cut and ended": (cut(JPEG, 0.5) + EOI, "cut off"),
    "JPEG, cut near its end and ended": (JPEG[:-300] + EOI, "cut off"),
    "JPEG, cut by one byte": (JPEG[:-1], PIXELS),
    "JPEG, cut by its end": (JPEG[:-2], PIXELS),
    "JPEG, rubbish behind it": (JPEG + b"rubbish" * 99, PIXELS),
    "JPEG, rubbish in place of its end": (JPEG[:-2] + b"abc" * 9, PIXELS),
    "JPEG, a marker in its data": (put(JPEG, len(JPEG) * 3 // 4, b"\xff\xc4"), BAD),
    "JPEG, a restart in its data": (put(JPEG, len(JPEG) * 3 // 4, b"\xff\xd3"), "cut off"),
    "JPEG, header only": (JPEG[: JPEG.index(b"\xff\xda")], BAD),
    "JPEG, grey": (saved("JPEG", GREY), PIXELS),
    "JPEG, grey, without its end": (saved("JPEG", GREY)[:-2], PIXELS),
    "grey JPEG, cut and ended": (cut(saved("JPEG", noise("L")), 0.7) + EOI, "cut off"),
    "CMYK JPEG": (CMYK, PIXELS),
    "CMYK JPEG, cut and ended": (cut(CMYK, 0.5) + EOI, "cut off"),
    "CMYK JPEG, without its end": (CMYK[:-2], PIXELS),
    "JPEG with restarts, cut and ended": (cut(RESTARTS, 0.5) + EOI, "cut off"),
    "progressive JPEG, cut": (cut(PROGRESSIVE, 0.5), CUT),
    "progressive JPEG, cut in its first scan and ended": (
        LARGER[: LARGER.index(b"\xff\xda") + 90] + EOI, "cut off"
    ),
    "progressive JPEG, without its end": (PROGRESSIVE[:-2], PIXELS),
    "two pictures in a JPEG": (TWO, PIXELS),
    "two pictures in a JPEG, cut": (cut(TWO, 0.3), CUT),
    "JPEG, no rows": (jpeg_sized(0, 40), BAD),
    "JPEG, no columns": (jpeg_sized(40, 0), BAD),
    "JPEG, too many rows": (jpeg_sized(4000, 40), "cut off"),
    "JPEG, billions of pixels": (jpeg_sized(65500, 65500), COSTLY),
    "JPEG, thousands of scans": (odd.many_scans(2000), f"{COSTLY}.*seconds"),
    "JPEG, damaged EXIF": (odd.segment(b"\xff\xe1", b"Exif\0\0MM\0*\xff\xff\xff\xff" * 3), PIXELS),
    "JPEG, damaged ICC": (odd.segment(b"\xff\xe2", b"ICC_PROFILE\0\1\2rubbish"), PIXELS),
    "PNG, cut early": (cut(PNG, 0.02), BAD),
    "PNG, cut in the middle": (cut(PNG, 0.5), CUT),
    "PNG, without its end": (PNG[:-IEND], PIXELS),
    "PNG, no rows": (png(8, 0), BAD),
    "PNG, no columns": (png(0, 8), BAD),
    "PNG, a long side": (png(100_001, 1), f"{COSTLY}.*pixels on a side"),
    "PNG, too many pixels": (png(20_000, 20_000, colour=0), COSTLY),
    "PNG, billions of pixels": (png(90_000, 90_000), COSTLY),
    "PNG, 16 bits": (png(2, 2, 16, 0), PIXELS),
    "PNG, 16 bits, colour": (png(2, 2, 16, 6), PIXELS),
    "PNG, damaged checksum": (put(PNG, 20, b"\7"), BAD),
    "PNG, huge text": (png(2, 2, further=chunk(b"zTXt", BOMB)), BAD),
    "PNG, damaged ICC": (png(2, 2, further=chunk(b"iCCP", b"a\0\0" + b"rubbish")), PIXELS),
    "PNG, damaged EXIF": (png(2, 2, further=chunk(b"eXIf", b"MM\0*rubbish")), PIXELS),
    "PNG, palette absent": (png(2, 2, 8, 3), r"not a picture|^$"),
    "PNG, palette with transparency": (saved("PNG", noise("P"), transparency=bytes(9)), PIXELS),
    "GIF": (GIF, PIXELS),
    "GIF, cut": (cut(GIF, 0.7), CUT),
    "GIF, without its end": (GIF[:-1], PIXELS),
    "GIF, no rows": (gif(2, 0, (0, 0, 2, 0)), BAD),
    "GIF, billions of pixels": (gif(65535, 65535), COSTLY),
    "GIF, billions of pixels in its frame": (gif(frame=(0, 0, 65535, 65535)), COSTLY),
    "GIF, frame outside": (gif(frame=(60_000, 60_000, 2, 2)), COSTLY),
    "GIF, code size": (gif(bits=13), BAD),
    "WebP, cut": (cut(WEBP, 0.5), BAD),
    "WebP, header only": (WEBP[:30], BAD),
    "WebP, hundreds of megapixels": (odd.webp_sized(16_000), COSTLY),
    "WebP, more memory than allowed": (odd.webp_sized(9_000), f"{COSTLY}.*bytes of memory"),
    "TIFF": (tiff(), PIXELS),
    "TIFF, cut": (cut(saved("TIFF"), 0.5), BAD),
    "TIFF, cut after its pixels": (tiff()[:-40], PIXELS),
    "TIFF, no rows": (tiff(t257=0), BAD),
    "TIFF, a long side": (tiff(t256=100_001), COSTLY),
    "TIFF, width as text": (tiff(t256=(2, b"8")), BAD),
    "TIFF, unknown type of a tag": (tiff(t700=(99, b"abcd")), PIXELS),
    "TIFF, unknown compression": (tiff(t259=31_000), BAD),
    "TIFF, 40 samples": (tiff(t277=40), BAD),
    "TIFF, data outside": (tiff(t273=2**31), CUT),
    "TIFF, damaged LZW": (put(LZW, 60, bytes(200)), BAD),
    "TIFF, tiles of a picture one pixel high": (odd.tiled_tiff(90_000, 40_000), COSTLY),
    "BMP, cut": (cut(BMP, 0.5), CUT),
    "BMP, no rows": (odd.bmp(8, 0, b""), BAD),
    "BMP, from top to bottom": (odd.bmp(8, -8, bytes(64)), PIXELS),
    "BMP, run lengths": (odd.bmp(8, 8, b"\x08\1\0\0" * 8 + b"\0\1", compression=1), PIXELS),
    "BMP, run lengths, cut": (odd.bmp(8, 8, b"\x08\1\0\0" * 3, compression=1), CUT),
    "BMP, too many pixels": (odd.bmp(20_000, 20_000, b"\0\1", compression=1), COSTLY),
    "PPM, cut": (cut(PPM, 0.5), CUT),
    "PPM, no rows": (b"P6 8 0 255\n", BAD),
    "PPM, no levels": (b"P6 8 8 0\n" + bytes(192), BAD),
    "PPM, a word for a number": (b"P3 2 2 255\n1 2 three", BAD),
    "PPM, a long side": (b"P5 1000000 1 255\n", COSTLY),
    "AVIF, cut": (cut(saved("AVIF"), 0.5) if features.check("avif") else b"", BAD),
} | {f"{kind} called .png": (data, BAD) for kind, data in OTHERS.items()}  # fmt: skip


@pytest.fixture
def allowed():
    """Sets limits for a test."""
    before = limits()
    yield lambda **values: set_limits(Limits(**values))
    set_limits(before)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize("name", CASES)
def test_a_file_ends_in_pixels_or_in_one_line(name, size):
    data, expected = CASES[name]
    if expected is PIXELS:
        pixels = load_image(data, size=size)
        assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3)
        return
    with pytest.raises(ImageError, match=expected) as caught:
        load_image(data, size=size, name="odd.png")
    text = str(caught.value)
    assert text.startswith("odd.png: ")
    assert text.isprintable()


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, CMYK, RESTARTS])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_has_all_its_pixels(whole, missing):
    np.testing.assert_array_equal(load_image(whole[:-missing]), load_image(whole))


def test_a_name_with_terminal_codes_is_shown_without_them():
    with pytest.raises(ImageError, match=r"^a\\x1b\[31m\\nb: not a picture"):
        load_image(b"rubbish", name="a\x1b[31m\nb")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pixels_are_limited_to_the_pixel(allowed, form):
    data = saved(form)
    allowed(picture_pixels=1600)
    assert load_image(data).shape == (40, 40, 3)
    allowed(picture_pixels=1599)
    with pytest.raises(ImageError, match=r"1,600 pixels: the limit is 1,599"):
        load_image(data)


def test_a_pillow_image_is_limited_too(allowed):
    allowed(picture_pixels=1599)
    with pytest.raises(ImageError, match="1,600 pixels"):
        load_image(noise())


def test_a_higher_limit_is_higher_than_pillows(allowed, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert load_image(PNG).shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("mode", "size", "least"),
    [("RGB", None, 7), ("RGB", 16, 7), ("L", None, 4), ("RGBA", None, 7), ("I;16", None, 5)],
)
def test_memory_is_expected_from_the_header(allowed, mode, size, least):
    data = saved("PNG", Image.new(mode, (40, 40)))
    allowed(picture_bytes=1600 * least + len(data))
    assert load_image(data, size=size).shape == (40, 40, 3)
    allowed(picture_bytes=1600 * least + len(data) - 1)
    with pytest.raises(ImageError, match="bytes of memory to decode it"):
        load_image(data, size=size)


def test_a_picture_that_takes_too_long_to_parse_is_refused(allowed, monkeypatch):
    """Comments of a GIF are read block by block."""
    clock = iter(range(10**6))
    monkeypatch.setattr(picture_limits.time, "thread_time", lambda: next(clock))
    comment = b"!\xfe" + b"\x01a" * 400 + b"\0"
    allowed(picture_seconds=200)
    with pytest.raises(ImageError, match=r"longer than the limit of 200 s"):
        load_image(gif(extension=comment))
    assert load_image(GIF).shape == (40, 40, 3)


def test_a_short_jpeg_of_markers_alone_is_refused_in_seconds():
    """Its header is read without a look at the clock."""
    data = JPEG_START + b"\xff\xfe\0\2" * (SHORT_JPEG // 4 - 1)
    assert len(data) <= SHORT_JPEG
    start = time.thread_time()
    with pytest.raises(ImageError, match="not a picture that can be read"):
        load_image(data)
    assert time.thread_time() - start < limits().picture_seconds


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "1", "I;16", "F", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_give_the_pixels_of_the_whole(monkeypatch, mode, orientation):
    from tl_core import pixels

    levels = Image.linear_gradient("L").resize((90, 71))
    image = Image.merge("RGB", (levels, levels.transpose(0), levels))
    if mode in {"I;16", "F"}:
        deep = np.asarray(levels).astype(np.float32)
        image = Image.fromarray((deep * 257).astype(np.uint16) if mode == "I;16" else deep / 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved("TIFF", image if mode in {"I;16", "F"} else image.convert(mode), exif=exif)
    for size in (None, 16):
        monkeypatch.setattr(pixels, "LARGE", 100)
        monkeypatch.setattr(pixels, "STRIP", 10**6)
        whole = load_image(data, size=size)
        monkeypatch.setattr(pixels, "STRIP", 200)
        np.testing.assert_array_equal(load_image(data, size=size), whole)


def test_no_file_starts_a_program_or_makes_a_c_library_print(tmp_path):
    """Ghostscript would draw an EPS; libtiff prints what is wrong with a file."""
    mark, folder = tmp_path / "mark", tmp_path / "bin"
    folder.mkdir()
    for program in ("gs", "gswin64c", "djpeg", "cjpeg", "xdg-open"):
        (folder / program).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (folder / program).chmod(0o755)
    names = [name for name in CASES if "TIFF" in name or "called" in name or "JPEG" in name]
    for number, name in enumerate(names):
        (tmp_path / f"{number}.png").write_bytes(CASES[name][0])
    code = """
import glob, sys
from tl_core.images import load_image
for path in glob.glob(sys.argv[1] + "/*.png"):
    try:
        load_image(path)
    except ValueError as error:
        assert "Error" in type(error).__name__
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not mark.exists()
    # The mark can be left: this is how Pillow reads an EPS.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        patch.setattr("PIL.EpsImagePlugin.gs_binary", None)
        with pytest.raises(OSError, match=r"."):
            Image.open(io.BytesIO(OTHERS["EPS"])).load()
