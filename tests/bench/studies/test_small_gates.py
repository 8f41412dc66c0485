"""Small suites are what the study says they are, and their gates are counted correctly."""

import subprocess
import sys

import pytest

from bench.studies import pair_noise
from bench.studies.small_gate_rates import counted, spread
from bench.studies.small_gate_tables import small_gates
from bench.studies.small_gates import SCENARIOS, Scenario
from bench.studies.small_suites import HEAD, KINDS, LEAST, MOST, small_suite


def test_a_suite_has_its_numbers_benchmarks_in_one_commit(tmp_path):
    suite, again = (small_suite(tmp_path / name, 7) for name in ("one", "two"))
    assert suite.kinds == again.kinds
    assert LEAST <= len(set(suite.kinds)) == len(suite.kinds) <= MOST
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "bench_small.py"]
    done = subprocess.run(
        [*command, "--benchmark-disable"],
        cwd=suite.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"{len(suite.kinds)} passed" in done.stdout
    log = subprocess.run(
        ["git", "status", "--porcelain"],
        cwd=suite.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert log.stdout == ""


def test_sizes_of_suites_differ(tmp_path):
    sizes = {len(small_suite(tmp_path / str(number), number).kinds) for number in range(30)}
    assert {LEAST, MOST} <= sizes


@pytest.mark.parametrize(
    ("slower", "sort", "sets"), [("", 100, 100), ("sort:0.05", 105, 100), ("sets:0.10", 100, 110)]
)
def test_a_slower_benchmark_does_exactly_so_much_more_work(monkeypatch, slower, sort, sets):
    monkeypatch.setenv("SLOWER", slower)
    names = {}
    exec(HEAD, names)
    assert (len(names["repeats"]("sort")), len(names["repeats"]("sets"))) == (sort, sets)


def test_every_kind_of_work_runs():
    names = {}
    exec(HEAD, names)
    assert all(eval(text, names) is not None for text in KINDS.values())


def line(number, verdicts, slowed=None, usual=None):
    return {
        "number": number, "slowed": slowed, "pairs": 10 + number, "seconds": 20.0,
        "verdict": "fail" if "fail" in verdicts.values() else "pass",
        "benchmarks": verdicts, "usual": usual or {},
        "logs": {"a": [0.01, -0.01] * 4, "b": [0.03, -0.03] * 4, "short": [1.0, -1.0]},
    }  # fmt: skip


def test_an_alarm_is_a_fail_of_anything_but_what_was_slowed():
    lines = [
        line(0, {"a": "fail", "b": "pass"}, slowed="a"),
        line(1, {"a": "inconclusive", "b": "fail"}, slowed="a"),
        line(2, {"a": "fail", "b": "inconclusive"}, slowed="a"),
    ]
    counts = counted(lines)
    assert (counts["found"]["count"], counts["found"]["of"]) == (2, 3)
    assert (counts["alarms"]["count"], counts["alarms"]["of"]) == (1, 3)
    assert counts["pairs"] == 11


def test_without_a_change_every_fail_is_an_alarm_and_usual_rules_are_counted():
    lines = [line(0, {"a": "pass"}, usual={"mean": True}), line(1, {"a": "fail"})]
    counts = counted(lines)
    assert counts["found"] is None
    assert counts["alarms"]["count"] == 1
    assert (counts["usual"]["mean"]["count"], counts["usual"]["mean"]["of"]) == (1, 1)


def test_the_spread_is_that_of_benchmarks_with_enough_pairs():
    one, three = (0.01 * (8 / 7) ** 0.5 * size for size in (1, 3))
    found = spread([line(0, {})])
    assert found["low"] == pytest.approx(one + (three - one) / 4)
    assert found["median"] == pytest.approx((one + three) / 2)


def test_the_table_has_a_line_for_each_scenario_that_ran():
    lines = [line(0, {"a": "pass"}, usual={"mean:5%": True})]
    study = {"scenarios": {"unchanged": counted(lines)}, "unchanged": counted(lines)}
    table = small_gates(study).splitlines()
    assert table[2] == "| nothing | 1 | 0 | 1 | 0 | 10 | 20 |  | 0 of 1 |"
    assert table[-1] == "| pytest-benchmark, mean:5% | 1 of 1 | 2.5 to 100.0 % |"


def test_a_smaller_slowdown_has_a_smaller_tolerance():
    assert Scenario("x", 1, 1.0, slower=0.02).tolerance == 0.02
    assert {each.tolerance for each in SCENARIOS if each.slower in {0, 0.05, 0.1}} == {0.05}


def test_ways_of_timing_differ_in_one_thing_from_the_gates_own():
    own = pair_noise.WAYS["8 turns of 50 parts of 0.5 ms"]
    for name, way in pair_noise.WAYS.items():
        if name.startswith("the same"):
            assert sum(way[key] != own[key] for key in own) == 1, name


def test_a_disturbed_turn_does_not_move_the_low_summaries():
    turns = [[1.0 + 0.001 * part for part in range(50)] for _ in range(8)]
    disturbed = [*turns[:5], *([9.0] * 50 for _ in range(3))]
    shift = {
        name: summary(disturbed) / summary(turns) for name, summary in pair_noise.SUMMARIES.items()
    }
    assert shift["mean"] > 2
    assert shift["lower decile of lower deciles"] == shift["minimum"] == 1
