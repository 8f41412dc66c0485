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
    from tlbench.compare.comparison import Comparison
    from tlbench.report.html.chart import Chart

MACHINE = "intel-xeon-emerald-rapids-2-cpus"
FOLDER, NAME = "docs/pictures", "engines"
#: Benchmarks that say most, of the suite's eight.
SHOWN = ("extract", "pipeline (recompute)")


def largest_comparison(names: tuple[str, ...]) -> Comparison:
    """The comparison with most entries, of machines, folders or files in the working folder."""
    return max(compared(entries_of(collect(names).runs)), key=lambda each: len(each.entries))


def chart(names: tuple[str, ...] = (MACHINE,)) -> Chart:
    """Throughput in the largest comparison, of ``SHOWN``."""
    largest = largest_comparison(names)
    cells = {name: largest.cells[name] for name in SHOWN if name in largest.cells}
    return throughput(replace(largest, cells=cells), 1)


def committed_chart() -> Chart:
    """The picture of the committed results."""
    with committed_results():
        return chart()


def committed_workload() -> str:
    """The workload of the picture of the committed results."""
    with committed_results():
        return str(largest_comparison((MACHINE,)).job["workload"])


def figures(shown: Chart) -> str:
    """The picture's figures, for those who do not see it."""
    return "; ".join(f"{name}, {entry}: {rate}" for name, entry, rate, *_ in shown.rows)


def draw(shown: Chart) -> None:
    """Write the picture."""
    folder = ROOT / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with drawing():
        write_picture(shown.draw(), folder, NAME, ["svg"])
