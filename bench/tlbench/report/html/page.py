"""The page: sections a job, then machines and files. Everything from files is text in it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tl_core.progress import progress
from tlbench.compare.comparison import compared
from tlbench.compare.differing import within
from tlbench.compare.entries import accuracy
from tlbench.compare.peaks import weak_peaks
from tlbench.compare.reference import headline
from tlbench.machine.fact_format import facts_lines
from tlbench.report.comparison_text import headline_text, legend, weak_text
from tlbench.report.html import bars
from tlbench.report.html.history_chart import history
from tlbench.report.html.pareto import pareto
from tlbench.report.html.rounds_chart import rounds
from tlbench.report.pages import template
from tlbench.report.pictures import as_svg, drawing, write_picture
from tlbench.report.table import per_second, seconds, share
from tlbench.runs.read import ResultError, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jinja2 import Template

    from tlbench.compare.comparison import Comparison
    from tlbench.compare.entries import Entry
    from tlbench.report.html.chart import Chart
    from tlbench.runs.collect import Run

#: Benchmarks of the whole job, whichever the track.
WHOLE_JOB = "pipeline"
#: Files that are listed; the rest is counted.
FILES = 200
#: Figures of a picture that are listed below it.
ROWS = 1_000


@dataclass(frozen=True)
class Section:
    """A job's part of the page."""

    comparison: Comparison
    charts: tuple[Chart, ...]

    @property
    def title(self) -> str:
        """The job."""
        return str(self.comparison.job)


def sections(entries: Iterable[Entry]) -> list[Section]:
    """Everything that is shown of each job."""
    found = compared(entries)
    made = []
    for number, comparison in enumerate(found, start=1):
        alike = [each for each in found if _images(each) == _images(comparison)]
        charts = (
            bars.throughput(comparison, number),
            pareto(alike, number) if alike[0] is comparison else None,
            bars.peak(comparison, number),
            bars.breakdown(comparison, number),
            rounds(comparison, number),
            history(comparison, number),
        )
        made.append(Section(comparison, tuple(chart for chart in charts if chart is not None)))
    return made


def _images(comparison: Comparison) -> tuple[object, ...]:
    """What accuracies must have in common to stand beside each other."""
    return comparison.job["data_fingerprint"], comparison.job["test_size"]


def page(title: str, found: Sequence[Section], runs: Sequence[Run], folder: Path) -> str:
    """The page as HTML.

    Args:
        title: Its title.
        found: From ``sections``.
        runs: All of them, the earliest first.
        folder: Where the page will lie, from which it links to files.
    """
    from markupsafe import Markup

    pictures: dict[str, Markup] = {}
    with progress(sum(len(each.charts) for each in found), "draw", unit="picture") as bar:
        for section in found:
            for chart in section.charts:
                with drawing():
                    # Our own drawing, in which matplotlib escapes every text.
                    pictures[chart.name] = Markup(as_svg(chart.draw(), chart.name))  # noqa: S704
                bar.update(1)
    return _template(folder).render(
        title=title,
        sections=found,
        pictures=pictures,
        legend=legend("the first entry"),
        rows_shown=ROWS,
        machines=list(_machines(runs)),
        runs=runs[::-1][:FILES],
        all_runs=len(runs),
    )


def write_plots(found: Sequence[Section], folder: Path) -> list[str]:
    """Every picture as SVG and PNG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for section in found:
        for chart in section.charts:
            with drawing():
                write_picture(chart.draw(), folder, chart.name)
            names.append(chart.name)
    return names


def _template(folder: Path) -> Template:
    return template(
        "report.html.j2",
        link=lambda path: quote(Path(os.path.relpath(path, folder)).as_posix()),
        headlines=_headlines,
        samples=lambda comparison: list(_samples(comparison)),
        missing=lambda comparison: list(_missing(comparison)),
        mixtures=_mixtures,
        weak=_weak,
        per_second=per_second,
        verdicts=_verdicts,
    )


@dataclass(frozen=True)
class Summary:
    """What people in a hurry see of an entry.

    Attributes:
        label: The entry's.
        seconds: Of the whole job; None where it wasn't measured.
        accuracy: Top-1 of it; None where there is none.
        multiple: Of the reference machine's throughputs; None without a headline.
        words: The headline with its parts; empty for jobs that the reference machine hasn't run.
    """

    label: str
    seconds: float | None
    accuracy: float | None
    multiple: float | None
    words: str

    @property
    def whole_job(self) -> str:
        """Such as ``108 s, top-1 0.8438``."""
        if self.seconds is None:
            return "not measured"
        return f"{seconds(self.seconds)}, top-1 {share(self.accuracy)}"


def _headlines(comparison: Comparison) -> list[Summary]:
    """Of each entry that has any, the fastest at the whole job first."""
    found = [_summary(entry) for entry in comparison.entries]
    found = [each for each in found if each.words or each.seconds is not None]
    return sorted(found, key=lambda each: math.inf if each.seconds is None else each.seconds)


def _summary(entry: Entry) -> Summary:
    told = headline(entry)
    whole = next((name for name in entry.benchmarks if name.startswith(WHOLE_JOB)), None)
    return Summary(
        label=entry.label,
        seconds=entry.benchmarks[whole][-1].images / entry.rate(whole) if whole else None,
        accuracy=accuracy(entry, whole) if whole else None,
        multiple=told.value if told else None,
        words=headline_text(told) if told else "",
    )


def _mixtures(comparison: Comparison) -> list[tuple[Entry, tuple[str, ...]]]:
    """Entries whose runs differ among each other, and in what."""
    return [(entry, facts) for entry in comparison.entries if (facts := within(entry))]


def _weak(comparison: Comparison) -> list[tuple[str, str]]:
    """Entries that had less than the whole machine, and how much less."""
    found = weak_peaks(comparison.entries)
    return [(comparison.entries[i].label, weak_text(*peaks)) for i, peaks in found.items()]


def _missing(comparison: Comparison) -> Iterable[tuple[str, str, str]]:
    """What the latest runs didn't measure, and why."""
    for entry in comparison.entries:
        for name, reason in entry.last.not_measured.items():
            yield entry.label, str(name), str(reason)


def _verdicts(comparison: Comparison) -> dict[tuple[str, str], str]:
    """What each entry's latest run says of its own rounds, by letter and benchmark."""
    return {
        (entry.label, row.label): row.verdict or "-"
        for entry in comparison.entries
        for row in entry.last.rows
    }


def _samples(comparison: Comparison) -> Iterable[dict[str, Any]]:
    """Images with predictions, of the first entry whose latest run has any."""
    for entry in comparison.entries:
        try:
            rows = read_rows(entry.last.path)
        except ResultError:
            continue
        found = [(row.label, row.info.get("samples")) for row in rows if row.info.get("samples")]
        if found:
            for label, several in found:
                images = [each for each in several or [] if _is_sample(each)]
                yield {"entry": entry.label, "benchmark": label, "images": images}
            return


def _is_sample(each: object) -> bool:
    """Whether an entry has what is shown; a foreign file may say anything."""
    if not isinstance(each, dict) or not isinstance(each.get("image"), str):
        return False
    letters = each["image"].rstrip("=")
    probability = each.get("probability")
    return (
        letters.isascii()
        and letters.replace("+", "").replace("/", "").isalnum()
        and isinstance(each.get("predicted"), str)
        and isinstance(probability, int | float)
        and 0 <= probability <= 1
    )


def _machines(runs: Sequence[Run]) -> Iterable[dict[str, Any]]:
    """Each machine as its latest run found it."""
    latest = {run.machine: run for run in runs}
    for name, run in latest.items():
        yield {"name": name, "when": run.when, "facts": facts_lines(run.facts)}
