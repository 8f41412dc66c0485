"""A bisection for the terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tlbench.gate.culprits import kind_of
from tlbench.gate.names import short_names
from tlbench.gate.verdict import Report
from tlbench.report.gate_text import gate_json, gate_table
from tlbench.report.gate_words import figures
from tlbench.report.table import seconds
from tlbench.report.text import INDENT, sentence

if TYPE_CHECKING:
    from tlbench.gate.bisect import Question
    from tlbench.gate.commits import Commit
    from tlbench.gate.culprits import Bisection, Culprit
    from tlbench.gate.verdict import Verdict

#: Commits of a range that are listed.
LISTED = 10


def bisect_lines(result: Bisection) -> list[str]:
    """Lines of at most 80 columns: for each benchmark its commit, or those that remain."""
    if result.whole.status != "fail":
        text = "nothing to bisect: no benchmark fails between these commits"
        return [*gate_table(result.whole), *sentence(text)]
    names = short_names(each.benchmark for each in result.culprits)
    lines = [
        line for each in result.culprits for line in _lines(result, each, names[each.benchmark])
    ]
    return [*lines, f"{result.gates} gate{'s' * (result.gates != 1)}, {seconds(result.seconds)}"]


def step_line(
    number: int, question: Question, commits: tuple[Commit, ...], said: Verdict | str
) -> str:
    """What a gate says, for the progress of a search."""
    base, commit = commits[question.base].short, commits[question.commit].short
    left = f"{question.left} commit{'s' * (question.left != 1)} left"
    if isinstance(said, str):
        text = f"can't be measured: {said}"
    else:
        text = f"{_said(said)}: {said.status}"
    return f"gate {number} ({left}): {commit} against {base}: {text}"


def bisect_json(result: Bisection) -> dict[str, Any]:
    """The result as JSON.

    Keys: ``exit_code``, ``good`` and ``bad`` (commits: ``sha``, ``date``, ``subject``), ``whole``
    (the gate between them, as ``tlbench gate --json`` prints it), ``gates``, ``seconds``,
    ``skipped`` (by sha, why a commit can't be measured) and ``culprits``, each with ``benchmark``,
    ``confirmed``, ``commits`` (of which one is the culprit) and ``step`` (its benchmark's part of
    the gate against the commit before; null where not confirmed).
    """
    return {
        "exit_code": result.exit_code,
        "good": _commit(result.commits[0]),
        "bad": _commit(result.commits[-1]),
        "whole": gate_json(result.whole),
        "gates": result.gates,
        "seconds": result.seconds,
        "skipped": {result.commits[at].sha: why for at, why in sorted(result.skipped.items())},
        "culprits": [
            {
                "benchmark": each.benchmark,
                "confirmed": each.step is not None,
                "commits": [_commit(commit) for _, commit in _remaining(result, each)],
                "step": _step(each),
            }
            for each in result.culprits
        ],
    }


def _lines(result: Bisection, culprit: Culprit, name: str) -> list[str]:
    remaining = _remaining(result, culprit)
    _, first = remaining[0]
    if culprit.step:
        text = f"{name}: {_said(culprit.step)} since this commit:"
    elif len(remaining) == 1:
        text = (
            f"{name}: {_said(culprit.whole)} between the good and the bad commit, most likely "
            "since this commit, which no gate against the one before it confirms:"
        )
    else:
        text = (
            f"{name}: {_said(culprit.whole)} between the good and the bad commit, since one of "
            f"these {len(remaining)} commits:"
        )
    lines = sentence(text)
    for at, commit in remaining[:LISTED]:
        lines += sentence(_named(commit), INDENT)
        if at in result.skipped:
            lines += sentence(f"can't be measured: {result.skipped[at]}", 2 * INDENT)
    if len(remaining) > LISTED:
        _, last = remaining[-1]
        lines += sentence(f"and {len(remaining) - LISTED} more, up to {last.short}", INDENT)
    merge = _merge(first) if len(remaining) == 1 and first.is_merge else []
    return [*lines, *merge]


def _remaining(result: Bisection, culprit: Culprit) -> list[tuple[int, Commit]]:
    place = culprit.found
    return [(at, result.commits[at]) for at in range(place.first, place.last + 1)]


def _said(verdict: Verdict) -> str:
    """A verdict in few words: the change where it is about speed, else the reason."""
    if verdict.estimate is None or (verdict.status == "fail" and kind_of(verdict) != "speed"):
        return verdict.reason
    size, interval, _, _ = figures(verdict)
    return f"{size} ({interval})"


def _named(commit: Commit) -> str:
    return f"{commit.short} {commit.date} {commit.subject}"


def _merge(commit: Commit) -> list[str]:
    first, second = f"{commit.short}^1", f"{commit.short}^2"
    look = f"--good $(git merge-base {first} {second}) --bad {second}"
    return [f"{INDENT}a merge; to search the commits that it merged:", f"{INDENT}{look}"]


def _commit(commit: Commit) -> dict[str, str]:
    return {"sha": commit.sha, "date": commit.date, "subject": commit.subject}


def _step(culprit: Culprit) -> dict[str, Any] | None:
    if culprit.step is None:
        return None
    step: dict[str, Any] = gate_json(Report("", "", (culprit.step,)))["benchmarks"][0]
    return step
