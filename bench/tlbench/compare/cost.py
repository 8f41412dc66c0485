"""What the whole job costs on each machine: images per unit of currency, and which gives most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tlbench.compare.entries import same_machine
from tlbench.stats.frontier import dominates
from tlbench.stats.ratios import rate_interval, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tlbench.compare.entries import Entry
    from tlbench.stats.ratios import Ratio, Significance

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class PricedEntry:
    """An entry whose machine has a price, at the whole job.

    Attributes:
        position: The entry's in its comparison.
        seconds: Of the whole job.
        price_per_hour: In the currency of all prices.
        images: Per unit of currency, from the geometric mean of the runs, with its 95 % interval.
        runs: Images per unit of currency of each run.
        dominated_by: Position of an entry that is at least as fast and gives at least as many
            images per unit of currency, and more of one; None on the frontier.
    """

    position: int
    seconds: float
    price_per_hour: float
    images: float
    low: float
    high: float
    runs: tuple[float, ...]
    dominated_by: int | None = None


@dataclass(frozen=True)
class CostRanking:
    """Priced entries, the one with most images per unit of currency first, and how sure that is.

    Attributes:
        machines: Of each machine its best entry, in the same order.
        lead: The first machine's images as a multiple of the next one's; None for one machine.
        significance: Whether the first machine gives more than each of the others; None for one.
        rivals: Other machines that may give as many: the difference is not significant.
    """

    entries: tuple[PricedEntry, ...]
    machines: tuple[PricedEntry, ...]
    lead: Ratio | None
    significance: Significance | None
    rivals: tuple[PricedEntry, ...]


def cost_ranking(entries: Sequence[Entry], prices: Sequence[float | None]) -> CostRanking | None:
    """Rank the entries that have a price and ran the whole job; None where there are none.

    The machine that gives most is compared with each of the others. Since it was chosen for that,
    it must be better than all of them, each at the full level; and since its setup was chosen
    among several of its own, chances are multiplied by their number (Bonferroni).

    Source: Gutmann and Maymin, Is the selected population the best?, Annals of Statistics 15, 1987.
    """
    plain = sorted(_priced(entries, prices), key=lambda each: (-each.images, each.position))
    if not plain:
        return None
    ranked = tuple(_with_dominator(each, plain) for each in plain)
    machines: list[PricedEntry] = []
    for each in ranked:
        if not any(_same(entries, each, other) for other in machines):
            machines.append(each)
    first, *others = machines
    setups = sum(_same(entries, each, first) for each in ranked)
    leads = [ratio(other.runs, first.runs) for other in others]
    chances = [min(1.0, setups * each.chance) for each in leads]
    words = [each.significance(chance) for each, chance in zip(leads, chances, strict=True)]
    rivals = (other for other, word in zip(others, words, strict=True) if word != "faster")
    return CostRanking(
        ranked,
        tuple(machines),
        leads[0] if leads else None,
        leads[0].significance(max(chances)) if leads else None,
        tuple(rivals),
    )


def _priced(entries: Sequence[Entry], prices: Sequence[float | None]) -> Iterator[PricedEntry]:
    for position, (entry, price) in enumerate(zip(entries, prices, strict=True)):
        whole, seconds = entry.whole_job, entry.job_seconds
        if price is None or whole is None or seconds is None:
            continue
        scale = SECONDS_PER_HOUR / price
        runs = tuple(scale * rate for rate in entry.rates(whole))
        yield PricedEntry(
            position, seconds, price, scale * entry.rate(whole), *rate_interval(runs), runs
        )


def _with_dominator(each: PricedEntry, others: Sequence[PricedEntry]) -> PricedEntry:
    better = (
        other.position
        for other in others
        if dominates((other.images, -other.seconds), (each.images, -each.seconds))
    )
    return replace(each, dominated_by=next(better, None))


def _same(entries: Sequence[Entry], one: PricedEntry, other: PricedEntry) -> bool:
    """Whether both are of one machine at one price."""
    return one.price_per_hour == other.price_per_hour and same_machine(
        entries[one.position], entries[other.position]
    )
