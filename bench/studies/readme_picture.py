"""The README's picture of engines, and its figures as text; ``bench.studies.readme`` draws it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bench.studies.files import ROOT, committed_results
from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of
from tlbench.report.html.bars import throughput
from tlbench.report.pictures import drawing, write_picture
from tlbench.runs.collect import collect

if TYPE_CHECKING:
    from tlbench.report.html.chart import Chart

MACHINE = "intel-xeon-2-cpus"
FOLDER, NAME = "docs/pictures", "engines"
#: Benchmarks that say most, of the suite's eight.
SHOWN = ("extract", "pipeline (recompute)")


def chart(names: tuple[str, ...] = (MACHINE,)) -> Chart:
    """Throughput of the job of which there are most entries.

    Args:
        names: Machines, folders or files in the working folder.
    """
    comparisons = compared(entries_of(collect(names).runs))
    largest = max(comparisons, key=lambda each: len(each.entries))
    cells = {name: largest.cells[name] for name in SHOWN if name in largest.cells}
    return throughput(replace(largest, cells=cells), 1)


def committed_chart() -> Chart:
    """The picture of the committed results."""
    with committed_results():
        return chart()


def figures(shown: Chart) -> str:
    """The picture's figures, for those who do not see it."""
    return "; ".join(f"{name}, {entry}: {rate}" for name, entry, rate, *_ in shown.rows)


def draw(shown: Chart) -> None:
    """Write the picture."""
    folder = ROOT / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with drawing():
        write_picture(shown.draw(), folder, NAME, ["svg"])
