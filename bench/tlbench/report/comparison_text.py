"""Comparisons for the terminal and as Markdown; CSV and JSON are in ``comparison_records``."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.report.table import lines_of, per_second, share, times
from tlbench.report.text import INDENT, as_code, as_text, coloured, sentence
from tlbench.stats.ratios import ALARM, CONFIDENCE, RUN_SD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.comparison import Cell, Comparison, WeakPeak
    from tlbench.compare.entries import Entry
    from tlbench.compare.reference import Headline

HEADINGS = ("benchmark", "", "images/s", "times A", "interval", "top-1", "")
RIGHT = (2, 3, 4, 5)
COLOURS = {"faster": "green", "slower": "red"}
#: Behind an accuracy that differs significantly from the first entry's.
OTHER = "≠"
#: For ``--explain``: a line per paragraph.
EXPLANATION = f"""\
times A: ratio of the geometric means of the runs' throughputs.
interval: the {100 * CONFIDENCE:.0f} % confidence interval of this ratio alone (Welch's t test on \
logarithms). For A itself, the slowest and the fastest run.
faster, slower: if nothing differs, any ratio of a comparison is called so with a probability of \
at most {100 * ALARM:.0f} % (Bonferroni). More ratios make this stricter: an interval can exclude \
1 without a significant difference.
few runs: they are assumed to vary by {100 * RUN_SD:.0f} %, or as much as they do if that is more. \
To detect smaller differences, measure more runs, or use tlbench gate on one machine.
{OTHER}: accuracy differs significantly, image by image (McNemar's test)."""


def legend(first: str) -> str:
    """What stands below every comparison with an entry that is called so."""
    return (
        f"'faster' and 'slower' hold at the {100 * ALARM:.0f} % level over all ratios shown "
        f"together. 'No significant difference' does not mean equal. Single runs are assumed to "
        f"vary by {100 * RUN_SD:.0f} %. {OTHER}: accuracy differs significantly from {first}'s."
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
        first = printable(benchmark)
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
        yield f"{letter}: {printable(entry.label)}, {_runs(entry)}"


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
        yield printable(f"{each.name}: {'; '.join(parts)}")
    for facts, at in comparison.mixtures.items():
        yield printable(f"runs of {spans(at, names)}: {mixture_text(facts)}")


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
    """A headline with its parts."""
    parts = ", ".join(f"{printable(name)} {times(part)}" for name, part in headline.parts.items())
    if headline.value is None:
        return f"no headline ({printable(headline.reason or '')}; {parts or 'no parts'})"
    return (
        f"{times(headline.value)} times {printable(headline.reference)} (geometric mean of "
        f"{len(headline.parts)}: {parts})"
    )


def weak_text(peak: WeakPeak) -> str:
    """That a machine was slower in a run than in another one."""
    return (
        "the machine was slower than usual: matrix-multiply peak "
        f"{peak.own:,.0f} GFLOP/s, best seen {peak.best:,.0f}"
    )


def lines_below(comparison: Comparison) -> Iterator[str]:
    """Headlines, what images cost, and what makes times unreliable; a line each."""
    names = letters(len(comparison.entries))
    for letter, headline in zip(names, comparison.headlines, strict=True):
        if headline is not None and not headline.of_itself:
            yield f"{letter}: {headline_text(headline)}"
    cells = [comparison.of_entry(position).items() for position in range(len(names))]
    for letter, several in zip(names, cells, strict=True):
        costs = ((name, cell.images_per_currency_unit) for name, cell in several)
        images = [f"{printable(name)} {count:,.0f}" for name, count in costs if count]
        if images:
            yield f"{letter}: images per unit of currency: {', '.join(images)}"
    for position, letter in enumerate(names):
        bad = [(name, cell.last.timing) for name, cell in cells[position] if cell.unreliable]
        unreliable = [f"{printable(name)} ({timing})" for name, timing in bad]
        if unreliable:
            yield f"{letter}: unreliable timing: {', '.join(unreliable)}"
        if position in comparison.weak_peaks:
            yield f"{letter}: {weak_text(comparison.weak_peaks[position])}"


def as_lines(comparisons: Iterable[Comparison]) -> list[str]:
    """Lines of at most 80 columns: what differs first, then figures, then what they mean."""
    lines: list[str] = []
    for each in comparisons:
        lines += [*sentence(printable(str(each.job))), ""]
        for line in entry_lines(each):
            lines += sentence(line)
        differences = list(difference_lines(each))
        lines += ["", "what differs:"] * bool(differences)
        lines += [part for line in differences for part in sentence(line, INDENT)]
        table = lines_of(HEADINGS, table_rows(each), right=RIGHT)
        lines += ["", *coloured(table, COLOURS), ""]
        below = [part for line in lines_below(each) for part in sentence(line)]
        lines += [*below, *[""] * bool(below)]
    return [*lines, *sentence(legend("A"))]


def as_markdown(comparisons: Iterable[Comparison]) -> str:
    """A section per job. Nothing from a file is read as Markdown or HTML."""
    parts = []
    for each in comparisons:
        parts.append(f"## {as_text(printable(str(each.job)))}")
        above = [*entry_lines(each), *(f"differs: {line}" for line in difference_lines(each))]
        parts.append("\n".join(f"- {as_text(line)}" for line in above))
        rule = ["---:" if i in RIGHT else "---" for i in range(len(HEADINGS))]
        rows = ([as_code(name) if name else "", *figures] for name, *figures in table_rows(each))
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in (HEADINGS, rule, *rows)))
        parts.append("\n".join(f"- {as_text(line)}" for line in lines_below(each)))
    return "\n\n".join(filter(None, [*parts, legend("A")])) + "\n"
