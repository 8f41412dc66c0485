"""Change points of a history of rates: where it became faster or slower, and stayed so.

``ruptures`` proposes where the level of the logarithms may have shifted. Each proposal is compared
with the largest shifts in random orders of what the other shifts leave, since its place was
searched for. What is significant is shown only if the largest shift of the whole history is so,
too, among random orders of its runs. No distribution is assumed; independent runs are.

Sources: Killick et al., JASA 107, 2012 (PELT); Freedman & Lane, J. Bus. Econ. Stat. 1, 1983
(permuted residuals of the model without what is tested).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbench.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tlbench.stats.ratios import Ratio

    Floats = NDArray[np.float64]

#: Chance that a history in which nothing shifted shows any change: exact whatever the noise, where
#: every order of the runs would have been as likely (results/studies/change-points.json).
ALARM = 0.01
#: Level of the test of a whole history; a little less than ``ALARM``, since 499 orders are few.
WHOLE_LEVEL = 0.008
#: Level of each change, given the others: what it lets through adds to the changes of a history
#: that has some, and not to the histories that show any.
LEVEL = 0.02
#: Least runs between two changes, and before the first and after the last: fewer may be one bad
#: day.
LEAST_BETWEEN = 3
#: Least runs of a history that is judged. Of twelve runs, one in 462 orders has the slower half at
#: one end; with fewer runs no order is rare enough.
LEAST_RUNS = 12
#: Most runs that are judged, the latest: the time of a search grows with the square of them.
MOST_RUNS = 500
#: Least noise from run to run, as a standard deviation of logarithms, that proposals assume.
LEAST_NOISE = 1e-4
#: Random orders that a change is judged by.
ORDERS = 499
#: Random orders and level by which proposals are thinned out first.
FEW_ORDERS, FEW_LEVEL = 199, 0.05
#: Median absolute deviation of a normal distribution, in standard deviations.
MAD = 0.6744897501960817


@dataclass(frozen=True)
class Change:
    """A shift of the rate that stayed.

    Attributes:
        index: Of the first run after it, from 0.
        ratio: Rates from it to the next change beside those from the one before: above 1 is faster.
            Its interval takes the place as given, so it is a little too narrow.
        p: Chance that any place between the neighbouring changes shows a shift as large, had
            nothing shifted there.
    """

    index: int
    ratio: Ratio
    p: float


@dataclass(frozen=True)
class _Cut:
    """A proposal at its best place between its neighbours, its size, and its chance."""

    index: int
    gain: float
    p: float


def change_points(rates: Sequence[float]) -> list[Change]:
    """Where a history of rates shifts to another level and stays there, the earliest first.

    Args:
        rates: Images per second of each run, the earliest first, all above 0. Of more than
            ``MOST_RUNS`` the latest are judged; of fewer than ``LEAST_RUNS`` none can be.
    """
    first = max(0, len(rates) - MOST_RUNS)
    latest = rates[first:]
    if len(latest) < LEAST_RUNS:
        return []
    logs = np.log(np.asarray(latest, dtype=np.float64))
    # The same history has the same changes; another one has orders of its own, so that an unlucky
    # set of orders isn't unlucky for all.
    rng = np.random.default_rng(np.frombuffer(logs.tobytes(), np.uint32))
    likely = _eliminated(
        logs, proposals(logs), FEW_LEVEL, lambda pool, runs: _here(pool, runs, FEW_ORDERS, rng)
    )
    places = [each.index for each in likely]
    changes = _eliminated(logs, places, LEVEL, lambda pool, runs: _chance(pool, runs, rng))
    if changes and _as_rare(_largest(logs[None])[0], _anywhere(logs, rng)) > WHOLE_LEVEL:
        return []
    ends = [0, *(each.index for each in changes), len(latest)]
    return [
        Change(
            first + each.index, ratio(latest[before : each.index], latest[each.index : end]), each.p
        )
        for each, before, end in zip(changes, ends, ends[2:], strict=False)
    ]


def noise(logs: Floats) -> float:
    """Standard deviation from run to run, by differences of neighbours, which few shifts spoil."""
    return float(np.median(np.abs(np.diff(logs)))) / MAD / math.sqrt(2)


def proposals(logs: Floats) -> list[int]:
    """Indices at which ``ruptures`` would cut the logarithms, most of them for nothing."""
    from ruptures import KernelCPD  # which takes half a second to import

    penalty = 2 * math.log(len(logs)) * max(noise(logs), LEAST_NOISE) ** 2
    search = KernelCPD(kernel="linear", min_size=LEAST_BETWEEN).fit(logs[:, None])
    cuts: list[Any] = search.predict(pen=penalty)
    return [int(cut) for cut in cuts[:-1]]  # the last is the history's end


def _eliminated(
    logs: Floats, proposed: Sequence[int], level: float, chance: Callable[[Floats, int], Floats]
) -> list[_Cut]:
    """Drop the least likely of the proposed cuts until each that is left is rarer than ``level``.

    ``chance`` gives largest gains in random orders, from residuals and the number of runs between
    the neighbours of a cut.
    """
    places = list(proposed)
    cuts: list[_Cut | None] = [None] * len(places)
    while places:
        for number, cut in enumerate(cuts):
            if cut is None:
                each = _judge(logs, places, number, chance)
                cuts[number], places[number] = each, each.index
        known = [each for each in cuts if each is not None]
        worst = max(range(len(known)), key=lambda number: (known[number].p, -known[number].gain))
        if known[worst].p <= level:
            return known
        del places[worst], cuts[worst]
        # Its neighbours reach further now.
        for number in (worst - 1, worst):
            if 0 <= number < len(cuts):
                cuts[number] = None
    return []


def _judge(
    logs: Floats, places: Sequence[int], number: int, chance: Callable[[Floats, int], Floats]
) -> _Cut:
    """Move a proposal to its best place between its neighbours, and say how rare its size is."""
    ends = [0, *places, len(logs)]
    begin, end = ends[number], ends[number + 2]
    gains = _gains(logs[None, begin:end])[0]
    best = int(np.argmax(gains))
    drawn = chance(_residuals(logs, [*ends[: number + 1], *ends[number + 2 :]]), end - begin)
    return _Cut(begin + LEAST_BETWEEN + best, float(gains[best]), _as_rare(gains[best], drawn))


def _as_rare(gain: float, drawn: Floats) -> float:
    """Chance of a gain as large, by those of random orders, of which the history's is one more."""
    # The same runs on each side, added in another order, count as equal.
    return (1 + int(np.count_nonzero(drawn >= gain * (1 - 1e-9)))) / (1 + len(drawn))


def _gains(series: Floats) -> Floats:
    """Squared error that each cut removes, ``(series, cuts)``, from ``(series, runs)``.

    Cuts leave ``LEAST_BETWEEN`` runs on each side.
    """
    runs = series.shape[1]
    left = np.arange(LEAST_BETWEEN, runs - LEAST_BETWEEN + 1)
    sums = np.cumsum(series - series.mean(axis=1, keepdims=True), axis=1)[:, left - 1]
    gains: Floats = sums**2 * (runs / (left * (runs - left)))
    return gains


def _residuals(logs: Floats, ends: Sequence[int]) -> Floats:
    """What the levels between these ends leave, scaled up for levels that were fitted.

    With one level nothing is scaled: orders of the runs themselves are compared, which is exact.
    """
    parts = [logs[begin:end] for begin, end in pairwise(ends)]
    scale = math.sqrt((len(logs) - 1) / len(logs))
    return np.concatenate(
        [(part - part.mean()) * scale * math.sqrt(len(part) / (len(part) - 1)) for part in parts]
    )


def _chance(pool: Floats, runs: int, rng: np.random.Generator) -> Floats:
    """Largest gains by chance: the ends of the history weren't searched for, other changes were."""
    if runs == len(pool):
        return _here(pool, runs, ORDERS, rng)
    return _anywhere(pool, rng)


def _here(pool: Floats, runs: int, orders: int, rng: np.random.Generator) -> Floats:
    """Largest gains of any cut in random series of so many runs."""
    pieces = len(pool) // runs
    shuffled = rng.permuted(np.tile(pool, (-(-orders // pieces), 1)), axis=1)
    series = shuffled[:, : pieces * runs].reshape(-1, runs)[:orders]
    largest: Floats = _gains(series).max(axis=1)
    return largest


def _anywhere(pool: Floats, rng: np.random.Generator) -> Floats:
    """Largest gains of any cut between any neighbours in random orders of all runs."""
    return _largest(rng.permuted(np.tile(pool, (ORDERS, 1)), axis=1))


def _largest(series: Floats) -> Floats:
    """Largest gain of any cut between any neighbours in each series.

    Neighbours are searched for as well as the cut: as far on both sides, or the history's end on
    one. Those in between gain about as much.
    """
    runs = series.shape[1]
    largest: Floats = _gains(series).max(axis=1)
    for ordered in (series, series[:, ::-1]):
        sums = np.pad(np.cumsum(ordered, axis=1), ((0, 0), (1, 0)))
        width = LEAST_BETWEEN
        while width <= runs // 2:
            left = (sums[:, width:] - sums[:, :-width]) / width
            both = (left[:, width:] - left[:, :-width]) ** 2 * (width / 2)
            # To the end, from each cut that leaves enough runs.
            rest = np.arange(runs - width, LEAST_BETWEEN - 1, -1)
            right = (sums[:, -1:] - sums[:, width : width + len(rest)]) / rest
            one = (right - left[:, : len(rest)]) ** 2 * (width * rest / (width + rest))
            largest = np.maximum(largest, np.maximum(both.max(axis=1), one.max(axis=1)))
            width *= 2
    return largest
