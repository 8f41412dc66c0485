"""Which images a row's model got right, and how two rows' accuracies compare."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbench.stats.proportions import AccuracyChange, compare_paired, compare_unpaired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: What two rows must have in common for their accuracies to be of the same images.
SAME_IMAGES = ("data_fingerprint", "test_size")
#: More test images aren't counted.
MOST_IMAGES = 1_000_000_000


class NotComparableError(ValueError):
    """Two accuracies that can't be compared, such as of other images: what each of them is."""


def pack(correct: NDArray[np.bool_]) -> str:
    """Which images were right, ``(images,)``, as base64 of bits; the first image is the high bit.

    Bits that fill up the last byte are 0.
    """
    return base64.b64encode(np.packbits(correct).tobytes()).decode("ascii")


def unpack(text: object, count: int) -> NDArray[np.bool_]:
    """What ``pack`` made the text of, for so many images.

    Raises:
        ValueError: No base64, or not the bits of so many images.
    """
    try:
        packed = base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise ValueError(f"correct: {str(text)[:20]!r} is no base64 text ({error})") from error
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    if len(packed) != -(-count // 8) or bits[count:].any():
        raise ValueError(f"correct: {len(bits)} bits, expected those of {count} images")
    return bits[:count].astype(np.bool_)


def accuracy_change(
    base_info: Mapping[str, Any], candidate_info: Mapping[str, Any]
) -> AccuracyChange | None:
    """The change of accuracy between two rows, from their ``extra_info``.

    Rows of this suite say which images were right, and are compared image by image. Rows of other
    suites that have ``accuracy`` and ``test_size`` are compared as two samples, which needs a
    larger loss. Where only ``accuracy`` is known, nothing can be said of chance: any loss counts
    as real.

    Returns:
        None where either has no accuracy.

    Raises:
        NotComparableError: Other images or another number of them, no accuracy from 0 to 1, or
            ``correct`` isn't the bits of so many images.
    """
    infos = (base_info, candidate_info)
    if any(info.get("accuracy") is None for info in infos):
        return None
    for name in SAME_IMAGES:
        old, new = (info.get(name) for info in infos)
        if old != new:
            raise NotComparableError(f"accuracies of other images: {name} {old} -> {new}")
    base, candidate = map(_share, infos)
    count = base_info.get("test_size")
    if count is None:
        return AccuracyChange(base, candidate, 0, 0, 0, 0.0 if candidate < base else 1.0)
    if not isinstance(count, int) or not 1 <= count <= MOST_IMAGES:
        raise NotComparableError(f"test_size {count!r}: expected a number of images")
    texts = [info.get("correct") for info in infos]
    if not all(isinstance(text, str) for text in texts):
        return compare_unpaired(base, candidate, count)
    try:
        return compare_paired(*(unpack(text, count) for text in texts))
    except ValueError as error:
        raise NotComparableError(str(error)) from error


def _share(info: Mapping[str, Any]) -> float:
    try:
        value = float(info["accuracy"])
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not 0 <= value <= 1:
        raise NotComparableError(f"accuracy {info['accuracy']!r}: expected a share from 0 to 1")
    return value
