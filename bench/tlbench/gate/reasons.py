"""What verdicts on pairs and on stored runs say alike: their sentences, and accuracy's part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlbench.gate.verdict import Verdict
    from tlbench.stats.proportions import AccuracyChange


def percent(share: float) -> str:
    """A share in percent, such as ``5 %``, ``2.5 %`` or ``12,345 %``."""
    return f"{100 * share:.3g} %" if share < 9.995 else f"{100 * share:,.0f} %"


def slower(share: float, tolerance: float) -> str:
    """Why a slowdown fails."""
    return f"slower by {percent(share)}, beyond the tolerance of {percent(tolerance)}"


def ruled_out(tolerance: float) -> str:
    """Why an unchanged speed passes."""
    return f"a slowdown of {percent(tolerance)} or more is ruled out"


def undecided(tolerance: float) -> str:
    """Why a speed is inconclusive."""
    return f"a {percent(tolerance)} slowdown could be neither confirmed nor ruled out"


def with_accuracy(
    verdict: Verdict, change: AccuracyChange | None, tolerance: float, alpha: float
) -> Verdict:
    """A verdict on speed, made more severe where accuracy was lost, or may have been.

    Args:
        verdict: On speed alone.
        change: None where the benchmark has no accuracy.
        tolerance: Loss that is allowed, in points of 1.
        alpha: Largest p of a loss that fails.
    """
    verdict = replace(verdict, accuracy=change)
    if change is None or not change.exceeds(tolerance):
        return verdict
    loss = _loss(change)
    if change.is_loss(tolerance, alpha):
        reason = f"{loss}; {verdict.reason}" if verdict.status == "fail" else loss
        return replace(
            verdict, status="fail", reason=reason, detectable=None, more=None, accuracy_lost=True
        )
    if verdict.status == "pass":
        reason = f"{loss}, which may be chance; {verdict.reason}"
        return replace(verdict, status="inconclusive", reason=reason)
    return verdict


def _loss(change: AccuracyChange) -> str:
    text = f"accuracy fell from {change.base:.4f} to {change.candidate:.4f}"
    if not change.images:
        return text
    return f"{text} on the same {change.images:,} images (p = {change.p:.2g})"
