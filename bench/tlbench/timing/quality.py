"""Whether a row's own rounds can be trusted, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tlbench.stats.round_stats import DRIFT, NOISY, TREND_P, spread, trend

if TYPE_CHECKING:
    from collections.abc import Sequence

Label = Literal["unsynchronised", "single", "cold", "throttled", "drifting", "noisy", "steady"]
#: Share of a round that may be spent waiting after the stage said that it was done.
UNFINISHED = 0.05


@dataclass(frozen=True)
class TimingQuality:
    """What a row's rounds say of themselves.

    Attributes:
        label: ``unsynchronised``: the stage returned before its work was done (the time counts the
            wait, but the stage is wrong); ``single``: one round, of which nothing can be said;
            ``cold``: warm-up never converged; ``throttled``: heat or power held a GPU's clock down
            in every round; ``drifting``: rounds got slower or faster; ``noisy``: rounds differ, or
            others used the machine; ``steady``: none of these.
        reasons: A sentence each; empty for a steady row.
    """

    label: Label
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.label}: {'; '.join(self.reasons)}" if self.reasons else self.label


def timing_quality(
    seconds: Sequence[float],
    *,
    warmed_up: bool | None,
    unfinished: float = 0.0,
    throttled: Sequence[str] = (),
    disturbances: Sequence[str] = (),
) -> TimingQuality:
    """The label of the gravest problem, with the reasons of all of them.

    Args:
        seconds: Timed rounds in order.
        warmed_up: Whether warm-up converged; None where there was none.
        unfinished: Median share of a round that passed after the stage had returned.
        throttled: What held a GPU's clock down, where it did so in every round.
        disturbances: What else used the machine meanwhile, a sentence each.
    """
    problems: list[tuple[Label, str]] = []
    if unfinished > UNFINISHED:
        problems.append(
            ("unsynchronised", f"{100 * unfinished:.0f} % of a round came after the return")
        )
    if len(seconds) == 1:
        problems.append(("single", "one round"))
    if warmed_up is False:
        problems.append(("cold", "warm-up did not converge"))
    problems += [("throttled", f"in every round: {text}") for text in throttled]
    drift = trend(seconds)
    if drift and drift.p < TREND_P and abs(drift.change) >= DRIFT:
        way = "slower" if drift.change > 0 else "faster"
        text = f"{100 * abs(drift.change):.0f} % {way} from first to last round (p = {drift.p:.3f})"
        problems.append(("drifting", text))
    quartiles = spread(seconds)
    if quartiles is not None and quartiles >= NOISY:
        text = f"the middle half of the rounds spans {100 * quartiles:.0f} % of the median"
        problems.append(("noisy", text))
    problems += [("noisy", text) for text in disturbances]
    if not problems:
        return TimingQuality("steady", ())
    return TimingQuality(problems[0][0], tuple(reason for _, reason in problems))
