"""A ratio is written in percent, and beyond a factor of two as a factor."""

import pytest

from tlbench.gate.ratio_text import change_text, interval_text, short_change, slowdown_text
from tlbench.gate.verdict import slower


@pytest.mark.parametrize(
    ("ratio", "text", "short"),
    [
        (1.013, "1.3 % slower", "+1.3 %"),
        (0.996, "0.4 % faster", "-0.4 %"),
        (1.0004, "0.0 %", "0.0 %"),
        (0.9996, "0.0 %", "0.0 %"),
        (2.0, "100.0 % slower", "+100.0 %"),
        (2.01, "2.0x slower", "2.0x slower"),
        (0.5, "50.0 % faster", "-50.0 %"),
        (0.3125, "3.2x faster", "3.2x faster"),
        (80.1, "80.1x slower", "80.1x slower"),
        (1 / 1234, "1,234x faster", "1,234x faster"),
        (1e7, "1.0e+07x slower", "1.0e+07x slower"),
        (0.0, "infx faster", "infx faster"),
    ],
)
def test_a_change_has_a_size_and_a_word(ratio, text, short):
    assert change_text(ratio) == text
    assert short_change(ratio) == short


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.992, 1.01, 1.021), "-0.8 .. +2.1 %"),
        ((1.0, 1.5, 1.9), "0.0 .. +90.0 %"),
        ((0.3, 0.99, 0.9999), "-70.0 .. 0.0 %"),
        ((0.8, 1.5, 2.7), "-20.0 % .. 2.7x"),
        ((78.0, 80.1, 82.34), "78.0 .. 82.3x"),
        ((0.5, 2.5, 4.0), "0.50 .. 4.00x"),
        ((0.25, 0.3125, 0.4), "2.50 .. 4.00x"),
        ((0.25, 0.4, 20.0), "0.05 .. 4.00x"),
    ],
)
def test_an_interval_is_in_the_unit_of_its_change(ends, text):
    low, ratio, high = ends
    assert interval_text(ratio, low, high) == text


def test_slowdowns_have_the_same_unit():
    assert slowdown_text(0.081) == "8.1 %"
    assert slowdown_text(1.4) == "2.4x"
    assert slower(0.148, 0.05) == "slower by 14.8 %, beyond the tolerance of 5 %"
    assert slower(79.1, 0.05) == "80.1x slower, beyond the tolerance of 5 %"
