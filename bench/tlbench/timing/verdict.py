"""In words: whether a row's rounds can be trusted, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tlbench.stats.round_stats import DRIFT, NOISY, TREND_P, spread, trend

if TYPE_CHECKING:
    from collections.abc import Sequence

Word = Literal["unsynchronised", "single", "cold", "drifting", "noisy", "steady"]
#: Share of a round that may be spent waiting after the stage said that it was done.
UNFINISHED = 0.05


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of a row.

    Attributes:
        word: ``unsynchronised``: the stage returned before its work was done (the time counts the
            wait, but the stage is wrong); ``single``: one round, of which nothing can be said;
            ``cold``: warm-up never converged; ``drifting``: rounds got slower or faster;
            ``noisy``: rounds differ, or others used the machine; ``steady``: none of these.
        reasons: What was seen, in words; empty for a steady row.
    """

    word: Word
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.word}: {'; '.join(self.reasons)}" if self.reasons else self.word


def judge(
    seconds: Sequence[float],
    *,
    warmed: bool | None,
    unfinished: float = 0.0,
    disturbed: Sequence[str] = (),
) -> Verdict:
    """Judge a row; the gravest thing names it, and every reason is kept.

    Args:
        seconds: Timed rounds in order.
        warmed: Whether warm-up converged; None where there was none.
        unfinished: Median share of a round that passed after the stage had returned.
        disturbed: What else used the machine meanwhile, in words.
    """
    found: list[tuple[Word, str]] = []
    if unfinished > UNFINISHED:
        found.append(("unsynchronised", f"{unfinished:.0%} of a round came after the return"))
    if len(seconds) == 1:
        found.append(("single", "one round"))
    if warmed is False:
        found.append(("cold", "warm-up did not converge"))
    found += [("drifting", text) for text in _drift(seconds)]
    found += [("noisy", text) for text in (*_noise(seconds), *disturbed)]
    if not found:
        return Verdict("steady", ())
    return Verdict(found[0][0], tuple(reason for _, reason in found))


def _drift(seconds: Sequence[float]) -> list[str]:
    found = trend(seconds)
    if found is None or found.p >= TREND_P or abs(found.change) < DRIFT:
        return []
    way = "slower" if found.change > 0 else "faster"
    return [f"{abs(found.change):.0%} {way} from first to last round (p = {found.p:.3f})"]


def _noise(seconds: Sequence[float]) -> list[str]:
    quartiles = spread(seconds)
    if quartiles is None or quartiles < NOISY:
        return []
    return [f"the middle half of the rounds spans {quartiles:.0%} of the median"]
