"""Pictures that are damaged, huge or not pictures, made by code: their bytes by what they are."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

#: What ends a picture's data: JPEG's marker, and the chunk of PNG.
EOI, IEND = b"\xff\xd9", 12


def noise(mode="RGB", side=40):
    pixels = np.random.default_rng(3).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(form, image=None, **options):
    file = io.BytesIO()
    (image or noise()).save(file, form, **options)
    return file.getvalue()


def cut(data, share):
    return data[: int(len(data) * share)]


def put(data, at, values):
    return data[:at] + values + data[at + len(values) :]


def jpeg_sized(height, width):
    """A JPEG whose header says another size: of the frame's segment, the bytes 5 to 8."""
    data = saved("JPEG")
    return put(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def many_scans(count, side=2000):
    """A progressive JPEG whose last scan, of few bytes, comes again and again."""
    data = saved("JPEG", Image.new("RGB", (side, side), (9, 90, 200)), progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * count + EOI


def segment(marker, content):
    """A JPEG with a further segment at its start."""
    data = saved("JPEG")
    return data[:2] + marker + struct.pack(">H", len(content) + 2) + content + data[2:]


def chunk(kind, content):
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(width, height, depth=8, colour=2, *, further=b""):
    """A PNG of a size, whose first four rows at most are there, all zeros."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = b"\0" * (1 + (width * channels * depth + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + further
        + chunk(b"IDAT", zlib.compress(row * min(height, 4))) + chunk(b"IEND", b"")
    )  # fmt: skip


def gif(width=2, height=2, frame=(0, 0, 2, 2), *, bits=2, extension=b""):
    """A GIF of two colours; its frame has a place and a size of its own."""
    header = struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    data = bytes([bits]) + b"\x03\x84\x11\x05\0;"
    return b"GIF89a" + header + extension + b"," + struct.pack("<HHHH", *frame) + b"\0" + data


def tiff(data=bytes(64), **tags):
    """A grey TIFF of 8 x 8; tags ``t256=...`` replace its own: a number, or type and bytes."""
    own = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: len(data)}
    own |= {int(name[1:]): value for name, value in tags.items()}
    entries = b""
    for tag, value in sorted(own.items()):
        if value is not None:
            kind, content = value if isinstance(value, tuple) else (4, struct.pack("<I", value))
            entries += struct.pack("<HHI", tag, kind, 1) + content.ljust(4, b"\0")
    directory = struct.pack("<H", len(entries) // 12) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def tiled_tiff(width, tile_height):
    """A picture one pixel high, whose tiles are thousands high and all the same few bytes."""
    tile = zlib.compress(bytes(16 * tile_height))
    count = -(-width // 16)
    first = 8 + len(tile)
    tags = [(256, width), (257, 1), (258, 8), (259, 8), (262, 1), (277, 1), (322, 16),
            (323, tile_height)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries += struct.pack("<HHII", 324, 4, count, first)
    entries += struct.pack("<HHII", 325, 4, count, first + 4 * count)
    lists = struct.pack("<I", 8) * count + struct.pack("<I", len(tile)) * count
    directory = struct.pack("<H", len(tags) + 2) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", first + len(lists)) + tile + lists + directory


def bmp(width, height, rows, bits=8, compression=0):
    palette = bytes(1024) if bits == 8 else b""
    start = 54 + len(palette)
    file = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(rows), 0, 0, 0, 0
    )
    return file + header + palette + rows


def webp_sized(side):
    """A lossless WebP whose header says another size, in 14 bits each."""
    data = saved("WEBP", lossless=True)
    return put(data, 21, struct.pack("<I", (side - 1) | (side - 1) << 14))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
#: What isn't read, whatever its name says, by what it is.
OTHERS = {
    "EPS": EPS,
    "EPS with preview": b"\xc5\xd0\xd3\xc6"
    + struct.pack("<7I", 32, len(EPS), 0, 0, 0, 0, 65535)
    + EPS,
    "PDF": b"%PDF-1.4\n1 0 obj <</Type /Page>> endobj\n",
    "SVG": b'<?xml version="1.0"?><svg><image href="/etc/passwd"/></svg>',
    "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(400),
    "FITS": b"SIMPLE  =                    T".ljust(80)
    + b"BITPIX  =                    8".ljust(80),
    "ICO": saved("ICO"),
    "ICNS": b"icns" + struct.pack(">I", 8),
    "JPEG 2000": saved("JPEG2000"),
    "DDS": saved("DDS"),
    "TGA": saved("TGA"),
    "PCX": saved("PCX"),
    "SGI": saved("SGI"),
    "XPM": b'/* XPM */\nstatic char *a[] = {"1 1 1 1", "a c #000000", "a"};',
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "FLI": struct.pack("<IHHHHHH", 128, 0xAF11, 1, 8, 8, 8, 0).ljust(200, b"\0"),
    "ZIP": b"PK\x03\x04" + bytes(30),
    "page": b"<!DOCTYPE html><html>",
    "terminal codes": b"\x1b[31mred\x1b[0m\x9b2J\r\n\0",
    "nothing": b"",
    "one byte": b"\xff",
}
