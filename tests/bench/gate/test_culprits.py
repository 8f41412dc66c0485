"""Gates as the oracle of a bisection, with a gate that knows how slow each commit is."""

import re
from dataclasses import dataclass, field

import pytest
from rich.cells import cell_len

from tlbench.gate.arm_process import ArmDied
from tlbench.gate.bisect import Question
from tlbench.gate.commits import Commit
from tlbench.gate.culprits import _Oracle, answer_of, bisect
from tlbench.gate.run import Settings
from tlbench.gate.verdict import Report, Verdict, parse_tolerances
from tlbench.report.bisect_text import bisect_json, bisect_lines, step_line
from tlbench.report.text import WIDTH
from tlbench.stats.estimate import Estimate

NAMES = ("a.py::test_x", "a.py::test_y")


def line_of(count, merges=()):
    return tuple(
        Commit(f"{i:040x}"[::-1], "2026-11-28", ("p",) * (1 + (i in merges)), f"commit {i}")
        for i in range(count)
    )


@dataclass
class Gates:
    """``seconds`` of each benchmark by commit; ``broken`` are commits that don't start.

    Inconclusive where the ratio is within ``blur`` of the tolerance and the budget is 600 s.
    """

    seconds: dict
    broken: frozenset = frozenset()
    blur: float = 0.0
    calls: list = field(default_factory=list)

    def __call__(self, base, commit, settings):
        self.calls.append((base.subject, commit.subject, settings))
        if commit.subject in self.broken:
            raise ArmDied("pytest ended early:\nno such module")
        names = settings.only or tuple(self.seconds)
        return Report(
            "b", "c", tuple(self._verdict(each, base, commit, settings) for each in names)
        )

    def _verdict(self, name, base, commit, settings):
        old, new = (self.seconds[name][int(each.subject.split()[1])] for each in (base, commit))
        tolerance = settings.tolerances.of(name, None).share
        ratio = new / old
        estimate = Estimate(ratio, ratio - 0.01, ratio + 0.01, 0.96, 8)
        status = "fail" if ratio > 1 + tolerance else "pass"
        if abs(ratio - 1 - tolerance) < self.blur and settings.budget_s <= 600:
            status = "inconclusive"
        return Verdict(name, status, "because", tolerance, estimate)


def steps_at(count, **places):
    """Seconds of each benchmark: at its place it becomes 30 % slower."""
    return {
        f"a.py::test_{name}": [1.3 if i >= place else 1.0 for i in range(count)]
        for name, place in places.items()
    }


def run(gates, count=10, said=None, merges=()):
    settings = Settings(("a.py",), parse_tolerances([], None))
    record = [] if said is None else said
    return bisect(line_of(count, merges), settings, gates, lambda *each: record.append(each))


def test_what_fails_is_followed_to_its_commit_and_measured_against_the_one_before():
    result = run(gates := Gates(steps_at(10, x=6, y=99)))
    (culprit,) = result.culprits
    assert (culprit.benchmark, culprit.found.first) == ("a.py::test_x", 6)
    assert culprit.step.estimate.ratio == 1.3
    assert gates.calls[-1][:2] == ("commit 5", "commit 6")
    assert result.exit_code == 1
    assert result.gates == len(gates.calls)
    # Nothing else is timed, and half of the slowdown is tolerated.
    for _, _, settings in gates.calls[1:]:
        assert settings.only == ("a.py::test_x",)
        assert settings.tolerances.of("a.py::test_x", None).share == pytest.approx(1.3**0.5 - 1)


def test_benchmarks_of_one_culprit_share_all_gates():
    alone = run(Gates(steps_at(10, x=6)))
    both = run(gates := Gates(steps_at(10, x=6, y=6)))
    assert [each.found.first for each in both.culprits] == [6, 6]
    assert both.gates == alone.gates == len(gates.calls)


def test_benchmarks_of_several_culprits_are_each_followed_the_slowest_first():
    seconds = steps_at(10, x=2) | {"a.py::test_y": [1.0] * 7 + [1.5] * 3}
    result = run(gates := Gates(seconds))
    assert [(each.benchmark[-1], each.found.first) for each in result.culprits] == [
        ("y", 7),
        ("x", 2),
    ]
    assert gates.calls[1][2].only == ("a.py::test_y", "a.py::test_x")
    assert gates.calls[-1][2].only == ("a.py::test_x",)


def test_where_two_commits_cannot_be_compared_neither_is_called_broken():
    def broken(base, commit, settings):
        raise ArmDied("one of them")

    oracle = _Oracle(line_of(5), Settings(()), broken, lambda *_: None)
    assert oracle.ask(Question(3, 4), SLOW) == "skip"
    assert oracle.skipped == {}
    assert oracle.ask(Question(0, 4), SLOW) == "skip"
    assert oracle.skipped == {4: "one of them"}


@pytest.mark.parametrize(
    ("ratio", "code"), [(1.0, 0), (1.05, 3)], ids=["unchanged", "inconclusive"]
)
def test_without_a_fail_there_is_nothing_to_bisect(ratio, code):
    seconds = {NAMES[0]: [1.0, *[ratio] * 9]}
    result = run(gates := Gates(seconds, blur=0.01))
    assert (result.exit_code, len(gates.calls), result.culprits) == (code, 1, ())
    assert any("nothing to bisect" in line for line in bisect_lines(result))


def test_an_inconclusive_gate_is_repeated_with_twice_the_budget():
    # Half way, within the blur: commit 4 of 8 is asked first.
    seconds = {NAMES[0]: [1.0, 1.0, 1.0, 1.0, 1.14, 1.3, 1.3, 1.3, 1.3]}
    run(gates := Gates(seconds, blur=0.05), 9)
    budgets = [each[2].budget_s for each in gates.calls if each[:2] == ("commit 0", "commit 4")]
    assert budgets == [600, 1200]


def test_commits_that_cannot_run_are_passed_over_and_named_in_the_range():
    said = []
    result = run(Gates(steps_at(10, x=6), broken={"commit 5"}), said=said)
    (culprit,) = result.culprits
    assert (culprit.found.first, culprit.found.last, culprit.step) == (5, 6, None)
    assert result.skipped == {5: "no such module"}
    assert result.exit_code == 3
    assert "no such module" in [text for _, text in said]
    lines = bisect_lines(result)
    assert [line.split()[-1] for line in lines if "commit 5" in line or "commit 6" in line]
    assert any("can't be measured: no such module" in line for line in lines)


ESTIMATE = Estimate(1.2, 1.1, 1.3, 0.96, 8)
SLOW = Verdict("x", "fail", "slower", 0.05, ESTIMATE)
LOST = Verdict("x", "fail", "accuracy fell", 0.05, ESTIMATE, accuracy_lost=True)
RAISED = Verdict("x", "fail", "fails in the candidate")
PASSED = Verdict("x", "pass", "fine", 0.05, ESTIMATE)
OPEN = Verdict("x", "inconclusive", "neither", 0.05, ESTIMATE)
GONE = Verdict("x", "not comparable", "vanished")


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        # Of SLOW, LOST, RAISED, PASSED, OPEN and GONE.
        ("speed", ["slow", "skip", "skip", "same", "inconclusive", "skip"]),
        ("accuracy", ["same", "slow", "skip", "same", "inconclusive", "skip"]),
        ("check", ["same", "same", "slow", "same", "same", "skip"]),
    ],
)
def test_a_verdict_answers_for_what_fails_in_the_bad_commit(kind, answers):
    verdicts = [SLOW, LOST, RAISED, PASSED, OPEN, GONE]
    assert [answer_of(each, kind) for each in verdicts] == answers


def test_a_commit_in_which_the_benchmark_raises_or_is_missing_is_passed_over():
    def gates(base, commit, settings):
        number = int(commit.subject.split()[1])
        return Report("b", "c", {1: (RAISED,), 2: ()}.get(number, (SLOW,)))

    result = run(gates, 4)
    assert (result.culprits[0].found.first, result.culprits[0].found.last) == (1, 3)
    assert result.skipped == {1: "fails in the candidate", 2: "the benchmark is missing"}


def test_a_check_that_fails_is_followed_too():
    def gates(base, commit, settings):
        raised = int(commit.subject.split()[1]) >= 3
        return Report("b", "c", (RAISED if raised else PASSED,))

    result = run(gates, 6)
    (culprit,) = result.culprits
    assert (culprit.found.first, result.exit_code) == (3, 1)
    assert bisect_lines(result)[0] == "x: fails in the candidate since this commit:"


# -- in words --


def test_the_result_is_the_benchmark_its_change_and_the_commit():
    lines = bisect_lines(run(Gates(steps_at(10, x=6))))
    assert lines[:2] == [
        "test_x: 30.0 % slower (+29.0 .. +31.0 %) since this commit:",
        f"  {line_of(10)[6].short} 2026-11-28 commit 6",
    ]
    assert re.fullmatch(r"\d gates, [\d.]+ (µs|ms|s)", lines[2])


def test_a_merge_says_how_to_go_on():
    lines = bisect_lines(run(Gates(steps_at(10, x=6)), merges={6}))
    short = line_of(10)[6].short
    assert lines[3].strip() == f"--good $(git merge-base {short}^1 {short}^2) --bad {short}^2"


def test_a_long_range_is_cut():
    broken = {f"commit {i}" for i in range(1, 49)}
    lines = bisect_lines(run(Gates(steps_at(50, x=6), broken=broken), 50))
    assert sum(" 2026-11-28 commit " in line for line in lines) == 10
    assert f"  and 39 more, up to {line_of(50)[49].short}" in lines
    assert max(map(cell_len, lines)) <= WIDTH


def test_a_step_says_what_was_gated_and_how_many_commits_are_left():
    commits = line_of(4)
    base, commit = commits[0].short, commits[2].short
    assert step_line(2, Question(0, 2, left=3), commits, SLOW) == (
        f"gate 2 (3 commits left): {commit} against {base}: 20.0 % slower (+10.0 .. +30.0 %): fail"
    )
    assert step_line(3, Question(0, 2, left=1), commits, "no such module") == (
        f"gate 3 (1 commit left): {commit} against {base}: can't be measured: no such module"
    )


def test_json_has_the_same():
    result = run(Gates(steps_at(10, x=6), broken={"commit 3"}))
    data = bisect_json(result)
    commits = line_of(10)
    assert data["exit_code"] == 1
    assert data["good"]["sha"], data["bad"]["sha"] == (commits[0].sha, commits[9].sha)
    assert data["whole"]["verdict"] == "fail"
    (culprit,) = data["culprits"]
    assert (culprit["benchmark"], culprit["confirmed"]) == ("a.py::test_x", True)
    assert [each["sha"] for each in culprit["commits"]] == [commits[6].sha]
    assert culprit["step"]["estimate"]["ratio"] == 1.3
