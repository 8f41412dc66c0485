"""What a gate against a baseline says, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from bench.telling.gate_words import change, evidence, interval, printable, short_names
from bench.telling.table import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.gate.report import Report, Verdict

#: Columns of a benchmark's name; what is longer loses its middle.
NAME = 27


def gate_lines(report: Report, runs: int) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each must not be missed.

    Args:
        report: Verdicts in the order in which the benchmarks ran.
        runs: The baseline's.
    """
    names = short_names(verdict.name for verdict in report.verdicts)
    if report.verdicts:
        yield _columns("benchmark", "change", "95 % interval", "n", "verdict"), False
    for verdict in report.verdicts:
        found = verdict.estimate
        figures = (change(found), interval(found), evidence(found))
        yield _columns(names[verdict.name], *figures, verdict.word), verdict.word != "pass"
    for verdict in report.verdicts:
        if verdict.word != "pass":
            yield from (
                (line, True) for line in _wrapped(f"{names[verdict.name]}: {verdict.reason}")
            )
    for note in report.notes:
        yield from ((line, False) for line in _wrapped(f"note: {note}"))
    counts = Counter(verdict.word for verdict in report.verdicts)
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    for line in _wrapped(f"against {runs} runs of {report.base}: {words or 'nothing compared'}"):
        yield line, False


def paragraph(verdict: Verdict) -> str:
    """A verdict in a paragraph, for the report of the test that it turned red."""
    (name,) = short_names([verdict.name]).values()
    text = f"{name}: {verdict.word}: {printable(verdict.reason)}"
    found = verdict.estimate
    if found is None:
        return text
    sure = f", p = {found.p:.2g} over all benchmarks" if found.p is not None else ""
    figures = f"{change(found)}, 95 % interval {interval(found)}, {found.n} baseline runs"
    return f"{text} ({figures}{sure})"


def _columns(name: str, how: str, ends: str, n: str, word: str) -> str:
    shown = name if len(name) <= NAME else f"{name[: NAME // 2 - 1]}…{name[-(NAME // 2) :]}"
    return f"{shown:<{NAME}} {how:>13} {ends:>18} {n:>3} {word}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(printable(text), WIDTH, subsequent_indent="  ")
