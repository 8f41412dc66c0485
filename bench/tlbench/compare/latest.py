"""What an entry's latest run alone says: its rounds, and where the time of the whole job goes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from tlbench.machine.disturbances import disturbances

if TYPE_CHECKING:
    from tlbench.runs.collect import Run
    from tlbench.runs.row import Round, Row

#: Parts of the job, each with the benchmark and the number of images that give its time.
PARTS = (
    ("model loading", None, ""),
    ("first call", None, ""),
    ("training, recomputed", "train (recompute)", "train_size"),
    ("evaluation", "evaluate", "test_size"),
)


@dataclass(frozen=True)
class TimedRound:
    """A round, and what disturbed it in words.

    Attributes:
        kind: Only ``timed`` rounds count; ``throttled`` ones would, had nothing held a GPU's clock
            down.
        relative: Its duration as a multiple of the median of the timed rounds.
    """

    kind: Literal["timed", "warm-up", "throttled"]
    seconds: float
    relative: float
    disturbances: tuple[str, ...]


def rounds_of(row: Row) -> tuple[TimedRound, ...]:
    """Rounds in their order; none where fewer than two were timed."""
    timed = [each.seconds for each in row.rounds or () if each.timed]
    if len(timed) < 2:
        return ()
    middle = median(timed)
    return tuple(
        TimedRound(
            "timed" if each.timed else "throttled" if each.throttled else "warm-up",
            each.seconds,
            each.seconds / middle,
            _disturbances(each),
        )
        for each in row.rounds or ()
    )


def _disturbances(each: Round) -> tuple[str, ...]:
    """What disturbed a round, with what held a GPU's clock down, once."""
    others = disturbances(each.noise) if each.noise else ()
    return tuple(dict.fromkeys((*(each.throttled or ()), *others)))


@dataclass(frozen=True)
class Breakdown:
    """Seconds of ``PARTS``, each by its own benchmark, and of the whole job; None if unmeasured."""

    parts: dict[str, float]
    whole: float | None


def breakdown(run: Run) -> Breakdown | None:
    """Where the time of the whole job goes; None without training of the whole network."""
    rows = {row.label: row for row in run.rows}
    if "train (recompute)" not in rows:
        return None
    first = rows["train (recompute)"]
    parts = {"model loading": first.load_s, "first call": first.first_call_s}
    for name, benchmark, size in PARTS:
        if benchmark in rows:
            parts[name] = getattr(rows[benchmark], size) / rows[benchmark].images_per_s
    whole = [
        row.load_s + row.first_call_s + (row.median_s or row.images / row.images_per_s)
        for row in run.rows
        if row.stage == "pipeline" and row.track != "files"
    ]
    return Breakdown(parts, median(whole) if whole else None)
