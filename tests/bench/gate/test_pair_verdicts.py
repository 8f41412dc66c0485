"""Pairs and decisions become verdicts, with accuracy and failed tests counted in."""

import numpy as np
import pytest
from scipy.stats import binomtest

from tlbench.gate.pair_result import BenchmarkOutcome, Pair, PairedRounds
from tlbench.gate.pair_verdicts import pair_verdicts
from tlbench.gate.verdict import Tolerances
from tlbench.runs.answers import pack
from tlbench.stats.pair_decisions import Decisions


def passed(**info):
    return BenchmarkOutcome("passed", "", info)


def right(count, skipped=0):
    """A test that passed, and got so many of 1,000 images right, the first ``skipped`` not."""
    correct = (np.arange(1000) >= skipped) & (np.arange(1000) < skipped + count)
    return passed(
        accuracy=count / 1000, correct=pack(correct), test_size=1000, data_fingerprint="0"
    )


def judge(base, candidate, *, ratios=(1.0,) * 8, tolerances=None, **of_pair):
    """Verdict and notes on a benchmark whose sides ended so, and of each pair's ratio."""
    tolerances = tolerances or Tolerances()
    timed = {base.outcome, candidate.outcome} <= {"passed", "failed"}  # and a check failed after
    ends = {"base": base, "head": candidate}
    rounds = [
        PairedRounds([1.0] * 3 * timed, [ratio] * 3 * timed, outcomes=ends) for ratio in ratios
    ]
    pairs = [Pair(False, {"a": each}, 1.0, **of_pair) for each in rounds]
    decisions = Decisions(tolerances.shares(pairs[0]))
    for number in range(1, len(pairs) + 1):
        logs = {name: [each.log_ratio for each in rounds[:number]] for name in decisions.tolerances}
        decisions.consider(logs, last=number == len(pairs))
    return pair_verdicts(pairs, decisions, tolerances)


@pytest.mark.parametrize(
    ("ratios", "status", "reason"),
    [
        ([1.0] * 8, "pass", "a slowdown of 5 % or more is ruled out"),
        ([1.2] * 10, "fail", "slower by 20 %, beyond the tolerance of 5 %"),
        ([1.02, 1.07] * 5, "fail", "slower by 4.47 %; a slowdown of 5 % is not ruled out"),
        ([0.9, 1.2] * 4, "inconclusive", "a 5 % slowdown could be neither confirmed nor ruled out"),
        ([3.0] * 10, "fail", "3.0x slower, beyond the tolerance of 5 %"),
        ([0.9, 1.2] * 3, "inconclusive", "a 5 % slowdown could be neither confirmed nor ruled out"),
        ([1.2], "inconclusive", "only 1 process pair: at least 6 are needed"),
        ([1.1, 1.2], "inconclusive", "only 2 process pairs: at least 6 are needed"),
        ([1.0] * 5, "inconclusive", "only 5 process pairs: at least 6 are needed"),
    ],
)
def test_a_speed_has_a_verdict_with_its_reason(ratios, status, reason):
    (verdict,), notes = judge(passed(), passed(), ratios=ratios)
    assert (verdict.status, verdict.reason, notes) == (status, reason, ())
    assert (verdict.estimate is None) == (len(ratios) == 1)
    assert (verdict.more is None) == (status != "inconclusive" or len(ratios) == 1)


@pytest.mark.parametrize(
    ("candidate", "tolerance", "status"),
    [
        pytest.param(right(800), 0.01, "pass", id="the same"),
        pytest.param(right(795), 0.01, "pass", id="half a point, within the tolerance of one"),
        pytest.param(right(770), 0.01, "fail", id="three points"),
        pytest.param(right(770), 0.05, "pass", id="three points, five allowed"),
        pytest.param(right(830), 0.01, "pass", id="better"),
        # 30 images lost and 18 won: as many are by chance in one of 18 tries.
        pytest.param(right(788, skipped=30), 0.01, "inconclusive", id="perhaps by chance"),
    ],
)
def test_lost_accuracy_fails_although_the_speed_is_the_same(candidate, tolerance, status):
    (verdict,), _ = judge(right(800), candidate, tolerances=Tolerances(accuracy=tolerance))
    assert verdict.status == status
    assert verdict.accuracy.base == 0.8
    assert verdict.accuracy_lost == (status == "fail")
    fell = f"accuracy fell from 0.8000 to {verdict.accuracy.candidate:.4f} on the same 1,000 images"
    assert verdict.reason.startswith(fell) == (status != "pass")
    assert ("which may be chance" in verdict.reason) == (status == "inconclusive")


def test_what_is_slower_and_less_accurate_fails_for_both():
    (verdict,), _ = judge(right(800), right(700), ratios=[1.2] * 10)
    assert verdict.status == "fail"
    assert verdict.reason.startswith("accuracy fell from 0.8000 to 0.7000")
    assert verdict.reason.endswith("; slower by 20 %, beyond the tolerance of 5 %")


@pytest.mark.parametrize(
    ("with_accuracy", "without", "status"),
    [
        pytest.param(1, 0, "fail", id="alone"),
        pytest.param(1, 4, "fail", id="speeds alone make no false claim of accuracy"),
        pytest.param(2, 0, "inconclusive", id="one of two"),
        pytest.param(5, 2, "inconclusive", id="one of five"),
    ],
)
def test_all_accuracies_of_a_gate_share_its_one_percent_of_false_alarms(
    with_accuracy, without, status
):
    """A loss that chance makes in one of 130 gates fails alone; one of several is likelier."""
    lost, won = 37, 18
    p = binomtest(lost, lost + won, alternative="greater").pvalue  # of coins, by another package
    assert (p <= 0.01 / with_accuracy) == (status == "fail")
    base, worse = right(800), right(800 - lost + won, skipped=lost)
    ends = [{"base": base, "head": worse}]
    ends += [{"base": base, "head": base}] * (with_accuracy - 1)
    ends += [{"base": passed(), "head": passed()}] * without
    rounds = {f"{n}": PairedRounds([1.0], [1.0], outcomes=each) for n, each in enumerate(ends)}
    pairs = [Pair(False, rounds, 1.0)] * 8
    decisions = Decisions(Tolerances().shares(pairs[0]), decided=dict.fromkeys(rounds, "pass"))
    (first, *others), _ = pair_verdicts(pairs, decisions, Tolerances())
    assert first.accuracy.p == pytest.approx(p)
    assert first.status == status
    assert {each.status for each in others} <= {"pass"}


@pytest.mark.parametrize("speeds", [[1.2] * 10, [0.9, 1.2] * 5, [1.0] * 10])
def test_a_slowdown_that_is_not_confirmed_is_no_reason_beside_lost_accuracy(speeds):
    (verdict,), _ = judge(right(800), right(700), ratios=speeds)
    assert verdict.status == "fail"
    assert ("slow" in verdict.reason) == (speeds[0] == speeds[1] > 1)
    assert (verdict.detectable, verdict.more) == (None, None)


@pytest.mark.parametrize(("lost_in", "status"), [(0, "fail"), (1, "pass"), (9, "pass")])
def test_accuracy_is_judged_by_the_first_pair_however_many_follow(lost_in, status):
    """Which one it is was settled before anything ran: no gate ends when accuracy looks bad."""
    ends = [{"base": right(800), "head": right(700 if n == lost_in else 800)} for n in range(10)]
    pairs = [Pair(False, {"a": PairedRounds([1.0], [1.0], outcomes=each)}, 1.0) for each in ends]
    decisions = Decisions({"a": 0.05}, decided={"a": "pass"})
    (verdict,), _ = pair_verdicts(pairs, decisions, Tolerances())
    assert verdict.status == status


def test_accuracies_of_other_images_are_not_comparable():
    other = passed(accuracy=0.8, test_size=1000, data_fingerprint="1")
    (verdict,), _ = judge(right(800), other)
    assert verdict.status == "not comparable"
    assert "data_fingerprint 0 -> 1" in verdict.reason


FAILED, SKIPPED = (BenchmarkOutcome(outcome, "why", {}) for outcome in ("failed", "skipped"))
STOPPED = BenchmarkOutcome("stopped", "", {})


@pytest.mark.parametrize(
    ("base", "candidate", "status", "reason"),
    [
        (STOPPED, FAILED, "fail", "raises in the candidate: why"),
        (FAILED, STOPPED, "not comparable", "raises in the base: why"),
        (FAILED, FAILED, "not comparable", "raises in both sides: why"),
        (passed(), FAILED, "fail", "raises in the candidate: why"),
        (FAILED, passed(), "not comparable", "raises in the base: why"),
        (STOPPED, SKIPPED, "not comparable", "skipped in the candidate only: why"),
        (passed(), SKIPPED, "not comparable", "skipped in the candidate only: why"),
        (SKIPPED, STOPPED, "not comparable", "skipped in the base only: why"),
    ],
)
def test_a_benchmark_that_a_side_cannot_time(base, candidate, status, reason):
    (verdict,), notes = judge(base, candidate)
    assert (verdict.status, verdict.reason, notes) == (status, reason, ())
    assert verdict.estimate is None


def test_what_both_skip_or_do_not_time_is_only_a_note():
    assert judge(SKIPPED, SKIPPED) == ((), ("a: skipped in both: why",))
    untimed = Pair(False, {"a": PairedRounds(outcomes={"base": passed(), "head": passed()})}, 1.0)
    notes = ("a: doesn't use pytest-benchmark's fixture 'benchmark'",)
    assert pair_verdicts([untimed], Decisions({}), Tolerances()) == ((), notes)


def test_benchmarks_that_vanish_are_verdicts_and_new_ones_notes():
    verdicts, notes = judge(passed(), passed(), vanished=("gone",), new=("fresh",))
    assert [(each.name, each.status) for each in verdicts] == [
        ("a", "pass"), ("gone", "not comparable"),
    ]  # fmt: skip
    assert notes == ("fresh: new, only the candidate has it",)


def test_a_tolerance_for_no_benchmark_is_noted():
    _, notes = judge(passed(), passed(), tolerances=Tolerances(named=(("b", 0.1), ("a", 0.2))))
    assert notes == ("no benchmark matches the tolerance of b; the benchmarks are a",)
    _, notes = judge(passed(), passed(), tolerances=Tolerances(named=(("b", 0.1),)), new=("b",))
    assert not any("tolerance" in note for note in notes)


@pytest.mark.parametrize(
    ("of_pair", "is_said"),
    [
        ({}, True),
        ({"new": ("b",)}, False),
        ({"vanished": ("b",)}, False),
        ({"errors": {"base": {}, "head": {"b.py": BenchmarkOutcome("failed", "no")}}}, False),
    ],
)
def test_without_any_benchmark_the_fixture_is_named(of_pair, is_said):
    _, notes = pair_verdicts([Pair(False, {}, 1.0, **of_pair)], Decisions({}), Tolerances())
    assert any("no test uses pytest-benchmark's fixture 'benchmark'" in n for n in notes) == is_said
