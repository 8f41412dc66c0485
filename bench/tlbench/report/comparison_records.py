"""Comparisons for programs: every cell with all its figures, as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tlbench.escapes import harmless
from tlbench.report.cost_text import cost_answer
from tlbench.stats.ratios import ALARM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tlbench.compare.comparison import Cell, Comparison
    from tlbench.compare.entries import Entry
    from tlbench.compare.reference import Headline

#: Columns of the CSV file, and of the JSON's cells.
FIELDS = (
    *("benchmark", "entry", "machine", "engine", "device", "threads", "runs", "images_per_s"),
    *("lowest", "highest", "ratio", "ratio_low", "ratio_high", "p", "p_usual", "basis", "word"),
    *("accuracy", "accuracy_p", "verdict", "images_per_money", "p_corrected", "price_per_hour"),
)
#: Of a ratio, in the order of ``FIELDS``; the first entry has none.
OF_RATIO = ("value", "low", "high", "p", "p_usual", "basis")


def records(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Every cell with all its figures, by ``FIELDS``."""
    for benchmark, cells in comparison.cells.items():
        for entry, cell in zip(comparison.entries, cells, strict=True):
            if cell is not None:
                yield dict(zip(FIELDS, _values(benchmark, entry, cell), strict=True))


def _values(benchmark: str, entry: Entry, cell: Cell) -> tuple[Any, ...]:
    ratio = (getattr(cell.ratio, name, None) for name in OF_RATIO)
    return (
        *(benchmark, entry.label, entry.machine, *entry.setup, len(cell.rates), cell.rate),
        *(min(cell.rates), max(cell.rates), *ratio, cell.significance, cell.accuracy),
        *(cell.accuracy_p, cell.last.timing, cell.images_per_currency_unit, cell.chance),
        cell.price_per_hour,
    )


def as_csv(comparisons: Iterable[Comparison]) -> str:
    """A line per cell, the job's facts first; spreadsheets read no text in it as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, each in enumerate(comparisons):
        if number == 0:
            writer.writerow([*(name for name, _ in each.job.facts), *FIELDS])
        for record in records(each):
            values = [*(value for _, value in each.job.facts), *record.values()]
            writer.writerow([harmless(value) for value in values])
    return text.getvalue()


def as_json(comparisons: Iterable[Comparison]) -> str:
    """Jobs with entries, differences, cells, headlines and costs; the level of the words."""
    listed = [
        {
            "job": dict(each.job.facts),
            "entries": [
                {
                    "label": entry.label,
                    "machine": entry.machine,
                    "files": [run.path.as_posix() for run in entry.runs],
                    "instance_type": entry.last.facts.get("instance_type"),
                    "whole_job": entry.whole_job,
                    "seconds": entry.job_seconds,
                    "headline": _headline(headline) if headline else None,
                }
                for entry, headline in zip(each.entries, each.headlines, strict=True)
            ],
            "differing": [asdict(fact) for fact in each.differing],
            "cells": list(records(each)),
            "costs": _costs(each),
        }
        for each in comparisons
    ]
    whole = {"level": ALARM, "comparisons": listed}
    return json.dumps(whole, indent=1)


def _headline(headline: Headline) -> dict[str, Any]:
    """Its figures; ``value`` is the geometric mean, as it was when that was the headline."""
    return {"value": headline.mean, **asdict(headline)}


def _costs(comparison: Comparison) -> dict[str, Any] | None:
    """Priced entries by label, the one with most images per unit of currency first."""
    ranking = comparison.costs
    if ranking is None:
        return None
    labels = [entry.label for entry in comparison.entries]
    entries = [
        {
            "entry": labels[each.position],
            "images_per_money": each.images,
            "low": each.low,
            "high": each.high,
            "seconds": each.seconds,
            "price_per_hour": each.price_per_hour,
            "dominated_by": None if each.dominated_by is None else labels[each.dominated_by],
        }
        for each in ranking.entries
    ]
    return {
        "entries": entries,
        "lead": asdict(ranking.lead) if ranking.lead else None,
        "word": ranking.significance and ranking.significance.replace("faster", "more"),
        "rivals": [labels[each.position] for each in ranking.rivals],
        "answer": cost_answer(ranking, labels),
    }
