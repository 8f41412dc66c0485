"""A gate's report in GitHub-flavoured Markdown, for a job's summary or a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.report.gate_words import (
    MEANINGS,
    NOTHING,
    accuracy,
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tlbench.gate.verdict import Report, Status, Verdict

HEADINGS = ("benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict")
ALIGNED = ("---", *["---:"] * 5, "---")
MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not comparable": "?"}
#: What means anything to Markdown or HTML in the middle of a line, as entities.
_ENTITIES = {ord(each): f"&#{ord(each)};" for each in "\\`*_[]<>&|~$#@:"}


def gate_markdown(report: Report) -> str:
    """A headline with the verdict, a table, reasons, notes, and what verdicts mean.

    Nothing that a file, an arm or a test says is taken for Markdown or HTML.

    Args:
        report: The gate's.
    """
    ids = [each.name for each in report.verdicts]
    names = {key: as_code(name) for key, name in short_names(ids).items()}
    told = ", ".join(filter(None, [counts(report), took(report)]))
    parts = [
        f"## {MARKS[report.status]} Gate: {report.status.upper()}",
        f"{as_code(printable(report.candidate))} against {as_code(printable(report.base))}"
        + (f": {told}" if told else ""),
        _table(report.verdicts, names) if report.verdicts else f"{NOTHING.capitalize()}.",
        "\n".join(_reasons(report, names)),
        _meanings(),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(verdicts: Sequence[Verdict], names: dict[str, str]) -> str:
    rows = [_line(HEADINGS), _line(ALIGNED)]
    for each in verdicts:
        found, word = each.estimate, word_of(each)
        figures = (change(found), interval(found), evidence(found), tolerance(each), accuracy(each))
        rows.append(_line((names[each.name], *figures, word if word == "PASS" else f"**{word}**")))
    return "\n".join(rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _reasons(report: Report, names: dict[str, str]) -> Iterator[str]:
    for each in report.verdicts:
        if each.status != "pass" or each.faster:
            yield f"- {names[each.name]}: {as_text(explanation(each))}"
    for note in report.notes:
        yield f"- Note: {as_text(printable(note))}"


def _meanings() -> str:
    meanings = "\n".join(f"- **{word.upper()}**: {text}" for word, text in MEANINGS.items())
    return (
        "<details>\n<summary>What the verdicts mean</summary>\n\n"
        f"{meanings}\n\n"
        "The change is how much longer the head takes than the base; a positive end of its "
        "interval is slower. n counts independent pieces of evidence: process pairs, or the "
        "baseline's runs. The gate's verdict is the gravest of its benchmarks'.\n\n</details>"
    )


def as_code(text: str) -> str:
    """As code: an element, since a code span can't hold every text."""
    return f"<code>{text.translate(_ENTITIES)}</code>"


def as_text(text: str) -> str:
    """As text, in which nobody is mentioned: that is looked for once entities are resolved."""
    return text.translate(_ENTITIES | {ord("@"): "@&#8203;"})
