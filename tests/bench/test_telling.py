"""Tables and plans are readable at 80 columns and say what is known."""

import dataclasses

import pytest

from bench.records.read import Row
from bench.telling.plan import describe, plan
from bench.telling.table import WIDTH, result_table, seconds, share
from bench.workloads import QUICK, TUTORIAL

INFO = {
    "stage": "pipeline",
    "track": "recompute",
    "images_per_s": 1234.5,
    "accuracy": 0.83125,
    "accuracy_floor": 0.8,
    "peak_rss_bytes": 1_234_000_000,
}


def test_a_row_says_speed_rounds_accuracy_and_floor():
    lines = result_table([Row("test_x", INFO, (1.0, 1.1, 1.2))], {})
    assert "images/s" in lines[0]
    for part in (
        "pipeline (recompute)",
        "1,234",
        "1.1 s",
        "18%",
        "3",
        "0.8313",
        "0.8000",
        "1,234 MB",
    ):
        assert part in lines[1]


def test_a_single_round_shows_no_spread():
    line = result_table([Row("test_x", INFO | {"accuracy": None}, (2.0,))], {})[1]
    assert line.split()[-5:] == ["1", "-", "0.8000", "1,234", "MB"]
    assert "%" not in line


def test_what_was_not_measured_is_said_with_its_reason():
    assert result_table([], {"test_classify": "no classifier"})[-1] == (
        "test_classify: not measured: no classifier"
    )


def test_no_line_is_wider_than_80_columns():
    row = Row("test_x", INFO | {"images_per_s": 1e7, "peak_rss_bytes": 1e12}, (1e5, 2e5))
    lines = result_table([row], {"test_x": "because " * 30})
    lines += plan(TUTORIAL, 30_000, 10_000, 52.0).splitlines() + describe(QUICK)
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("value", "text"),
    [(1457, "1457 s"), (12.345, "12.3 s"), (1.0, "1 s"), (0.0381, "38.1 ms"), (4.2e-5, "42 µs")],
)
def test_durations_have_three_digits_and_a_unit(value, text):
    assert seconds(value) == text


def test_an_absent_accuracy_is_a_dash():
    assert (share(None), share(0.5)) == ("-", "0.5000")


def test_the_plan_counts_every_pass_through_the_network():
    workload = dataclasses.replace(QUICK, rounds=4)
    # 50 + 4 × 25 extracted, 100 trained, 50 evaluated, 150 in the pipeline: 450 images.
    text = " ".join(plan(workload, 100, 50, 10.0).split())
    assert "extract 4 × 25" in text
    assert "pipeline 1 × 150" in text
    assert "about 45 s at 10 images/s" in text
