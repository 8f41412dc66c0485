"""A gate's report in Markdown, for a comment or a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.report.gate_reasons import note_lines, reason_lines, report_names
from tlbench.report.gate_words import (
    ALL_NEW,
    COLUMNS,
    MEANINGS,
    NOTHING,
    accuracies,
    counts,
    duration,
    figures,
    status_text,
)
from tlbench.report.text import as_code, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.gate.verdict import Report, Status, Verdict

#: Of the table.
HEADINGS = ("benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict")
ALIGNMENTS = ("---", *["---:"] * 5, "---")
MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not comparable": "?"}


def gate_markdown(report: Report) -> str:
    """A headline with the verdict, a table, reasons, notes, and what verdicts mean.

    Nothing that a file, an arm or a test says is taken for Markdown or HTML.
    """
    names = {key: as_code(name) for key, name in report_names(report).items()}
    summary = ", ".join(filter(None, [counts(report), duration(report)]))
    reasons = [f"- {line}" for line in reason_lines(report, names, as_text)]
    notes = [f"- Note: {line}" for line in note_lines(report, names, as_text)]
    nothing = ALL_NEW if report.all_new else NOTHING
    sides = (as_code(printable(side)) for side in (report.candidate, report.base))
    parts = [
        f"## {MARKS[report.status]} Gate: {report.status.upper()}",
        " against ".join(sides) + (f": {summary}" if summary else ""),
        _table(report.verdicts, names) if report.verdicts else f"{nothing.capitalize()}.",
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
