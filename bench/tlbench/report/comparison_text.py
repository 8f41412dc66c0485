"""Comparisons for the terminal and as Markdown; CSV and JSON are in ``comparison_records``."""

from __future__ import annotations

import string
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tlbench.compare.differing import within
from tlbench.compare.peaks import weak_peaks
from tlbench.compare.reference import headline
from tlbench.report.table import indented, lines_of, per_second, share, wrapped
from tlbench.report.text import as_code, as_text, coloured, printable
from tlbench.stats.ratios import ALARM, CONFIDENCE, RUN_SD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.comparison import Cell, Comparison
    from tlbench.compare.entries import Entry
    from tlbench.compare.reference import Headline

HEADINGS = ("benchmark", "", "images/s", "times A", "interval", "top-1", "")
RIGHT = (2, 3, 4, 5)
COLOURS = {"faster": "green", "slower": "red"}
#: The letter of the entry that the others are compared with.
FIRST = "A"
#: Verdicts of rounds whose time is in doubt.
DOUBTED = ("noisy", "drifting", "cold", "unsynchronised")
#: Behind an accuracy that is another than the first entry's, and not by chance.
OTHER = "≠"


def legend(first: str) -> str:
    """What is said beside every comparison.

    Args:
        first: What the entry is called that the others are compared with.
    """
    return (
        f"Times as fast as {first}: of the geometric means over runs, with the "
        f"{100 * CONFIDENCE:.0f} % interval. Faster and slower are said where chance alone would "
        f"say so of any of these ratios in at most {100 * ALARM:.0f} % of comparisons. That is "
        "stricter, the more ratios there are, than an interval, which is of one ratio alone; and "
        "not told apart isn't the same as equal. Where runs are one or few, they may be taken "
        f"to scatter by {100 * RUN_SD:.0f} %, or as they do if that is more: to see less, measure "
        f"more runs, or use tlbench gate on one machine. {OTHER}: another accuracy than {first}'s, "
        "beyond chance."
    )


@dataclass(frozen=True)
class Line:
    """One benchmark of one entry, as text."""

    benchmark: str
    letter: str
    rate: str
    ratio: str
    interval: str
    accuracy: str
    word: str

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of ``HEADINGS``."""
        return tuple(asdict(self).values())


def letters(count: int) -> list[str]:
    """A, B, ..., Z, A2, B2, ..."""
    alphabet = string.ascii_uppercase
    return [
        alphabet[i % 26] + (str(i // 26 + 1) if i >= len(alphabet) else "") for i in range(count)
    ]


def table_lines(comparison: Comparison) -> Iterator[Line]:
    """Benchmark by benchmark, a line for each entry that has it."""
    names = letters(len(comparison.entries))
    for benchmark, cells in comparison.cells.items():
        told = benchmark
        for letter, cell in zip(names, cells, strict=True):
            if cell is not None:
                yield _line(told, letter, cell)
                told = ""


def _line(benchmark: str, letter: str, cell: Cell) -> Line:
    found = cell.ratio
    return Line(
        benchmark=printable(benchmark),
        letter=letter,
        rate=per_second(cell.rate),
        ratio="" if found is None else _times(found.value),
        interval=_spread(cell) if found is None else f"{_times(found.low)}-{_times(found.high)}",
        accuracy=share(cell.accuracy) + OTHER * cell.accuracy_differs,
        word=cell.word or "",
    )


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _spread(cell: Cell) -> str:
    """Of the runs' rates, in percent of their mean."""
    if cell.spread is None:
        return ""
    return "/".join(f"{each - 1:+.0%}" for each in cell.spread)


def entry_lines(comparison: Comparison) -> Iterator[str]:
    """Which letter is which."""
    for letter, entry in zip(letters(len(comparison.entries)), comparison.entries, strict=True):
        yield f"{letter}: {printable(entry.label)}, {_runs(entry)}"


def _runs(entry: Entry) -> str:
    first, last = entry.runs[0].when, entry.last.when
    if len(entry.runs) == 1:
        return f"1 run of {last:%Y-%m-%d}"
    dates = f"{first:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last.date() != first.date() else "")
    return f"{len(entry.runs):,} runs of {dates}"


def difference_lines(found: Comparison) -> Iterator[str]:
    """A line a fact that entries differ in, then what runs of one entry differ in."""
    names = letters(len(found.entries))
    for each in found.differing:
        parts = [f"{value} ({spans(at, names)})" for value, at in each.groups().items()]
        yield printable(f"{each.name}: {'; '.join(parts)}")
    mixtures: dict[tuple[str, ...], list[int]] = {}
    for position, entry in enumerate(found.entries):
        mixtures.setdefault(within(entry), []).append(position)
    for own, at in mixtures.items():
        if own:
            yield printable(f"among the runs of {spans(at, names)} themselves: {', '.join(own)}")


def spans(positions: Sequence[int], names: Sequence[str]) -> str:
    """Letters of entries, neighbours together, such as ``A,C-F``."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return ",".join("-".join(dict.fromkeys((names[run[0]], names[run[-1]]))) for run in runs)


def headline_lines(comparison: Comparison) -> Iterator[str]:
    """Each entry's throughput as a multiple of the reference machine's, with its parts."""
    for letter, entry in zip(letters(len(comparison.entries)), comparison.entries, strict=True):
        found = headline(entry)
        if found is not None:
            yield f"{letter}: {headline_text(found)}"


def headline_text(found: Headline) -> str:
    """A headline with its parts."""
    parts = ", ".join(f"{printable(name)} {_times(part)}" for name, part in found.parts.items())
    if found.value is None:
        return f"no headline ({printable(found.reason or '')}; {parts or 'no parts'})"
    return (
        f"{_times(found.value)} times {printable(found.reference)} (geometric mean of "
        f"{len(found.parts)}: {parts})"
    )


def doubt_lines(comparison: Comparison) -> Iterator[str]:
    """What the latest runs say of themselves: rounds in doubt, and a machine that was weak."""
    weak = weak_peaks(comparison.entries)
    for position, letter in enumerate(letters(len(comparison.entries))):
        told = [
            f"{printable(name)} {cell.verdict}"
            for name, cells in comparison.cells.items()
            if (cell := cells[position]) is not None and cell.verdict in DOUBTED
        ]
        if told:
            yield f"{letter}: in doubt by its own rounds: {', '.join(told)}"
        if position in weak:
            yield f"{letter}: {weak_text(*weak[position])}"


def weak_text(own: float, best: float) -> str:
    """That a run had less of its machine than another one.

    Args:
        own: Its matrix-multiply peak in GFLOP/s.
        best: The other run's.
    """
    return (
        f"had less than the whole machine: its matrix-multiply peak was {own:,.0f} GFLOP/s, where "
        f"another run's was {best:,.0f}"
    )


def money_lines(comparison: Comparison) -> Iterator[str]:
    """Images for a unit of money, for entries that were given a price."""
    for letter, position in zip(
        letters(len(comparison.entries)), range(len(comparison.entries)), strict=True
    ):
        told = [
            f"{printable(name)} {cell.images_per_money:,.0f}"
            for name, cells in comparison.cells.items()
            if (cell := cells[position]) is not None and cell.images_per_money
        ]
        if told:
            yield f"{letter}: images for a unit of money: {', '.join(told)}"


def as_lines(comparisons: Iterable[Comparison]) -> list[str]:
    """Lines of at most 80 columns: what differs first, then figures, then what they mean."""
    lines: list[str] = []
    for each in comparisons:
        lines += [*wrapped(printable(str(each.job))), ""]
        for line in entry_lines(each):
            lines += wrapped(line)
        told = list(difference_lines(each))
        lines += ["", "what differs:"] * bool(told)
        lines += [part for line in told for part in indented(line)]
        table = lines_of(HEADINGS, [line.cells for line in table_lines(each)], right=RIGHT)
        lines += ["", *coloured(table, COLOURS), ""]
        below = [*headline_lines(each), *money_lines(each), *doubt_lines(each)]
        lines += [part for line in below for part in wrapped(line)]
        lines += [""] * bool(below)
    return [*lines, *wrapped(legend(FIRST))]


def as_markdown(comparisons: Iterable[Comparison]) -> str:
    """A section a job. Nothing that a file says is taken for Markdown or HTML."""
    parts = []
    for each in comparisons:
        parts.append(f"## {as_text(printable(str(each.job)))}")
        told = [
            *entry_lines(each),
            *(f"differs: {line}" for line in difference_lines(each)),
        ]
        parts.append("\n".join(f"- {as_text(line)}" for line in told))
        rule = ["---:" if i in RIGHT else "---" for i in range(len(HEADINGS))]
        rows = [HEADINGS, rule, *(_escaped(line) for line in table_lines(each))]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
        found = [*headline_lines(each), *money_lines(each), *doubt_lines(each)]
        parts.append("\n".join(f"- {as_text(line)}" for line in found))
    return "\n\n".join(filter(None, [*parts, legend(FIRST)])) + "\n"


def _escaped(line: Line) -> Sequence[str]:
    name, *figures = line.cells
    return [as_code(name) if name else "", *figures]
