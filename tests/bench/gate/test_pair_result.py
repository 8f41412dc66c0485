"""What a pair's rounds say, and how a gate's verdicts end it."""

import math

import numpy as np
import pytest

from tlbench.gate.pair_result import BenchmarkOutcome, Pair, PairedRounds
from tlbench.gate.verdict import Report, Verdict


def test_a_turns_ratio_is_above_one_where_the_candidate_is_slower():
    rounds = PairedRounds([2.0, 2.0, 4.0], [3.0, 8.0, 1.0])
    assert rounds.log_ratios == pytest.approx([math.log(1.5), math.log(4.0), math.log(0.25)])


def test_a_pairs_evidence_is_what_its_quiet_turns_say():
    """Of eleven turns the second fastest is the lower decile, in whatever order they ran."""
    rng = np.random.default_rng(0)
    base, head = rng.permutation(np.arange(10.0, 21.0)), rng.permutation(np.arange(40.0, 51.0))
    assert PairedRounds([*base], [*head]).log_ratio == pytest.approx(math.log(41 / 11))
    assert PairedRounds([*head], [*base]).log_ratio == pytest.approx(-math.log(41 / 11))


def test_turns_that_others_disturb_do_not_hide_a_slowdown_of_a_tenth():
    """Six of ten turns take three times as long, other ones on each side."""
    busy = np.repeat([3.0, 1.0], [6, 4])
    assert PairedRounds([*busy], [*(1.1 * busy[::-1])]).log_ratio == pytest.approx(math.log(1.1))


@pytest.mark.parametrize(
    ("base", "head", "timed", "usable"),
    [
        ("passed", "passed", True, True),
        ("passed", "passed", False, False),
        ("passed", "failed", True, False),
        ("failed", "passed", True, False),
        ("skipped", "stopped", False, False),
    ],
)
def test_times_count_where_both_sides_were_timed_and_passed(base, head, timed, usable):
    outcomes = {"base": BenchmarkOutcome(base), "head": BenchmarkOutcome(head)}
    rounds = PairedRounds([1.0] * timed, [1.0] * timed, outcomes=outcomes)
    fine = PairedRounds(
        [1.0], [1.0], outcomes=dict.fromkeys(("base", "head"), BenchmarkOutcome("passed"))
    )
    assert rounds.usable == usable
    assert Pair(False, {"a": rounds, "b": fine}, 1.0).unusable == (set() if usable else {"a"})


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        (["pass"], "pass", 0),
        (["pass", "inconclusive"], "inconclusive", 3),
        (["not comparable", "inconclusive", "pass"], "not comparable", 4),
        (["pass", "fail", "not comparable", "inconclusive"], "fail", 1),
        ([], "not comparable", 4),
    ],
)
def test_the_most_severe_verdict_is_the_gates_and_its_exit_code(statuses, status, code):
    """Codes that scripts of users rely on: 0, 1, 3 and 4."""
    verdicts = tuple(Verdict(f"{n}", each, "") for n, each in enumerate(statuses))
    report = Report("main", ".", verdicts)
    assert (report.status, report.exit_code) == (status, code)


@pytest.mark.parametrize(
    ("outcome", "counted_s"),
    [("hung", 12.0), ("too long", 12.0), ("died", 75.0), ("passed", 75.0)],
)
def test_what_does_not_end_takes_no_time_from_the_others(outcome, counted_s):
    ends = {"base": BenchmarkOutcome("passed"), "head": BenchmarkOutcome(outcome)}
    rounds = PairedRounds(wall_s=60.0, overhead_s=3.0, outcomes=ends)
    assert Pair(False, {"a": rounds, "b": PairedRounds()}, 75.0).counted_s == counted_s
