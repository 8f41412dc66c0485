"""Which machine gives most images per unit of currency, and how sure that is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.report.table import lines_of, seconds, times
from tlbench.stats.ratios import ALARM, CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tlbench.compare.cost import CostRanking, PricedEntry

TITLE = "images per unit of currency, whole job:"
HEADINGS = ("", "images", "interval", "time", "price per hour", "")
RIGHT = (1, 2, 3, 4)
#: Before the ends of intervals.
CERTAINTY = f"{100 * CONFIDENCE:.0f} % interval"


def cost_table(ranking: CostRanking, names: Sequence[str]) -> list[str]:
    """Lines of a table of all priced entries, the one that gives most first.

    Args:
        ranking: The entries.
        names: Of all entries of the comparison, by position.
    """
    rows = (cost_row(each, names) for each in ranking.entries)
    return [TITLE, *lines_of(HEADINGS, rows, right=RIGHT)]


def cost_row(each: PricedEntry, names: Sequence[str]) -> tuple[str, ...]:
    """An entry's texts by ``HEADINGS``."""
    if each.dominated_by is None:
        place = "on the frontier"
    else:
        place = f"dominated by {names[each.dominated_by]}"
    interval = f"{images(each.low)}-{images(each.high)}"
    return (
        *(names[each.position], images(each.images), interval, seconds(each.seconds)),
        *(f"{each.price_per_hour:.4g}", place),
    )


def cost_answer(ranking: CostRanking, names: Sequence[str]) -> str:
    """Which machine gives most images per unit of currency, and how sure that is."""
    first, *others = ranking.machines
    runs = len(first.runs)
    text = (
        f"{names[first.position]} gives {'the most ' * bool(others)}images per unit of currency: "
        f"{images(first.images)} ({CERTAINTY} {images(first.low)} to {images(first.high)}; {runs} "
        f"run{'s' * (runs > 1)}, {first.price_per_hour:.4g} per hour)"
    )
    return ". ".join([text, *_beside_others(ranking, names)]) + "."


def _beside_others(ranking: CostRanking, names: Sequence[str]) -> Iterator[str]:
    lead = ranking.lead
    if lead is None:
        yield "No other machine has both a price and a whole job"
        return
    second, others = ranking.machines[1], len(ranking.machines) - 1
    yield (
        f"The second machine, {names[second.position]}, gives {images(second.images)}: the first "
        f"gives {times(lead.value)} times as many ({CERTAINTY} {times(lead.low)} to "
        f"{times(lead.high)})"
    )
    if not ranking.rivals:
        each = f" to each of the {others} other machines" * (others > 1)
        yield f"The difference{each} is significant ({100 * ALARM:.0f} % level)"
        return
    rivals = ", ".join(names[each.position] for each in ranking.rivals)
    likely = "likely, but " if ranking.significance == "likely faster" else ""
    yield f"The lead is {likely}not significant: {rivals} may give as many"


def images(count: float) -> str:
    """A number of images with three digits, such as ``1,230,000``."""
    rounded = float(f"{count:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:.3g}"
