"""A gate's report for the terminal and as JSON; its Markdown and JUnit XML are beside it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from tlbench.report.gate_junit import gate_junit
from tlbench.report.gate_markdown import gate_markdown
from tlbench.report.gate_words import (
    NOTHING,
    accuracy,
    accuracy_change,
    change,
    counts,
    evidence,
    explanation,
    interval,
    printable,
    short_names,
    tolerance,
    took,
    word_of,
)
from tlbench.report.table import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tlbench.gate.verdict import Report, Verdict

__all__ = ["gate_json", "gate_junit", "gate_markdown", "gate_table"]

HEADINGS = ("benchmark", "change", "interval", "n", "tol.", "top-1", "verdict")
#: Columns of a name and of accuracies; all others stand in any case.
NAME, TOP1 = 0, 5
#: Before the second and further lines of a sentence.
INDENT = "  "
#: Stands for what is left out of a name.
GAP = "..."


def gate_table(report: Report) -> list[str]:
    """Lines of at most 80 columns: a line a benchmark, reasons, notes, and last the verdict.

    Args:
        report: The gate's.
    """
    names = short_names(each.name for each in report.verdicts)
    lines = _wrapped(f"{printable(report.candidate)} against {printable(report.base)}")
    rows = [HEADINGS, *(_cells(each, names[each.name]) for each in report.verdicts)]
    judged = [each for each in report.verdicts if each.accuracy is not None]
    below: list[Verdict] = []
    if not judged or _room(rows) < max(cell_len(row[NAME]) for row in rows):
        # Names matter more: accuracies go below the table.
        rows, below = [row[:TOP1] + row[TOP1 + 1 :] for row in rows], judged
    lines += _aligned(rows) if report.verdicts else [NOTHING]
    for verdict in below:
        lines += _wrapped(f"{names[verdict.name]}: {accuracy_change(verdict)}")
    for verdict in report.verdicts:
        if verdict.status != "pass" or verdict.faster:
            lines += _wrapped(f"{names[verdict.name]}: {explanation(verdict)}")
    for note in report.notes:
        lines += _wrapped(f"note: {printable(note)}")
    lines += filter(None, [counts(report)])
    return [*lines, ", ".join(filter(None, [f"verdict: {report.status.upper()}", took(report)]))]


def gate_json(report: Report) -> dict[str, Any]:
    """The report as JSON; what isn't known, or no finite number, is null.

    Keys: ``verdict``, ``exit_code``, ``base``, ``head``, ``seconds``, ``notes`` (texts), and
    ``benchmarks``, each with ``name``, ``verdict``, ``reason``, ``tolerance`` (a share),
    ``faster`` (by more than the tolerance), ``estimate`` (``ratio``, ``low``, ``high``,
    ``coverage``, ``n``, ``p``), ``accuracy`` (``base``, ``head``, ``images``, ``lost``, ``won``,
    ``p``), ``detectable`` (a share) and ``more`` (process pairs). They mean what the attributes of
    ``tlbench.gate.verdict``'s types of these names do.

    Args:
        report: The gate's.
    """
    return {
        "verdict": report.status,
        "exit_code": report.exit_code,
        "base": report.base,
        "head": report.candidate,
        "seconds": _finite(report.seconds),
        "benchmarks": [_benchmark(each) for each in report.verdicts],
        "notes": list(report.notes),
    }


def _benchmark(verdict: Verdict) -> dict[str, Any]:
    whole = _finite(dataclasses.asdict(verdict))
    if verdict.accuracy:
        whole["accuracy"]["head"] = whole["accuracy"].pop("candidate")
    del whole["accuracy_lost"]
    return {"name": whole.pop("name"), "verdict": whole.pop("status"), **whole}


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cells(verdict: Verdict, name: str) -> tuple[str, ...]:
    found = verdict.estimate
    return (
        name,
        change(found),
        interval(found),
        evidence(found),
        tolerance(verdict),
        accuracy(verdict),
        word_of(verdict),
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with names cut to what is left; columns but the first and the last to the right."""
    names = _fitted([row[NAME] for row in rows], _room(rows))
    widest = max(map(cell_len, names))
    widths = _widths(rows)
    lines = []
    for name, (*figures, word) in zip(names, (row[1:] for row in rows), strict=True):
        cells = [text.rjust(width) for text, width in zip(figures, widths, strict=False)]
        lines.append(" ".join([set_cell_size(name, widest), *cells, word]))
    return lines


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    """Of all columns but the first, which have nothing but ASCII."""
    return [max(map(len, column)) for column in list(zip(*rows, strict=True))[1:]]


def _room(rows: Sequence[tuple[str, ...]]) -> int:
    widths = _widths(rows)
    return WIDTH - sum(widths) - len(widths)


def _fitted(names: Iterable[str], room: int) -> list[str]:
    """Names of at most so many columns, shortened in the middle; what looks the same is counted."""
    fitted: list[str] = []
    for name in names:
        text, count = _shortened(name, room), 1
        while text in fitted:
            count += 1
            text = _shortened(name, room - len(f"#{count}")) + f"#{count}"
        fitted.append(text)
    return fitted


def _shortened(name: str, room: int) -> str:
    if cell_len(name) <= room:
        return name
    start = set_cell_size(name, (room - len(GAP)) // 2)
    end = name[-room:]
    while cell_len(start + GAP + end) > room:
        end = end[1:]
    return start + GAP + end


def _wrapped(text: str) -> list[str]:
    found = Text(text).wrap(Console(width=WIDTH), WIDTH - len(INDENT))
    first, *others = (line.plain.rstrip() for line in found)
    return [first, *(INDENT + line for line in others)]
