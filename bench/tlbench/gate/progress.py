"""The progress of a gate: lines of at most 80 columns, however many benchmarks it has."""

from __future__ import annotations

import math
from contextlib import contextmanager
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tlbench.gate.names import fitted_names, short_names
from tlbench.gate.ratio_text import short_change
from tlbench.runs.collect import progress
from tlbench.stats.estimate import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tqdm import tqdm

    from tlbench.gate.pair_result import Pair
    from tlbench.gate.plan import Outlook
    from tlbench.stats.pair_decisions import Decisions

#: Most columns of a line; of a benchmark's name in it; and of a change, with separators.
WIDTH, NAME_WIDTH, CHANGE_WIDTH = 80, 32, 16
#: Most changes in a pair's line.
NOTABLE = 4
#: Seconds between lines within a pair, if stderr is no terminal: in the first pair, and in others.
FIRST_S, LATER_S = 10.0, 60.0
#: A progress bar's text, with a benchmark's name in place of the bar.
BAR = "{desc}: {percentage:.0f} %, {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
START = "starting both sides; the first pair shows how many rounds are needed"


def plan_line(outlook: Outlook) -> str:
    """How many pairs the budget has room for; if too few, the budget that is needed."""
    if outlook.can_pass:
        return f"plan: room for up to {outlook.pairs} pairs; verdicts from pair {LOOKS[0].pairs}"
    room = f"room for {outlook.pairs} of at least {LOOKS[0].pairs} pairs"
    return f"the budget is too short: {room}; use --budget {math.ceil(outlook.budget_s)}"


def pair_line(pairs: Sequence[Pair], decisions: Decisions) -> str:
    """The last pair, how many benchmarks are decided, and the largest changes over all pairs.

    Benchmarks that are still open come first.
    """
    judged, is_open = list(decisions.tolerances), set(decisions.open)
    failed = sum(decisions.decided.get(name) == "fail" for name in judged)
    line = f"pair {len(pairs)} ({pairs[-1].seconds:.0f} s): {len(judged) - len(is_open)} of "
    line += f"{len(judged)} decided" + f", {failed} fail" * bool(failed)
    means, join = {name: _mean(pairs, name) for name in judged}, "; "
    names = _names(judged, min(NAME_WIDTH, WIDTH - CHANGE_WIDTH - cell_len(line)))
    notable = sorted(judged, key=lambda name: (name not in is_open, -abs(means[name])))
    for name in notable[:NOTABLE]:
        longer = f"{line}{join}{names[name]} {short_change(math.exp(means[name]))}"
        if cell_len(longer) <= WIDTH:
            line, join = longer, ", "
    return line


def resumed_line(pairs: int) -> str:
    """How many pairs of an interrupted gate are used again."""
    if not pairs:
        return "nothing to resume for these arms and options, starting over"
    return f"resuming after {pairs} pair{'s' * (pairs != 1)}"


@contextmanager
def steps(
    pair: int, say: Callable[[str], None], clock: Callable[[], float] = perf_counter
) -> Iterator[Callable[[str, int, Sequence[str]], None]]:
    """Show the progress of a pair: a bar on a terminal, elsewhere a line from time to time.

    Yields:
        A function to be called with a benchmark, how many are done, and all of them.
    """
    every_s, said_s = FIRST_S if pair == 1 else LATER_S, clock()
    bar: tqdm[None] | None = None
    names: Mapping[str, str] = {}

    def step(name: str, done: int, everyone: Sequence[str]) -> None:
        nonlocal bar, names, said_s
        if bar is None:
            bar, names = progress(len(everyone), f"pair {pair}", "benchmark"), _names(everyone)
            bar.bar_format = BAR
        bar.n = done
        bar.set_postfix_str(names[name])
        if bar.disable and clock() - said_s >= every_s:
            said_s = clock()
            say(_step_line(pair, names[name], done, len(everyone)))

    try:
        yield step
    finally:
        if bar is not None:
            bar.clear()  # which close leaves out where the bar's delay isn't over
            bar.close()


def _step_line(pair: int, name: str, done: int, total: int) -> str:
    line = f"pair {pair}: {done} of {total} benchmarks timed"
    longer = f"{line}, now {name}"
    return longer if cell_len(longer) <= WIDTH else line


def _mean(pairs: Sequence[Pair], name: str) -> float:
    """Mean log-ratio over the pairs that timed a benchmark."""
    timed = [pair.benchmarks[name] for pair in pairs if name in pair.benchmarks]
    return fmean(each.log_ratio for each in timed)


def _names(ids: Sequence[str], width: int = NAME_WIDTH) -> Mapping[str, str]:
    """Short names, without a function's name or a ``test_`` with which all begin."""
    names = short_names(ids)
    heads = {name.partition("[")[:2] for name in names.values()}
    if len(names) > 1 and len(heads) == 1:
        drop = len(heads.pop()[0])
    else:
        drop = 5 if all(name.startswith("test_") for name in names.values()) else 0
    return fitted_names({key: name[drop:] for key, name in names.items()}, width)
