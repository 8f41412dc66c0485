"""A gate's report for the terminal, as JSON and in Markdown; JUnit XML is in ``gate_junit``."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from tlbench.report.gate_words import (
    COLUMNS,
    EXPECTED,
    MEANINGS,
    NOTHING,
    accuracies,
    accuracy_change,
    counts,
    duration,
    explanations,
    figures,
    short_names,
    status_text,
)
from tlbench.report.table import lines_of
from tlbench.report.text import as_code, as_text, printable, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.gate.verdict import Report, Status, Verdict

#: Of the table on the terminal.
COLUMN_NAMES = ("benchmark", "change", "interval", "n", "tol.", "verdict")
#: Of statuses in capitals.
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT COMPARABLE": "yellow"}
#: Of the table in Markdown.
HEADINGS = ("benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict")
ALIGNMENTS = ("---", *["---:"] * 5, "---")
MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not comparable": "?"}


def gate_table(report: Report) -> list[str]:
    """Lines of at most 80 columns: each benchmark, accuracies, reasons, notes, the verdict."""
    names = short_names(each.name for each in report.verdicts)
    rows = [(names[each.name], *figures(each), status_text(each)) for each in report.verdicts]
    lines = sentence(f"{printable(report.candidate)} against {printable(report.base)}")
    lines += (
        lines_of(COLUMN_NAMES, rows, right=range(1, 5)) if rows else [NOTHING, *sentence(EXPECTED)]
    )
    texts = [
        f"{names[each.name]}: {accuracy_change(each)}" for each in report.verdicts if each.accuracy
    ]
    texts += [f"{names[name]}: {text}" for name, text in explanations(report).items()]
    texts += [f"note: {printable(note)}" for note in report.notes]
    lines += [line for text in texts for line in sentence(text)]
    lines += filter(None, [counts(report)])
    return [
        *lines,
        ", ".join(filter(None, [f"verdict: {report.status.upper()}", duration(report)])),
    ]


def gate_explanation() -> list[str]:
    """What the verdicts and the table's columns mean, in lines of at most 80 columns."""
    texts = [*(f"{status.upper()}: {text}" for status, text in MEANINGS.items()), COLUMNS]
    return [line for text in texts for line in sentence(text)]


def gate_json(report: Report) -> dict[str, Any]:
    """The report as JSON; what isn't known, or no finite number, is null.

    Keys: ``verdict``, ``exit_code``, ``base``, ``head``, ``seconds``, ``notes`` (texts), and
    ``benchmarks``, each with ``name``, ``verdict``, ``reason``, ``tolerance`` (a share),
    ``faster`` (by more than the tolerance), ``estimate`` (``ratio``, ``low``, ``high``,
    ``coverage``, ``n``, ``p``), ``accuracy`` (``base``, ``head``, ``images``, ``lost``, ``won``,
    ``p``), ``detectable`` (a share) and ``more`` (process pairs). ``head`` is of the candidate;
    else they mean what the attributes of ``tlbench.gate.verdict``'s types of these names do.
    """
    whole: dict[str, Any] = _finite(dataclasses.asdict(report))
    for each in whole["verdicts"]:
        each["verdict"] = each.pop("status")
        del each["accuracy_lost"]
        if each["accuracy"]:
            each["accuracy"]["head"] = each["accuracy"].pop("candidate")
    return {
        "verdict": report.status,
        "exit_code": report.exit_code,
        "base": whole["base"],
        "head": whole["candidate"],
        "seconds": whole["seconds"],
        "benchmarks": whole["verdicts"],
        "notes": whole["notes"],
    }


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def gate_markdown(report: Report) -> str:
    """A headline with the verdict, a table, reasons, notes, and what verdicts mean.

    Nothing that a file, an arm or a test says is taken for Markdown or HTML.
    """
    ids = [each.name for each in report.verdicts]
    names = {key: as_code(name) for key, name in short_names(ids).items()}
    summary = ", ".join(filter(None, [counts(report), duration(report)]))
    reasons = [f"- {names[key]}: {as_text(text)}" for key, text in explanations(report).items()]
    notes = [f"- Note: {as_text(printable(note))}" for note in report.notes]
    sides = (as_code(printable(side)) for side in (report.candidate, report.base))
    parts = [
        f"## {MARKS[report.status]} Gate: {report.status.upper()}",
        " against ".join(sides) + (f": {summary}" if summary else ""),
        _table(report.verdicts, names) if report.verdicts else f"{NOTHING.capitalize()}.",
        "\n".join([*reasons, *notes]),
        _details(),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(verdicts: Sequence[Verdict], names: dict[str, str]) -> str:
    rows: list[Sequence[str]] = [HEADINGS, ALIGNMENTS]
    for each in verdicts:
        status = status_text(each)
        bold = status if status == "PASS" else f"**{status}**"
        rows.append((names[each.name], *figures(each), accuracies(each), bold))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _details() -> str:
    meanings = "\n".join(f"- **{status.upper()}**: {text}" for status, text in MEANINGS.items())
    return (
        f"<details>\n<summary>What the verdicts mean</summary>\n\n{meanings}\n\n{COLUMNS}\n\n"
        "</details>"
    )
