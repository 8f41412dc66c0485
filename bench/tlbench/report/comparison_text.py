"""Comparisons for the terminal and as Markdown; CSV and JSON are in ``comparison_records``."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from tlbench.report.cost_text import cost_answer, cost_table
from tlbench.report.table import lines_of, per_second, seconds, share, times
from tlbench.report.text import INDENT, as_code, as_text, sentence
from tlbench.stats.ratios import ALARM, CONFIDENCE, RUN_SD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.comparison import Cell, Comparison
    from tlbench.compare.entries import Entry
    from tlbench.compare.peaks import WeakPeak
    from tlbench.compare.reference import Headline

HEADINGS = ("benchmark", "", "images/s", "times A", "interval", "top-1", "")
RIGHT = (2, 3, 4, 5)
COLOURS = {
    "faster": "green",
    "slower": "red",
    "likely faster": "default",
    "likely slower": "default",
}
#: Behind an accuracy that differs significantly from the first entry's.
OTHER = "≠"
#: For ``--explain``: a line per paragraph.
EXPLANATION = f"""\
times A: ratio of the geometric means of the runs' throughputs.
interval: the {100 * CONFIDENCE:.0f} % confidence interval of this ratio alone (Welch's t test on \
logarithms). For A itself, the slowest and the fastest run.
faster, slower: significant at the {100 * ALARM:.0f} % level. The whole job is judged first, by \
itself and at the full level: what else the table has does not matter. Then the other benchmarks \
of an entry are judged together, corrected for each other by Holm's method. If an entry does not \
differ from A, its whole job is called faster or slower with a probability of at most \
{100 * ALARM:.0f} %, and any of its other benchmarks with at most {100 * ALARM:.0f} %. This is for \
each entry: with many entries, expect a few false ones.
likely faster, likely slower: the interval excludes 1, but the correction leaves no significant \
difference.
few runs: they are assumed to vary by {100 * RUN_SD:.0f} %, or as much as they do if that is more. \
To detect smaller differences, measure more runs, or use tlbench gate on one machine.
{OTHER}: accuracy differs significantly, image by image (McNemar's test).
images per unit of currency: of the whole job, with the {100 * CONFIDENCE:.0f} % interval over \
runs; the price counts as exact. The machine that gives most is compared with every other one at \
the full level; p-values are multiplied by the number of its own setups (Bonferroni). Dominated: \
another entry is at least as fast and gives at least as many images."""


def legend(first: str) -> str:
    """What stands below every comparison with an entry that is called so."""
    return (
        f"'faster' and 'slower' hold at the {100 * ALARM:.0f} % level: for the whole job alone, "
        "then over an entry's other rows. 'likely': only the ratio's own interval excludes 1. "
        f"'No significant difference' is not 'equal'. {OTHER}: accuracy differs from {first}'s."
    )


def explanation() -> list[str]:
    """How the figures of a comparison are computed, in lines of at most 80 columns."""
    return [line for text in EXPLANATION.splitlines() for line in sentence(text)]


def letters(count: int) -> list[str]:
    """A, B, ..., Z, A2, B2, ..."""
    alphabet = string.ascii_uppercase
    return [
        alphabet[i % 26] + (str(i // 26 + 1) if i >= len(alphabet) else "") for i in range(count)
    ]


def table_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Benchmark by benchmark, texts by ``HEADINGS`` for each entry that has it."""
    names = letters(len(comparison.entries))
    for benchmark, cells in comparison.cells.items():
        first = benchmark
        for letter, cell in zip(names, cells, strict=True):
            if cell is not None:
                yield (first, letter, *_figures(cell))
                first = ""


def _figures(cell: Cell) -> tuple[str, ...]:
    ratio = cell.ratio
    if ratio is None:
        factor, interval = "", "/".join(f"{each:+.0%}" for each in cell.spread or ())
    else:
        factor, interval = times(ratio.value), f"{times(ratio.low)}-{times(ratio.high)}"
    accuracy = share(cell.accuracy) + OTHER * cell.accuracy_differs
    return per_second(cell.rate), factor, interval, accuracy, cell.significance or ""


def entry_lines(comparison: Comparison) -> Iterator[str]:
    """Each entry's letter, label and runs."""
    for letter, entry in zip(letters(len(comparison.entries)), comparison.entries, strict=True):
        yield f"{letter}: {entry.label}, {_runs(entry)}"


def _runs(entry: Entry) -> str:
    first, last = entry.runs[0].when, entry.last.when
    if len(entry.runs) == 1:
        return f"1 run on {last:%Y-%m-%d}"
    count = f"{len(entry.runs):,} runs"
    if last.date() == first.date():
        return f"{count} on {last:%Y-%m-%d}"
    return f"{count} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def difference_lines(comparison: Comparison) -> Iterator[str]:
    """A line per fact that entries differ in, then what runs of one entry differ in."""
    names = letters(len(comparison.entries))
    for each in comparison.differing:
        parts = [f"{value} ({spans(at, names)})" for value, at in each.groups().items()]
        yield f"{each.name}: {'; '.join(parts)}"
    for facts, at in comparison.mixtures.items():
        yield f"runs of {spans(at, names)}: {mixture_text(facts)}"


def mixture_text(facts: Sequence[str]) -> str:
    """Such as ``made with different commits of the suite``."""
    return f"made with different {', '.join(f.replace('commit of', 'commits of') for f in facts)}"


def spans(positions: Sequence[int], names: Sequence[str]) -> str:
    """Letters of entries, neighbours together, such as ``A, C-F``."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return ", ".join("-".join(dict.fromkeys((names[run[0]], names[run[-1]]))) for run in runs)


def headline_text(headline: Headline) -> str:
    """An entry's whole job as a multiple of the reference machine's."""
    if headline.times is None:
        reason = headline.reason or "the whole job was not measured"
        return f"not compared with {headline.reference} ({reason})"
    return f"{times(headline.times)} times {headline.reference}"


def weak_text(peak: WeakPeak) -> str:
    """That a machine was slower in a run than in another one."""
    return (
        "the machine was slower than usual: matrix-multiply peak "
        f"{peak.own:,.0f} GFLOP/s, best seen {peak.best:,.0f}"
    )


#: Of entries with old rows of GPUs.
OLD_GPU_ROWS = (
    "measured by an older tlbench, which ran one batch at a time on GPUs; measure it again"
)


def job_lines(comparison: Comparison) -> Iterator[str]:
    """Seconds of each entry's whole job, and how many times the reference's; a line each."""
    names = letters(len(comparison.entries))
    for letter, entry, headline in zip(
        names, comparison.entries, comparison.headlines, strict=True
    ):
        parts = [seconds(entry.job_seconds)] if entry.job_seconds else []
        if headline is not None:
            parts.append("the reference" if headline.of_itself else headline_text(headline))
        if parts:
            yield f"{letter}: whole job {', '.join(parts)}"


def notes(comparison: Comparison) -> Iterator[str]:
    """What makes times unreliable, a line each; then the entries' means over all benchmarks."""
    names = letters(len(comparison.entries))
    for position, letter in enumerate(names):
        cells = comparison.of_entry(position).items()
        bad = [(name, cell.last.timing) for name, cell in cells if cell.unreliable]
        unreliable = [f"{name} ({timing})" for name, timing in bad]
        if unreliable:
            yield f"{letter}: unreliable timing: {', '.join(unreliable)}"
        if position in comparison.weak_peaks:
            yield f"{letter}: {weak_text(comparison.weak_peaks[position])}"
        if position in comparison.old_gpu_rows:
            yield f"{letter}: {OLD_GPU_ROWS}"
    known = [(name, each) for name, each in zip(names, comparison.headlines, strict=True) if each]
    means = [
        f"{name} {'none' if each.mean is None else times(each.mean)}"
        for name, each in known
        if not each.of_itself
    ]
    if means:
        reference = known[0][1].reference
        yield f"geometric mean of all benchmarks, times {reference}: {', '.join(means)}"


def as_lines(comparisons: Iterable[Comparison]) -> list[str]:
    """Lines of at most 80 columns: what differs first, then figures, then what they mean."""
    lines: list[str] = []
    for each in comparisons:
        lines += [*sentence(str(each.job)), ""]
        for line in entry_lines(each):
            lines += sentence(line)
        differences = list(difference_lines(each))
        lines += ["", "what differs:"] * bool(differences)
        lines += [part for line in differences for part in sentence(line, INDENT)]
        table = lines_of(HEADINGS, table_rows(each), right=RIGHT)
        lines += ["", *table, ""]
        for block in _blocks_below(each):
            lines += [*block, *[""] * bool(block)]
    return [*lines, *sentence(legend("A"))]


def _blocks_below(comparison: Comparison) -> Iterator[list[str]]:
    """Lines below the table: the whole job, what it costs, then notes."""
    yield [part for line in job_lines(comparison) for part in sentence(line)]
    if comparison.costs:
        names = letters(len(comparison.entries))
        answer = cost_answer(comparison.costs, _lettered(comparison))
        yield [*cost_table(comparison.costs, names), *sentence(answer)]
    yield [part for line in notes(comparison) for part in sentence(line)]


def _lettered(comparison: Comparison) -> list[str]:
    """Such as ``D (amd-epyc litert)``: letters begin anew in each job's table."""
    names = letters(len(comparison.entries))
    return [
        f"{name} ({entry.label})" for name, entry in zip(names, comparison.entries, strict=True)
    ]


def as_markdown(comparisons: Iterable[Comparison]) -> str:
    """A section per job. Nothing from a file is read as Markdown or HTML."""
    parts = []
    for each in comparisons:
        parts.append(f"## {as_text(str(each.job))}")
        above = [*entry_lines(each), *(f"differs: {line}" for line in difference_lines(each))]
        parts.append("\n".join(f"- {as_text(line)}" for line in above))
        rule = ["---:" if i in RIGHT else "---" for i in range(len(HEADINGS))]
        rows = ([as_code(name) if name else "", *figures] for name, *figures in table_rows(each))
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in (HEADINGS, rule, *rows)))
        costs = [cost_answer(each.costs, _lettered(each))] if each.costs else []
        below = [*job_lines(each), *costs, *notes(each)]
        parts.append("\n".join(f"- {as_text(line)}" for line in below))
    return "\n\n".join(filter(None, [*parts, legend("A")])) + "\n"
