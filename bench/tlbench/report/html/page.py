"""The page: a section per job, then machines and files. Everything from files is text in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from tlbench.machine.fact_format import facts_lines
from tlbench.report.comparison_text import OLD_GPU_ROWS, legend, mixture_text, weak_text
from tlbench.report.cost_text import cost_answer, images
from tlbench.report.html import bars
from tlbench.report.html.chart import MOST
from tlbench.report.html.fronts import money, pareto
from tlbench.report.html.lines import history, rounds
from tlbench.report.html.roof import rooflines
from tlbench.report.html.scaling import scalings
from tlbench.report.pictures import as_svg, drawing, write_picture
from tlbench.report.table import per_second, seconds, share, times
from tlbench.report.text import template
from tlbench.runs.collect import progress

if TYPE_CHECKING:
    from tlbench.compare.comparison import Comparison
    from tlbench.compare.overview import Overview, Samples, Section
    from tlbench.compare.reference import Headline
    from tlbench.report.html.chart import Chart

#: Files that are listed; the others are counted.
FILES = 200
#: Behind ratios, by their significance.
MARKS = {"faster": "▲", "slower": "▼", "likely faster": "△", "likely slower": "▽"}
#: Figures of a picture that are listed below it.
ROWS = 1_000


def charts(section: Section, number: int) -> list[Chart]:
    """A section's pictures; its place in the overview is numbered from 1."""
    several = (
        money(section, number),
        bars.throughput(section.comparison, number),
        pareto(section.pareto, number),
        bars.peak(section.comparison, number),
        rooflines(section, number),
        scalings(section, number),
        bars.breakdown(section, number),
        rounds(section, number),
        history(section, number),
    )
    return [each for each in several if each is not None]


def page(title: str, shown: Overview, folder: Path) -> str:
    """The page as HTML, with links to files from the folder in which it will lie."""
    sections = [(each, charts(each, number)) for number, each in enumerate(shown.sections, start=1)]
    pictures: dict[str, Markup] = {}
    with (
        progress(sum(len(several) for _, several in sections), "draw", "picture") as bar,
        drawing(),
    ):
        for _, several in sections:
            for chart in several:
                pictures[chart.name] = picture(chart)
                bar.update(1)
    return template(
        "report.html.j2",
        link=lambda path: quote(Path(os.path.relpath(path, folder)).as_posix()),
        per_second=per_second,
        share=share,
        facts=facts_lines,
        seconds=seconds,
        times=times,
        headline=_geometric_mean,
        picked=_picked,
        images=images,
        cost_answer=_cost_answer,
        mixture=mixture_text,
        weak=weak_text,
    ).render(
        title=title,
        sections=sections,
        pictures=pictures,
        marks=MARKS,
        most=MOST,
        legend=legend("the first entry"),
        old_gpu_rows=OLD_GPU_ROWS,
        rows_shown=ROWS,
        machines=shown.machines,
        runs=shown.runs[:FILES],
        all_runs=len(shown.runs),
    )


def picture(chart: Chart) -> Markup:
    """A picture as an element of the page; call it within ``drawing()``."""
    # Our own drawing, in which matplotlib escapes every text.
    return Markup(as_svg(chart.draw(), chart.name))  # noqa: S704


def write_plots(shown: Overview, folder: Path) -> list[str]:
    """Every picture as SVG and PNG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with drawing():
        for number, section in enumerate(shown.sections, start=1):
            for chart in charts(section, number):
                write_picture(chart.draw(), folder, chart.name)
                names.append(chart.name)
    return names


def _geometric_mean(headline: Headline) -> str:
    """The footnote of an entry's whole job: its mean over all benchmarks."""
    if headline.mean is None:
        return f"no geometric mean: {headline.reason}"
    return f"geometric mean of {len(headline.parts)} benchmarks: {times(headline.mean)}"


def _cost_answer(comparison: Comparison) -> str:
    """Which machine gives most images per unit of currency, and how sure that is; else empty."""
    labels = [entry.label for entry in comparison.entries]
    return cost_answer(comparison.costs, labels) if comparison.costs else ""


def _picked(samples: Samples) -> str:
    """How a run picks the images that it keeps, see ``tlbench.suite.samples``."""
    if any(each.label for each in samples.images):
        return (
            "Picked from the test images: some at even distances, then the wrong predictions with "
            "the highest probability. So there are more wrong ones than in the whole test set."
        )
    return "The first of the photographs that were classified."
