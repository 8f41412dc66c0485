"""A gate's report for the terminal and as JSON; Markdown and JUnit XML have their own modules."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells

from tlbench.gate.names import fitted_names
from tlbench.report.gate_evidence import (
    function_texts,
    instructions_counted,
    instructions_text,
)
from tlbench.report.gate_order import by_gravity, folded, folded_texts
from tlbench.report.gate_reasons import note_lines, reason_lines, report_names
from tlbench.report.gate_words import (
    ALL_NEW,
    COLUMNS,
    MEANINGS,
    NOTHING,
    accuracy_change,
    counts,
    duration,
    figures,
    status_text,
)
from tlbench.report.table import lines_of
from tlbench.report.text import WIDTH, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.gate.verdict import Report, Verdict

#: Headings of the table on the terminal.
COLUMN_NAMES = ("benchmark", "change", "interval", "n", "tol.", "verdict")
#: Most columns of a name in a sentence, so that it isn't broken.
NAME_WIDTH = WIDTH - 8
#: Colours of statuses.
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT COMPARABLE": "yellow"}


def gate_table(report: Report, fold: str | None = None) -> list[str]:
    """Lines of at most 80 columns: the sides, benchmarks, reasons, notes, and the verdict.

    ``fold`` is the option that shows everything; None folds nothing.
    """
    shown, hidden = folded(report.verdicts) if fold else (by_gravity(report.verdicts), [])
    whole = report_names(report)
    names = fitted_names(whole, NAME_WIDTH)
    lines = sentence(f"{report.candidate} against {report.base}")
    if shown:
        lines += _rows(shown, fitted_names(whole, WIDTH))
    else:
        lines += [ALL_NEW if report.all_new else NOTHING]
    texts = [f"{text} ({fold} shows them)" for text in folded_texts(hidden)]
    texts += [f"{names[each.name]}: {accuracy_change(each)}" for each in shown if each.accuracy]
    texts += reason_lines(report, names, everything=not fold)
    texts += [f"{names[name]}: {text}" for name, text in function_texts(report).items()]
    texts += [f"note: {each}" for each in note_lines(report, names, everything=not fold)]
    lines += [line for text in texts for line in sentence(text)]
    lines += filter(None, [counts(report)])
    return [
        *lines,
        ", ".join(filter(None, [f"verdict: {report.status.upper()}", duration(report)])),
    ]


def _rows(verdicts: Sequence[Verdict], names: Mapping[str, str]) -> list[str]:
    """The table; a name that is too wide for its column has its own line before its row."""
    counted = instructions_counted(verdicts)
    heading_cells = (*COLUMN_NAMES[:-1], *["instructions"] * counted, COLUMN_NAMES[-1])
    rows = [
        (*figures(each), *[instructions_text(each)] * counted, status_text(each))
        for each in verdicts
    ]
    columns = zip(heading_cells[1:], *rows, strict=True)
    room = WIDTH - sum(1 + max(map(cell_len, column)) for column in columns)
    texts = [names[each.name] for each in verdicts]
    firsts = [text if cell_len(text) <= room else "" for text in texts]
    cells = [(first, *row) for first, row in zip(firsts, rows, strict=True)]
    heading, *lines = lines_of(heading_cells, cells, right=range(1, 5 + counted))
    table = [heading]
    for text, first, line in zip(texts, firsts, lines, strict=True):
        table += [line] if first else [*chop_cells(text, WIDTH), line]
    return table


def gate_explanation() -> list[str]:
    """What the verdicts and the table's columns mean, in lines of at most 80 columns."""
    texts = [*(f"{status.upper()}: {text}" for status, text in MEANINGS.items()), COLUMNS]
    return [line for text in texts for line in sentence(text)]


def gate_json(report: Report) -> dict[str, Any]:
    """The report as JSON; an unknown value, or a number that isn't finite, is null.

    Keys: ``verdict``, ``exit_code``, ``base``, ``head``, ``seconds``, ``notes`` (texts), and
    ``benchmarks``, each with ``name``, ``verdict``, ``reason``, ``tolerance`` (a share),
    ``faster`` (by more than the tolerance), ``estimate`` (``ratio``, ``low``, ``high``,
    ``coverage``, ``n``, ``p``), ``accuracy`` (``base``, ``head``, ``images``, ``lost``, ``won``,
    ``p``), ``detectable`` (a share), ``more`` (process pairs), ``instructions`` (``base``,
    ``head``, per call) and ``profile`` (``tool`` and ``functions``, each with ``name``, ``file``,
    ``line``, ``base`` and ``head`` (shares), ``seconds`` per call that were added); and
    ``loaded``, by side the packages that were imported, each with ``file``, ``version`` and
    ``compiled`` (names of modules). ``head`` is the candidate's value. The other keys mean the same
    as the attributes of these names in ``tlbench.gate.verdict``.
    """
    whole: dict[str, Any] = _finite(dataclasses.asdict(report))
    for each in whole["verdicts"]:
        each["verdict"] = each.pop("status")
        del each["accuracy_lost"]
        functions = (each["profile"] or {}).get("functions", ())
        for sides in filter(None, [each["accuracy"], each["instructions"], *functions]):
            sides["head"] = sides.pop("candidate")
    return {
        "verdict": report.status,
        "exit_code": report.exit_code,
        "base": whole["base"],
        "head": whole["candidate"],
        "seconds": whole["seconds"],
        "benchmarks": whole["verdicts"],
        "notes": whole["notes"],
        "loaded": whole["loaded"],
    }


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
