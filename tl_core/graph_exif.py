"""Read and undo the EXIF orientation inside a graph, from the bytes of a JPEG or PNG file.

TensorFlow's decoders ignore it. This module searches the file's segments for the EXIF data: a TIFF
header with a directory of entries, of which one may be the orientation. Damaged data count as no
data: reading beyond the end gives zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tl_core.models.untyped import Tensor

#: The tag of the orientation, and its possible types.
ORIENTATION, SHORT, LONG = 0x0112, 3, 4
#: Bytes of a directory's entry: tag, type, count, value.
ENTRY = 12
#: The bytes before the TIFF header in JPEG files (in some twice) and in some PNG files.
EXIF = b"Exif\0\0"
#: JPEG's markers of an application's data, of the pixels, and of padding before another marker.
APP1, SCAN, FILL = 0xE1, 0xDA, 0xFF
#: Where the first segment of a file begins.
AFTER_JPEG_START, AFTER_PNG_START = 2, 8


def upright(pixels: Tensor, orientation: Tensor) -> Tensor:
    """Pixels ``(h, w, 3)`` as a person sees them; ``(w, h, 3)`` for the orientations 5 to 8.

    For orientations other than 2 to 8, the pixels are returned unchanged.
    """
    import tensorflow as tf

    def step(orientations: Sequence[int]) -> Tensor:
        return tf.where(tf.reduce_any(orientation == tf.constant(orientations, tf.int64)), -1, 1)

    on_its_side = (orientation >= 5) & (orientation <= 8)
    turned = tf.cond(on_its_side, lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels)
    return turned[:: step((3, 4, 7, 8)), :: step((2, 3, 6, 7))]


def jpeg_orientation(file: Tensor) -> Tensor:
    """The orientation in a JPEG file's bytes, a string scalar: int64, 1 if there is none."""
    data = _bytes(file)

    def look(at: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        import tensorflow as tf

        marker = data[at + 1]
        end = at + 2 + _number(data, at + 2, 2, big=True)
        following = tf.where(marker == FILL, at + 1, end)
        # No marker, or the pixels: no segments follow.
        last = (data[at] != FILL) | (marker == SCAN)
        found = (marker == APP1) & _starts_with(data, at + 4, EXIF) & ~last
        begin = at + 4 + len(EXIF)
        return found, begin, end, tf.where(last, tf.size(data, tf.int64), following)

    return _tiff_orientation(_segment(data, AFTER_JPEG_START, look))


def png_orientation(file: Tensor) -> Tensor:
    """The same of a PNG file, from its ``eXIf`` chunk."""
    data = _bytes(file)

    def look(at: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        begin = at + 8
        end = begin + _number(data, at, 4, big=True)
        return _starts_with(data, at + 4, b"eXIf"), begin, end, end + 4

    return _tiff_orientation(_segment(data, AFTER_PNG_START, look))


def _segment(
    data: Tensor, first: int, look: Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
) -> Tensor:
    """The content of the first segment that ``look`` accepts: uint8 ``(n,)``, empty if none.

    For the segment at a position, ``look`` returns whether to accept it, where its content begins
    and ends, and where the next segment is.
    """
    import tensorflow as tf

    size = tf.size(data, tf.int64)

    def more(at: Tensor, _begin: Tensor, end: Tensor) -> Tensor:
        # No segment has fewer than four bytes.
        return (end == 0) & (at + 4 < size)

    def step(at: Tensor, begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found, from_, to, following = look(at)
        return following, tf.where(found, from_, begin), tf.where(found, to, end)

    none = tf.constant(0, tf.int64)
    _, begin, end = tf.while_loop(more, step, (tf.constant(first, tf.int64), none, none))
    return data[begin:end]


def _tiff_orientation(segment: Tensor) -> Tensor:
    """The orientation in EXIF data, uint8 ``(n,)``; 1 if there is none."""
    import tensorflow as tf

    # A zero for all positions beyond the end.
    data = tf.concat([segment, tf.zeros(1, tf.uint8)], axis=0)
    start = tf.where(_starts_with(data, 0, EXIF), tf.constant(len(EXIF), tf.int64), 0)
    big = _starts_with(data, start, b"MM")
    known = big | _starts_with(data, start, b"II")
    directory = start + _number(data, start + 4, 4, big=big)
    entries = directory + 2 + ENTRY * tf.range(_number(data, directory, 2, big=big))
    tags, types = (_number(data, entries + place, 2, big=big) for place in (0, 2))
    short, long = (_number(data, entries + 8, size, big=big) for size in (2, 4))
    counts = _number(data, entries + 4, 4, big=big)
    # Up to two short numbers fit into an entry, and the first counts; more are stored elsewhere.
    right = ((types == SHORT) & ((counts == 1) | (counts == 2))) | ((types == LONG) & (counts == 1))
    fits = known & right & (tags == ORIENTATION)
    values = tf.boolean_mask(tf.where(types == SHORT, short, long), fits)
    return tf.concat([tf.constant([1], tf.int64), values], axis=0)[-1]


def _bytes(file: Tensor) -> Tensor:
    """A string scalar as uint8 ``(n + 1,)``, with a zero at its end."""
    import tensorflow as tf

    return tf.io.decode_raw(tf.strings.join([file, tf.constant(b"\0")]), tf.uint8)


def _at(data: Tensor, places: Tensor) -> Tensor:
    """Bytes at these positions, int64; beyond the end, a zero."""
    import tensorflow as tf

    return tf.cast(tf.gather(data, tf.minimum(places, tf.size(data, tf.int64) - 1)), tf.int64)


def _number(data: Tensor, places: Tensor, size: int, *, big: Tensor | bool) -> Tensor:
    """Unsigned numbers of ``size`` bytes at positions of any shape, int64; either endianness."""
    import tensorflow as tf

    weights = tf.constant([256**place for place in range(size)], tf.int64)
    weights = tf.where(big, weights[::-1], weights)
    digits = _at(data, tf.cast(places, tf.int64)[..., None] + tf.range(size, dtype=tf.int64))
    return tf.reduce_sum(digits * weights, axis=-1)


def _starts_with(data: Tensor, place: Tensor | int, text: bytes) -> Tensor:
    """Whether this text is at a position."""
    import tensorflow as tf

    places = tf.cast(place, tf.int64) + tf.range(len(text), dtype=tf.int64)
    return tf.reduce_all(_at(data, places) == tf.constant(list(text), tf.int64))
