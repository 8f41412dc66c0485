"""From one new run of a benchmark and its baseline to a verdict: no pytest, no files, no clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.gate.accuracy import NotComparableError, beyond, change_of, lost
from tlbench.gate.baseline import LEAST_RUNS, usable
from tlbench.gate.comparable import other_job
from tlbench.gate.outcome import AccuracyChange, Verdict, Word
from tlbench.stats.interim_looks import ALARM
from tlbench.stats.prediction import (
    Prediction,
    decide,
    detectable,
    estimate,
    holm,
    median_error,
    predict,
    runs_to_pass,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tlbench.gate.baseline import Past
    from tlbench.gate.tolerances import Allowed

#: How the reason begins where accuracy decided.
_ACCURACY = "accuracy"


@dataclass(frozen=True)
class Seen:
    """What was seen of a benchmark in this run.

    Attributes:
        name: Its full name.
        allowed: What it may lose.
        prediction: Where its median lies; None where it isn't comparable.
        accuracy: None where it has none.
        problem: Why it isn't comparable; None where it is.
    """

    name: str
    allowed: Allowed
    prediction: Prediction | None = None
    accuracy: AccuracyChange | None = None
    problem: str | None = None


def look(
    name: str,
    seconds: list[float],
    info: Mapping[str, Any],
    past: Past,
    allowed: Allowed,
) -> Seen:
    """Set a new run beside the baseline's.

    Args:
        name: The benchmark's full name.
        seconds: Its rounds.
        info: Its ``extra_info``.
        past: The baseline's runs of it.
        allowed: What it may lose.
    """
    problem = _problem(seconds, info, past)
    if problem:
        return Seen(name, allowed, problem=problem)
    try:
        accuracy = change_of(past.info, info)
    except NotComparableError as error:
        return Seen(name, allowed, problem=str(error))
    new = math.log(median(seconds))
    prediction = predict(past.logs, new, past.errors, median_error(seconds))
    return Seen(name, allowed, prediction, accuracy)


def verdicts(seen: Iterable[Seen], total: int) -> dict[str, Verdict]:
    """Verdicts by benchmark.

    Args:
        seen: What was seen so far.
        total: How many benchmarks there will be, at least as many.
    """
    everything = list(seen)
    alone = {each.name: each.prediction.p for each in everything if each.prediction}
    adjusted = holm(alone, total)
    return {each.name: _verdict(each, adjusted.get(each.name, 1.0), total) for each in everything}


def accuracy_lost(verdict: Verdict) -> bool:
    """Whether a benchmark fails for its accuracy, whatever its speed."""
    return verdict.word == "fail" and verdict.reason.startswith(_ACCURACY)


def _problem(seconds: list[float], info: Mapping[str, Any], past: Past) -> str | None:
    if len(past.logs) < LEAST_RUNS:
        return f"in {len(past.logs)} runs of the baseline only, expected at least {LEAST_RUNS}"
    if not usable(seconds):
        return "its rounds have a median of 0 seconds or none at all"
    if past.info.get("accuracy") is not None and info.get("accuracy") is None:
        return "the baseline has its accuracy, this run has none"
    return other_job(past.info, info)


def _verdict(seen: Seen, p: float, total: int) -> Verdict:
    tolerance = seen.allowed.share
    if seen.prediction is None:
        return Verdict(seen.name, "not comparable", seen.problem or "", tolerance)
    word = decide(seen.prediction, p, tolerance)
    reason = _time_reason(seen.prediction, word, tolerance, total)
    worse = _accuracy(seen, total)
    if worse is not None and (worse[0] == "fail" or word == "pass"):
        word, reason = worse
    return Verdict(
        seen.name,
        word,
        reason,
        tolerance,
        estimate(seen.prediction, p),
        seen.accuracy,
    )


def _time_reason(prediction: Prediction, word: Word, tolerance: float, total: int) -> str:
    if word == "fail":
        return f"slower, beyond the tolerance of {_percent(tolerance)}"
    if word == "pass":
        return f"a slowdown of {_percent(tolerance)} or more is excluded"
    found = _percent(detectable(prediction, total, tolerance))
    more = runs_to_pass(prediction, tolerance)
    if more is None:
        then = "no number of baseline runs would settle it: try tlbench gate, which measures both"
    else:
        then = f"{more} more baseline run{'s' * (more > 1)} would let an unchanged one pass"
    return (
        f"neither a slowdown of more than {_percent(tolerance)} nor its absence is certain; "
        f"one of {found} would be found; {then}"
    )


def _accuracy(seen: Seen, total: int) -> tuple[Word, str] | None:
    """Verdict and reason where accuracy is lower by more than its tolerance."""
    change, tolerance = seen.accuracy, seen.allowed.accuracy
    if change is None or not beyond(change, tolerance):
        return None
    text = f"{_ACCURACY} {change.base:.4f} -> {change.head:.4f}"
    if change.images:
        text += f", {change.lost} images lost and {change.won} won of {change.images}"
    if lost(change, tolerance, ALARM / total):
        return "fail", f"{text}; it may lose {tolerance:.4g}"
    return "inconclusive", f"{text}, which may be chance (p = {change.p:.2g})"


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 1 else f"{share * 100:.0f} %"
