"""Tables and plans are readable at 80 columns and say what is known."""

import pytest

from tlbench.report.table import result_table, seconds, share
from tlbench.report.text import WIDTH
from tlbench.runs.read import Row
from tlbench.suite.plan import describe, plan
from tlbench.suite.workloads import QUICK
from tlbench.timing.schedule import Schedule, StageCost

INFO = {
    "stage": "pipeline",
    "track": "recompute",
    "images_per_s": 1234.5,
    "accuracy": 0.83125,
    "accuracy_floor": 0.8,
    "peak_rss_bytes": 1_234_000_000,
}


def test_a_row_says_speed_interval_rounds_accuracy_floor_and_verdict():
    info = INFO | {"interval_s": [1.0, 1.32], "noise": {"verdict": "steady", "reasons": []}}
    lines = result_table([Row("test_x", info, (1.0, 1.1, 1.32))], {})
    assert lines[0].split() == [
        "stage", "images/s", "median", "interval", "n", "top-1", "floor", "peak", "verdict",
    ]  # fmt: skip
    assert lines[1].split() == [
        "pipeline", "(recompute)", "1,234", "1.1", "s", "-9%/+20%", "3", "0.8313", "0.8000",
        "1.23G", "steady",
    ]  # fmt: skip


def test_a_single_round_shows_no_interval():
    row = Row("test_x", INFO | {"accuracy": None, "interval_s": None}, (2.0,))
    line = result_table([row], {})[1]
    assert line.split()[4:] == ["s", "-", "1", "-", "0.8000", "1.23G", "-"]


def test_reasons_stand_below_the_table():
    noise = {"verdict": "noisy", "reasons": ["others used 40 % of the CPUs", "steal 9 %"]}
    lines = result_table([Row("test_x", INFO | {"noise": noise}, (1.0,))], {})
    assert lines[1].endswith("noisy")
    assert lines[2:] == [
        "pipeline (recompute): others used 40 % of the CPUs",
        "pipeline (recompute): steal 9 %",
    ]


@pytest.mark.parametrize(
    ("peak", "line"),
    [(400.0, "pipeline (recompute): 100 GFLOP/s, 25% of the 400 of an fp32 matrix multiply"),
     (None, "pipeline (recompute): 100 GFLOP/s")],
)  # fmt: skip
def test_the_share_of_the_hardwares_peak_is_said(peak, line):
    info = INFO | {"gflops_per_s": 100.0, "peak_gflops_per_s": peak}
    assert result_table([Row("test_x", info, (1.0,))], {})[2:] == [line]


def test_what_a_lower_precision_keeps_is_said_once():
    info = INFO | {"precision": "int8", "accuracy_kept": 0.9934}
    lines = result_table([Row("test_x", info, (1.0,)), Row("test_y", info, (1.0,))], {})
    assert lines[3:] == ["int8: keeps 99.3% of the accuracy of single precision"]
    plain = result_table([Row("test_x", INFO | {"accuracy_kept": None}, (1.0,))], {})
    assert plain[2:] == []


@pytest.mark.parametrize(
    ("info", "lines"),
    [
        ({}, []),
        ({"joules_per_image": 0.1234}, ["pipeline (recompute): 0.123 J an image"]),
        (
            {"joules_per_image": 2.0, "cost_per_million_images": 0.5},
            ["pipeline (recompute): 2 J an image, 0.5 for a million images"],
        ),
    ],
)
def test_energy_and_cost_are_said_where_known(info, lines):
    assert result_table([Row("test_x", INFO | info, (1.0,))], {})[2:] == lines


def test_what_was_not_measured_is_said_with_its_reason():
    assert result_table([], {"test_classify": "no classifier"})[-1] == (
        "test_classify: not measured: no classifier"
    )


def test_no_line_is_wider_than_80_columns():
    row = Row("test_x", INFO | {"images_per_s": 1e7, "peak_rss_bytes": 1e11}, (1e5, 2e5))
    lines = result_table([row], {"test_x": "because " * 30})
    lines += schedule_plan({f"test_stage_{n}": 5 for n in range(9)}).splitlines()
    lines += describe(QUICK)
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("value", "text"),
    [(1457, "1457 s"), (12.345, "12.3 s"), (1.0, "1 s"), (0.0381, "38.1 ms"), (4.2e-5, "42 µs")],
)
def test_durations_have_three_digits_and_a_unit(value, text):
    assert seconds(value) == text


def test_an_absent_accuracy_is_a_dash():
    assert (share(None), share(0.5)) == ("-", "0.5000")


def schedule_plan(rounds, *, budget_s=None, fixed_s=0.0):
    costs = {name: StageCost(10.0, fixed_s=fixed_s) for name in rounds}
    return plan(Schedule(costs, rounds, None, lambda: 107.0), 100.0, budget_s)


def test_the_plan_says_rounds_and_when_the_run_ends():
    text = " ".join(schedule_plan({"test_extract": 5, "test_pipeline": 1}, fixed_s=2.0).split())
    assert text == "plan: rounds: extract 5, pipeline 1; ends after about 71 s"


def test_a_plan_that_exceeds_its_budget_says_so():
    text = " ".join(schedule_plan({"test_extract": 5}, budget_s=30.0).split())
    assert text.endswith("57 s, more than the budget of 30 s: fewer rounds would measure nothing")
