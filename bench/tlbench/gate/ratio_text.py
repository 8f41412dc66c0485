"""Texts for a ratio of the candidate's seconds to the base's."""

from __future__ import annotations

import math

#: A ratio beyond this, or below its inverse, is written as a factor; others in percent.
FACTOR = 2.0


def change_text(ratio: float) -> str:
    """How much longer or shorter the candidate takes: ``1.3 % slower``, ``3.2x faster``."""
    word = "slower" if ratio > 1 else "faster"
    if _is_factor(ratio):
        return f"{_factor(_turned(ratio, ratio))} {word}"
    size = signed_percent(ratio).lstrip("+-")
    return f"{size} % {word}" if size.strip("0.") else f"{size} %"


def interval_text(ratio: float, low: float, high: float) -> str:
    """The interval of a change, in the same unit.

    ``-0.8 .. +2.1 %`` has signs, and plus is slower. ``3.02 .. 3.41x`` has no signs: it is slower
    or faster like the ratio. An end beyond a factor of two is a factor, even if the other end is in
    percent.
    """
    if _is_factor(ratio):
        least, most = sorted(_turned(end, ratio) for end in (low, high))
        digits = 2 if most < 10 else 1
        return f"{_factor(least, digits).removesuffix('x')} .. {_factor(most, digits)}"
    ends = [_factor(end) if end > FACTOR else f"{signed_percent(end)} %" for end in (low, high)]
    if ends[1].endswith("%"):
        ends[0] = ends[0].removesuffix(" %")
    return " .. ".join(ends)


def short_change(ratio: float) -> str:
    """A short text: ``+1.3 %``, where plus is slower, or ``3.2x faster``."""
    return change_text(ratio) if _is_factor(ratio) else f"{signed_percent(ratio)} %"


def slowdown_text(share: float) -> str:
    """A slowdown's size: ``8.1 %``, or ``2.4x`` beyond a factor of two."""
    ratio = 1 + share
    return _factor(ratio) if ratio > FACTOR else f"{signed_percent(ratio).lstrip('+')} %"


def signed_percent(ratio: float) -> str:
    """A ratio's difference from 1 in percent, with its sign, without the word: ``+1.3``."""
    text = f"{100 * (ratio - 1):+.1f}"
    return "0.0" if text in {"+0.0", "-0.0"} else text


def _is_factor(ratio: float) -> bool:
    return not 1 / FACTOR <= ratio <= FACTOR


def _turned(ratio: float, change: float) -> float:
    """The ratio, or its inverse if ``change`` says that the candidate is faster."""
    if change > 1:
        return ratio
    return 1 / ratio if ratio else math.inf


def _factor(factor: float, digits: int = 1) -> str:
    if factor < 999.95:
        return f"{factor:.{digits}f}x"
    return f"{factor:,.0f}x" if factor < 99_999.5 else f"{factor:.1e}x"
