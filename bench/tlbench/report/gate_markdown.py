"""A gate's report in Markdown, for a comment or a page."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.gate.names import fitted_names
from tlbench.report.gate_evidence import (
    function_texts,
    instructions_counted,
    instructions_text,
)
from tlbench.report.gate_order import by_gravity
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

#: First line of a summary, not shown: a workflow finds the comment that it updates by this line.
MARKER = "<!-- tlbench gate -->"
#: Most characters of a summary; a comment on GitHub has at most 65,536.
LIMIT = 60_000
#: Most characters of each of the tables and lists; there are four.
ROOM = 12_000
#: Most columns of a name, and characters of another text, before they are written for Markdown.
NAME_WIDTH, TEXT_WIDTH = 100, 400
#: Most notes that are not folded.
FEW_NOTES = 5
#: Headings of the tables.
HEADINGS = ("benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict")
ALIGNMENTS = ("---", *["---:"] * 5, "---")
MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not comparable": "?"}


def gate_markdown(report: Report) -> str:
    """The verdict and the benchmarks that matter; folded: those that pass, notes and meanings.

    At most ``LIMIT`` characters; a sentence says what is left out. The first line is ``MARKER``.
    No text from a file, an arm or a test is interpreted as Markdown or HTML.
    """
    names = {key: as_code(name) for key, name in _names(report).items()}
    ordered = by_gravity(report.verdicts)
    news = [each for each in ordered if each.status != "pass" or each.faster]
    quiet = ordered[len(news) :]
    sides = " against ".join(as_code(_brief(side)) for side in (report.candidate, report.base))
    summary = ", ".join(filter(None, [counts(report), duration(report)]))
    reasons = [f"- {line}" for line in reason_lines(report, names, _as_brief_text)]
    functions = function_texts(report).items()
    reasons += [f"- {names[key]}: {_as_brief_text(text)}" for key, text in functions]
    notes = [f"- Note: {line}" for line in note_lines(report, names, _as_brief_text)]
    passing = f"{len(quiet)} benchmark{'s' * (len(quiet) != 1)} without a slowdown"
    few = len(notes) <= FEW_NOTES
    parts = [
        MARKER,
        f"## {MARKS[report.status]} Gate: {report.status.upper()}",
        sides + (f": {summary}" if summary else ""),
        "" if report.verdicts else f"{(ALL_NEW if report.all_new else NOTHING).capitalize()}.",
        _table(news, names) if news else "",
        _fitting([*reasons, *(notes if few else ())]),
        "" if few else _folded(f"{len(notes)} notes", _fitting(notes)),
        _folded(passing, _table(quiet, names)) if quiet else "",
        _folded("What the verdicts mean", _meanings()),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _names(report: Report) -> dict[str, str]:
    return fitted_names(report_names(report), NAME_WIDTH)


def _brief(text: str) -> str:
    text = printable(text)
    return text if len(text) <= TEXT_WIDTH else f"{text[:TEXT_WIDTH]}…"


def _as_brief_text(text: str) -> str:
    return as_text(_brief(text))


def _table(verdicts: Sequence[Verdict], names: dict[str, str]) -> str:
    counted = instructions_counted(verdicts)
    rows = [
        _row((*HEADINGS[:-1], *["instructions"] * counted, HEADINGS[-1])),
        _row((*ALIGNMENTS[:-1], *["---:"] * counted, ALIGNMENTS[-1])),
    ]
    for each in verdicts:
        status = status_text(each)
        bold = status if status == "PASS" else f"**{status}**"
        cells = [*figures(each), accuracies(each), *[instructions_text(each)] * counted]
        rows.append(_row((names[each.name], *cells, bold)))
    return _fitting(rows, "\n")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fitting(lines: Sequence[str], before_rest: str = "") -> str:
    """As many of the first lines as fit, and how many are left out."""
    ends = list(accumulate(len(line) + 1 for line in lines))
    shown = bisect_right(ends, ROOM)
    rest = len(lines) - shown
    cut = f"{rest:,} more {'are' if rest > 1 else 'is'} not shown: see the log, or the JSON file."
    return "\n".join([*lines[:shown], *([before_rest + cut] if rest else ())])


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def _meanings() -> str:
    lines = [f"- **{status.upper()}**: {text}" for status, text in MEANINGS.items()]
    return "\n".join([*lines, "", COLUMNS])
