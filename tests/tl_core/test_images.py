"""Any picture becomes upright 8-bit RGB, as Pillow and NumPy say it must look."""

import io
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from tl_core import images, pixels
from tl_core.errors import ImageError
from tl_core.images import load_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def two_by_one(left, right, mode="RGB"):
    image = Image.new(mode, (2, 1))
    image.putpixel((0, 0), left)
    image.putpixel((1, 0), right)
    return image


def test_rgb_comes_back_pixel_by_pixel_in_rgb_order():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    loaded = load_image(saved(Image.fromarray(pixels), "PNG"))
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    upright = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    # What a camera held that way stores, by EXIF's definition of rows and columns.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(load_image(file), upright)


def test_palette_colours_are_looked_up():
    image = two_by_one(RED, BLUE).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(load_image(saved(image, "PNG")), [[RED, BLUE]])


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_over_white(form):
    image = two_by_one((*RED, 255), (0, 0, 0, 0), "RGBA")
    options = {"lossless": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(load_image(saved(image, form, **options)), [[RED, WHITE]])


def test_half_transparent_is_mixed_with_white():
    loaded = load_image(saved(two_by_one((*BLUE, 128), (*BLUE, 0), "RGBA"), "PNG"))
    np.testing.assert_allclose(loaded[0, 0], [127, 127, 255], atol=1)


def test_a_transparent_palette_entry_lies_over_white():
    image = two_by_one(RED, BLUE).convert("P", palette=Image.Palette.ADAPTIVE)
    hidden = image.getpixel((1, 0))
    np.testing.assert_array_equal(
        load_image(saved(image, "PNG", transparency=hidden)), [[RED, WHITE]]
    )


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(form):
    deep = np.array([[0, 257, 32896, 65535]], np.uint16)
    loaded = load_image(saved(Image.fromarray(deep), form))
    np.testing.assert_array_equal(loaded[..., 0], [[0, 1, 128, 255]])
    assert (loaded == loaded[..., :1]).all()


def test_float_grey_is_taken_as_unit_range():
    image = Image.fromarray(np.array([[0.0, 0.5, 1.0, 7.0]], np.float32))
    np.testing.assert_array_equal(load_image(saved(image, "TIFF"))[0, :, 1], [0, 128, 255, 255])


def test_cmyk_is_converted():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    loaded = load_image(saved(image, "JPEG", quality=100))
    assert np.abs(loaded.astype(int) - RED).max() <= 3


@pytest.mark.parametrize(("mode", "value"), [("L", 77), ("1", 1), ("LA", (77, 255))])
def test_grey_is_repeated_over_three_channels(mode, value):
    loaded = load_image(saved(Image.new(mode, (2, 3), value), "PNG"))
    assert loaded.shape == (3, 2, 3)
    assert (loaded == (255 if mode == "1" else 77)).all()


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (GREEN, RED)]
    file = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load_image(file)[0, 0], GREEN)


def test_a_pillow_image_is_taken_as_it_is():
    np.testing.assert_array_equal(load_image(two_by_one(RED, GREEN)), [[RED, GREEN]])


def test_paths_as_text_and_as_path_are_read(tmp_path):
    path = tmp_path / "a.bmp"
    two_by_one(RED, GREEN).save(path)
    np.testing.assert_array_equal(load_image(str(path)), load_image(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "not a picture"),
        (b"GIF89a rubbish", "not a picture"),
        (b"<!DOCTYPE html><html>", r"not a picture .*it begins with b'<!DOCTYPE html>'"),
    ],
    ids=["absent", "empty", "rubbish", "page"],
)
def test_what_is_no_picture_is_named_in_the_error(tmp_path, content, message):
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=f"broken.png: {message}"):
        load_image(path)


@given(keep=st.floats(0.05, 0.9))
def test_a_cut_off_picture_is_refused(keep):
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    whole = saved(Image.fromarray(pixels), "JPEG").getvalue()
    with pytest.raises(ImageError, match="not a picture"):
        load_image(io.BytesIO(whole[: int(len(whole) * keep)]))


def test_a_phones_200_megapixels_are_a_picture():
    """Pillow's own limit is 179 million pixels."""
    width, height = 16320, 12240
    loaded = load_image(saved(Image.new("L", (width, height), 77), "JPEG"), size=224)
    assert loaded.shape == (height // 8, width // 8, 3)
    assert (loaded == 77).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_large_picture_of_any_format_comes_at_a_fraction(monkeypatch, mode):
    monkeypatch.setattr(pixels, "LARGE", 1000)
    monkeypatch.setattr(pixels, "STRIP", 5000)
    whole = Image.linear_gradient("L").convert(mode)  # 256 x 256
    file = saved(whole, "PNG")
    expected = np.asarray(whole.convert("RGB").reduce(4))
    np.testing.assert_array_equal(load_image(file, size=32), expected)
    assert load_image(file).shape == load_image(file, size=100).shape == (256, 256, 3)


def test_pictures_decoded_at_once_have_room_for_so_many_pixels():
    room, held, most = images._Room(100), [], []

    def decode(pixels):
        with room.taken(pixels):
            held.append(min(pixels, 100))
            most.append(sum(held))
            time.sleep(0.001)
            held.remove(min(pixels, 100))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [60, 30, 1000, 40] * 10))
    assert len(most) == 40
    assert 60 < max(most) <= 100


@pytest.mark.parametrize("form", ["ICO", "JPEG2000", "TGA", "PCX"])
def test_formats_that_are_no_photographs_are_refused(form):
    with pytest.raises(ImageError, match="expected a whole JPEG, PNG, WebP"):
        load_image(saved(Image.new("RGB", (32, 32)), form))


@pytest.mark.parametrize("form", [form for form in images.FORMATS if form != "AVIF"])
def test_every_format_of_the_docs_is_read(form):
    guide = Path(__file__).parents[2] / "docs" / "images.md"
    assert form in guide.read_text(encoding="utf-8").upper()
    assert form in images.readable_formats()
    assert load_image(saved(Image.new("RGB", (32, 32), GREEN), form)).shape == (32, 32, 3)


def test_bytes_paths_and_files_are_the_same_picture(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(noise(), "JPEG").getvalue())
    expected = load_image(path)
    file = io.BytesIO(path.read_bytes())
    file.read()  # a file that was read before is read from its start
    for source in (str(path), path.read_bytes(), file):
        np.testing.assert_array_equal(load_image(source), expected)


def test_an_error_names_what_it_is_told_to():
    with pytest.raises(ImageError, match=r"^cats/a\.jpg: not a picture"):
        load_image(b"rubbish", name="cats/a.jpg")


def noise(seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8))


#: EXIF with one entry, the orientation: tag 0x0112, type 3 (short), count 1, value 1.
UPRIGHT = bytes.fromhex("457869660000 4d4d002a00000008 0001 0112 0003 00000001 00010000 00000000")


def camera_exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    exif[0x8769] = {0x9003: "2020:01:01 00:00:00"}
    return exif


@pytest.mark.parametrize(
    ("form", "with_exif"),
    [("JPEG", True), ("PNG", True), ("GIF", False), ("WEBP", True), ("TIFF", False),
     ("BMP", False), ("AVIF", True)],
)  # fmt: skip
def test_a_picture_with_flipped_bytes_gives_pixels_or_an_image_error(form, with_exif):
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    whole = saved(noise(), form, **({"exif": camera_exif()} if with_exif else {})).getvalue()
    rng = np.random.default_rng(20)
    refused = 0
    for _ in range(400):
        damaged = np.frombuffer(whole, np.uint8).copy()
        near = min(200, len(whole)) if rng.random() < 0.6 else len(whole)  # headers break most
        damaged[rng.integers(0, near, rng.integers(1, 5))] ^= np.uint8(rng.integers(1, 256))
        try:
            pixels = load_image(io.BytesIO(damaged.tobytes()))
        except ImageError:
            refused += 1
        else:
            assert pixels.dtype == np.uint8
            assert pixels.shape[2:] == (3,)
    assert refused > 20


@pytest.mark.parametrize(("at", "value"), [(17, 0), (19, 5)], ids=["other tag", "other type"])
def test_a_picture_with_damaged_exif_is_read_as_it_is_stored(at, value):
    """Pillow's exif_transpose raises struct.error or AttributeError, since it rewrites the EXIF."""
    exif = bytearray(camera_exif().tobytes())
    exif[at] = value
    plain, damaged = (load_image(saved(noise(), "JPEG", exif=each)) for each in (b"", bytes(exif)))
    assert any(np.array_equal(damaged, np.rot90(plain, turns)) for turns in (0, -1))


@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_an_orientation_that_does_not_exist_changes_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, odd = saved(noise(), "JPEG"), saved(noise(), "JPEG", exif=exif)
    np.testing.assert_array_equal(load_image(odd), load_image(plain))


def test_threads_leave_the_warning_filters_alone():
    """catch_warnings restored, in one thread, what it had found in the middle of another."""
    before = list(warnings.filters)
    files = [saved(noise(seed), "PNG").getvalue() for seed in range(200)]
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda file: load_image(io.BytesIO(file)), files))
    assert len(loaded) == 200
    assert warnings.filters == before


def test_no_warning_filter_is_touched_while_a_picture_is_read(monkeypatch):
    def touched(*_, **__):
        raise AssertionError("warnings.catch_warnings isn't thread-safe")

    monkeypatch.setattr(warnings, "catch_warnings", touched)
    assert load_image(saved(noise(), "PNG")).shape == (24, 24, 3)


def test_pillows_warnings_are_no_errors_even_where_warnings_are(tmp_path):
    """A picture whose EXIF is cut short is a picture: with python -W error, too."""
    path = tmp_path / "cut.jpg"
    noise().save(path, exif=UPRIGHT[:20])
    code = f"""
import PIL.Image
PIL.Image.MAX_IMAGE_PIXELS = 400
from tl_core.images import load_image
print(load_image({str(path)!r}).shape)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "(24, 24, 3)", done.stderr
    assert not done.stderr
