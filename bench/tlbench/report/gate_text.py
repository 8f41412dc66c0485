"""A gate's report for the terminal and as JSON; Markdown and JUnit XML have their own modules."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from tlbench.escapes import printable
from tlbench.gate.names import short_names
from tlbench.report.gate_words import (
    COLUMNS,
    EXPECTED,
    MEANINGS,
    NOTHING,
    accuracy_change,
    counts,
    duration,
    explanations,
    figures,
    status_text,
)
from tlbench.report.table import lines_of
from tlbench.report.text import sentence

if TYPE_CHECKING:
    from tlbench.gate.verdict import Report

#: Of the table on the terminal.
COLUMN_NAMES = ("benchmark", "change", "interval", "n", "tol.", "verdict")
#: Of statuses in capitals.
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT COMPARABLE": "yellow"}


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
