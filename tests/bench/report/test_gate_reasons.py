"""Below a gate's table: reasons by gravity, one advice for all, and notes, with many folded."""

import pytest
from gate_reports import ESTIMATE, FASTER, GONE, SLOWER, report_of

from tlbench.gate.verdict import Verdict, slower
from tlbench.report.gate_order import by_gravity
from tlbench.report.gate_reasons import note_lines, reason_lines, report_names
from tlbench.stats.estimate import Estimate

UNDECIDED = "a 5 % slowdown could be neither confirmed nor ruled out"


def reasons(*verdicts, seconds=600.0, **more):
    report = report_of(*verdicts, seconds=seconds)
    return reason_lines(report, report_names(report), **more)


def notes(*texts, **more):
    report = report_of(notes=texts)
    return note_lines(report, report_names(report), **more)


def undecided(name, *, n=16, more=4, detectable=0.08, coverage=0.96):
    estimate = Estimate(1.02, 0.98, 1.06, coverage, n)
    return Verdict(
        f"a.py::{name}", "inconclusive", UNDECIDED, 0.05, estimate, None, detectable, more
    )


def test_the_gravest_come_first_and_then_the_largest_changes():
    def of(name, status, ratio, **more):
        estimate = Estimate(ratio, ratio, ratio, 0.95, 8) if ratio else None
        return Verdict(name, status, "", 0.05, estimate, **more)

    verdicts = [
        of("pass", "pass", 1.01),
        of("pass, more", "pass", 0.97),
        of("faster", "pass", 0.9, faster=True),
        of("faster, more", "pass", 0.5, faster=True),
        of("inconclusive", "inconclusive", 1.04),
        of("not comparable", "not comparable", None),
        of("fail", "fail", 1.1),
        of("fail, more", "fail", 2.0),
        of("fail, no time", "fail", None),
    ]
    assert [each.name for each in by_gravity(verdicts)] == [
        "fail, no time", "fail, more", "fail", "not comparable", "inconclusive", "faster, more",
        "faster", "pass, more", "pass",
    ]  # fmt: skip


def test_what_passes_has_no_reason():
    faster = Verdict("x", "pass", "a slowdown is ruled out", 0.05, FASTER, faster=True)
    assert reasons(faster, Verdict("y", "pass", "ruled out", 0.05, ESTIMATE)) == []


def test_benchmarks_with_the_same_reason_share_a_line():
    why = "import error in the base: No module named 'x'"
    verdicts = [Verdict(f"a.py::test_{each}", "not comparable", why) for each in "abc"]
    assert reasons(GONE, *verdicts) == [
        "test_gone: vanished",
        f"3 benchmarks: {why} (test_a, test_b, test_c)",
    ]
    many = [Verdict(f"a.py::test_{i}", "not comparable", why) for i in range(136)]
    (line,) = reasons(*many)
    assert line.startswith(f"136 benchmarks: {why} (test_0, test_1, ")
    assert line.endswith("test_9, …)")
    (line,) = reasons(*many, everything=True)
    assert line.endswith("test_134, test_135)")


def test_of_many_reasons_the_gravest_are_said():
    fails = [
        Verdict(f"a.py::test_{i}", "fail", f"slower by {i} %", 0.05, SLOWER) for i in range(136)
    ]
    lines = reasons(*fails)
    assert len(lines) == 11
    assert lines[0] == "test_0: slower by 0 %"
    assert lines[-1] == "and 126 more fail"
    assert reasons(*fails[:11]) == reasons(*fails[:11], everything=True)


def test_slowdowns_share_a_line_as_their_sizes_are_in_the_table():
    whys = [slower(share, 0.05) for share in (0.2, 79.1, 1.4)]
    fails = [Verdict(f"a.py::test_{i}", "fail", why, 0.05, SLOWER) for i, why in enumerate(whys)]
    uncertain = Verdict("a.py::test_x", "fail", slower(0.04, 0.05), 0.05, SLOWER)
    broken = Verdict("a.py::test_y", "fail", "raises in the candidate")
    assert reasons(uncertain, *fails, broken) == [
        "test_y: raises in the candidate",
        "test_x: slower by 4 %; a slowdown of 5 % is not ruled out",
        "3 benchmarks: slower, beyond the tolerance of 5 %",
    ]
    assert reasons(fails[1]) == ["test_1: 80.1x slower, beyond the tolerance of 5 %"]


@pytest.mark.parametrize(
    ("verdicts", "advice"),
    [
        pytest.param(
            [undecided("a")],
            "the smallest slowdown that would have been detected (power 90 %) is 8.0 %; more time "
            "would decide 1 benchmark, if nothing changed: use --budget=750",
            id="one",
        ),
        pytest.param(
            [undecided("a"), undecided("b", more=10, detectable=1.4)],
            "the smallest slowdown that would have been detected (power 90 %) is 8.0 % to 2.4x; "
            "more time would decide 2 benchmarks, if nothing changed: use --budget=980",
            id="some",
        ),
        pytest.param(
            # 64 pairs rule out 1.05 ** sqrt(96 / 64) - 1 = 6.2 %.
            [undecided("a"), undecided("b", more=80)],
            "the smallest slowdown that would have been detected (power 90 %) is 8.0 %; more time "
            "would decide 1 benchmark, if nothing changed: use --budget=750; 1 benchmark would "
            "take more than the 64 pairs that a gate has: use a quieter machine or --tolerance=7%",
            id="too many pairs",
        ),
        pytest.param(
            [undecided("a", more=10**6)],
            "the smallest slowdown that would have been detected (power 90 %) is 8.0 %; 1 "
            "benchmark would take more than the 64 pairs that a gate has: use a quieter machine",
            id="no tolerance would do",
        ),
        pytest.param(
            [undecided("a", n=2, more=1, detectable=float("inf"), coverage=0.5)],
            "intervals have only 50 % confidence; more time would decide 1 benchmark, if nothing "
            "changed: use --budget=1800",
            id="two pairs",
        ),
        pytest.param(
            [undecided("a", n=5, more=None, detectable=0.1)],
            "the smallest slowdown that would have been detected (power 90 %) is 10.0 %",
            id="a stored baseline",
        ),
    ],
)
def test_inconclusive_benchmarks_share_one_advice(verdicts, advice):
    *_, last = reasons(*verdicts)
    assert last == f"inconclusive: {advice}"
    assert len(reasons(*verdicts)) == 2


def test_after_one_pair_nothing_is_known_of_what_it_takes():
    few = "only 1 process pair: at least 6 are needed"
    verdicts = [Verdict(f"a.py::test_{i}", "inconclusive", few) for i in range(3)]
    assert reasons(*verdicts) == [f"3 benchmarks: {few}"]


def test_accuracy_that_is_inconclusive_takes_no_more_time():
    why = "accuracy fell from 0.8 to 0.7, which may be chance"
    assert reasons(Verdict("x", "inconclusive", why, 0.05, ESTIMATE)) == [f"x: {why}"]


def test_notes_of_one_kind_are_one():
    new = "new, only the candidate has it"
    others = ["-n is switched off in both arms", "base: 3 files"]
    assert notes(others[0], f"a.py::test_x: {new}", others[1]) == [
        others[0],
        f"a.py::test_x: {new}",
        others[1],
    ]
    lines = notes(*(f"a.py::test_{i}: {new}" for i in range(116)), *others)
    assert lines[1:] == others
    assert lines[0].startswith(f"116 benchmarks: {new} (test_0, test_1, ")
    assert lines[0].endswith(", test_9, …)")
    (line,) = notes(*(f"a.py::test_{i}: {new}" for i in range(116)), everything=True)
    assert line.endswith("test_115)")


def test_names_and_texts_are_written_as_wanted():
    report = report_of(
        Verdict("a.py::test_x", "fail", "a < b"),
        notes=("a.py::test_y: c", "a.py::test_z: c"),
    )
    names = {key: f"<{name}>" for key, name in report_names(report).items()}
    assert reason_lines(report, names, str.upper) == ["<test_x>: A < B"]
    assert note_lines(report, names, str.upper) == ["2 benchmarks: C (<test_y>, <test_z>)"]
