"""The verdict on one new run of a benchmark against its baseline: no pytest, files or clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.gate.baseline import LEAST_RUNS, other_job, usable
from tlbench.gate.verdict import Verdict, ruled_out, slower, undecided, with_accuracy
from tlbench.runs.answers import NotComparableError, accuracy_change
from tlbench.stats.estimate import ALARM
from tlbench.stats.prediction import (
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

    from tlbench.gate.baseline import StoredBenchmark
    from tlbench.gate.verdict import Allowed
    from tlbench.stats.prediction import Prediction
    from tlbench.stats.proportions import AccuracyChange


@dataclass(frozen=True)
class Measurement:
    """A benchmark of this run beside the baseline's; ``problem`` is why it isn't comparable."""

    name: str
    allowed: Allowed
    prediction: Prediction | None = None
    accuracy: AccuracyChange | None = None
    problem: str | None = None


def against_baseline(
    name: str,
    seconds: list[float],
    info: Mapping[str, Any],
    stored: StoredBenchmark,
    allowed: Allowed,
) -> Measurement:
    """Compare a benchmark's new rounds and ``extra_info`` with the baseline's runs of it."""
    problem = _problem(seconds, info, stored)
    if problem:
        return Measurement(name, allowed, problem=problem)
    try:
        accuracy = accuracy_change(stored.info, info)
    except NotComparableError as error:
        return Measurement(name, allowed, problem=str(error))
    new = math.log(median(seconds))
    prediction = predict(stored.logs, new, stored.errors, median_error(seconds))
    return Measurement(name, allowed, prediction, accuracy)


def baseline_verdicts(measurements: Iterable[Measurement], total: int) -> dict[str, Verdict]:
    """Verdicts by benchmark; the run will have ``total`` benchmarks."""
    so_far = list(measurements)
    alone = {each.name: each.prediction.p for each in so_far if each.prediction}
    adjusted = holm(alone, total)
    return {each.name: _verdict(each, adjusted.get(each.name, 1.0), total) for each in so_far}


def _problem(seconds: list[float], info: Mapping[str, Any], stored: StoredBenchmark) -> str | None:
    if len(stored.logs) < LEAST_RUNS:
        return f"in only {len(stored.logs)} runs of the baseline, expected at least {LEAST_RUNS}"
    if not usable(seconds):
        return "its rounds have a median of 0 seconds, or there are none"
    if stored.info.get("accuracy") is not None and info.get("accuracy") is None:
        return "the baseline has an accuracy for it, this run has none"
    return other_job(stored.info, info)


def _verdict(measurement: Measurement, p: float, total: int) -> Verdict:
    name, prediction = measurement.name, measurement.prediction
    share = measurement.allowed.share
    if prediction is None:
        return Verdict(name, "not comparable", measurement.problem or "", share)
    status, change = decide(prediction, p, share), estimate(prediction, p)
    size = None
    if status == "fail":
        reason = slower(change.ratio - 1, share)
    elif status == "pass":
        reason = ruled_out(share)
    else:
        reason = f"{undecided(share)}; {_remedy(prediction, share)}"
        size = detectable(prediction, total, share)
    speed = Verdict(name, status, reason, share, change, detectable=size)
    allowed = measurement.allowed.accuracy
    return with_accuracy(speed, measurement.accuracy, allowed, ALARM / total)


def _remedy(prediction: Prediction, tolerance: float) -> str:
    more = runs_to_pass(prediction, tolerance)
    if more is None:
        return "more baseline runs would not decide it: use tlbench gate, which measures both sides"
    return f"unchanged code would pass with {more} more baseline run{'s' * (more > 1)}"
