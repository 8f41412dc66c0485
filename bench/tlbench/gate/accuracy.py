"""Was accuracy lost? Both sides' answers to the same images, compared image by image.

Two accuracies alone hide what they have in common: on 500 images, 0.90 and 0.88 are within chance
of each other, unless the same 440 images are right in both and 10 more in one of them.
"""

from __future__ import annotations

import base64
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbench.gate.outcome import AccuracyChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: A loss exceeds a tolerance by more than the rounding of a difference of two shares.
ROUNDING = 1e-9
#: What two rows must have in common for their accuracies to be of the same images.
SAME_IMAGES = ("data_fingerprint", "test_size")


class NotComparableError(ValueError):
    """Two accuracies that can't be compared, such as of other images: what each of them is."""


def pack(correct: NDArray[np.bool_]) -> str:
    """Which images were right, ``(images,)``, as base64 of bits; the first image is the high bit.

    Bits that fill up the last byte are 0.
    """
    return base64.b64encode(np.packbits(correct).tobytes()).decode("ascii")


def unpack(text: object, count: int) -> NDArray[np.bool_]:
    """What ``pack`` was given.

    Args:
        text: From a result row's ``correct``.
        count: Number of images.

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


def compare(base: NDArray[np.bool_], head: NDArray[np.bool_]) -> AccuracyChange:
    """The change, and how likely chance alone loses as many images: McNemar's test, exact.

    Of the images that only one side got right, each is as likely to be either's if nothing
    changed; images that both got right or wrong say nothing.

    Args:
        base: Which images the base got right, ``(images,)``.
        head: The same images in the same order.

    Raises:
        NotComparableError: No images, or not as many.

    Source: McNemar, Psychometrika 12, 1947; exact by the binomial distribution.
    """
    if base.shape != head.shape or not base.size:
        raise NotComparableError(f"answers to {base.size} and to {head.size} images")
    lost, won = int(np.sum(base & ~head)), int(np.sum(head & ~base))
    p = _at_least(lost, lost + won)
    return AccuracyChange(float(base.mean()), float(head.mean()), base.size, lost, won, p)


def lost(change: AccuracyChange, tolerance: float, alpha: float) -> bool:
    """Whether accuracy was lost: more than the tolerance, and not by chance.

    Args:
        change: From ``compare`` or ``change_of``.
        tolerance: In points of 1.
        alpha: Largest p that is believed.
    """
    return beyond(change, tolerance) and change.p <= alpha


def beyond(change: AccuracyChange, tolerance: float) -> bool:
    """Whether the head's accuracy is lower by more than the tolerance, by chance or not."""
    return change.base - change.head > tolerance + ROUNDING


def change_of(base_info: Mapping[str, Any], head_info: Mapping[str, Any]) -> AccuracyChange | None:
    """The change of accuracy between two rows, from their ``extra_info``.

    Rows of this suite say which images were right, and are compared image by image. Rows of other
    suites that have ``accuracy`` and ``test_size`` are compared as two samples (Fisher's exact
    test, which needs a larger loss); ``lost`` and ``won`` are then the fewest images that fit.
    Where only ``accuracy`` is known, nothing can be said of chance: any loss counts as real.

    Returns:
        None where either has no accuracy.

    Raises:
        NotComparableError: Other images or another number of them, no accuracy from 0 to 1, or
            ``correct`` isn't what it should be.
    """
    if base_info.get("accuracy") is None or head_info.get("accuracy") is None:
        return None
    for name in SAME_IMAGES:
        if base_info.get(name) != head_info.get(name):
            raise NotComparableError(
                f"accuracies of other images: {name} {base_info.get(name)} -> {head_info.get(name)}"
            )
    base, head = _share(base_info), _share(head_info)
    count, answers = (
        head_info.get("test_size"),
        (base_info.get("correct"), head_info.get("correct")),
    )
    if count is None:
        return AccuracyChange(base, head, 0, 0, 0, 0.0 if head < base else 1.0)
    if not all(isinstance(text, str) for text in answers):
        return _unpaired(base, head, int(count))
    try:
        return compare(*(unpack(text, int(count)) for text in answers))
    except ValueError as error:
        raise NotComparableError(str(error)) from error


def _share(info: Mapping[str, Any]) -> float:
    try:
        value = float(info["accuracy"])
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise NotComparableError(f"accuracy {info['accuracy']!r}: expected a share from 0 to 1")
    return value


def _unpaired(base: float, head: float, count: int) -> AccuracyChange:
    """Compare as two samples: which images were right isn't known."""
    from scipy.stats import fisher_exact

    right = round(base * count), round(head * count)
    table = np.array([[each, count - each] for each in right])
    p = float(fisher_exact(table, alternative="greater").pvalue)
    lost, won = max(0, right[0] - right[1]), max(0, right[1] - right[0])
    return AccuracyChange(base, head, count, lost, won, p)


def _at_least(successes: int, trials: int) -> float:
    """Chance of at least so many heads of a fair coin, in whole numbers up to the last division."""
    ways = term = math.comb(trials, successes)
    for k in range(successes, trials):
        term = term * (trials - k) // (k + 1)
        ways += term
    return float(Fraction(ways, 2**trials))
