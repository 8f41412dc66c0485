"""Ways to run transfer learning on the same pictures: which is best, and which can't be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tlbench.runs.model_name import short_name
from tlbench.stats.frontier import on_frontier
from tlbench.stats.proportions import CONFIDENCE, Difference, paired_difference, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Throughputs that differ by less count as equal: two pilots of one network differ by as much.
EQUAL = 0.05
#: The precision that needs no name.
SINGLE = "fp32"
#: Why a candidate was dropped.
INACCURATE = "loses more than the margin"
DOMINATED = "less accurate than another that is as fast"
SLOWER = "slower than another that is within the margin of all"


@dataclass(frozen=True)
class Candidate:
    """A backbone by its handle, the side of its input in pixels, engine and precision."""

    model: str
    image_size: int
    engine: str
    precision: str = SINGLE

    def __str__(self) -> str:
        """Such as ``efficientnet-lite0 at 224, litert int8``."""
        return f"{short_name(self.model)} at {self.image_size}, {self.runtime}"

    @property
    def runtime(self) -> str:
        """The engine, with its precision unless that is single."""
        return self.engine if self.precision == SINGLE else f"{self.engine} {self.precision}"


@dataclass(frozen=True, eq=False)
class Trial:
    """What is known of a candidate.

    Attributes:
        images_per_s: Of the pilot, from the pictures to features.
        right: Which images of the sample, from its first, cross-validated heads got right.
        dropped: Why it is out; empty for those that aren't.
    """

    candidate: Candidate
    images_per_s: float
    right: NDArray[np.bool_]
    dropped: str = ""

    @property
    def images(self) -> int:
        """Images that its accuracy is of."""
        return len(self.right)

    @property
    def accuracy(self) -> float:
        """Cross-validated top-1 accuracy, 0 to 1."""
        return float(self.right.mean())

    def as_fast_as(self, other: Trial) -> bool:
        """Whether it isn't slower by more than pilots differ."""
        return self.images_per_s >= other.images_per_s * (1 - EQUAL)


@dataclass(frozen=True)
class Rule:
    """What is best: the fastest that is shown to be nearly as accurate as the most accurate.

    "Shown": the interval of the difference between both, on the same images, lies above
    ``-margin``. Where no faster one is, the most accurate itself is best. Of candidates that are as
    fast as each other, the more accurate is.

    An interval has a confidence of 95 % for all looks at a growing sample together (Bonferroni).

    Attributes:
        margin: Accuracy that may be given up for speed, in points of 1.
        looks: How often candidates are compared.
    """

    margin: float
    looks: int = 1

    @property
    def confidence(self) -> float:
        """Of one interval at one look."""
        return 1 - (1 - CONFIDENCE) / self.looks

    def interval(self, trial: Trial) -> tuple[float, float]:
        """Of a candidate's accuracy (Wilson)."""
        return wilson(int(trial.right.sum()), trial.images, self.confidence)

    def difference(self, first: Trial, second: Trial) -> Difference:
        """Of two accuracies, on the images that both answered."""
        n = min(first.images, second.images)
        return paired_difference(first.right[:n], second.right[:n], self.confidence)

    def most_accurate(self, trials: Sequence[Trial]) -> Trial:
        """Of at least one, on the images that all answered; of equal ones the fastest."""
        n = min(each.images for each in trials)
        return max(trials, key=lambda each: (each.right[:n].mean(), each.images_per_s))

    def best(self, trials: Sequence[Trial]) -> Trial:
        """The best of at least one."""
        top = self.most_accurate(trials)
        near = [each for each in trials if each is top or self._is_near(each, top)]
        fastest = max(near, key=lambda each: each.images_per_s)
        n = min(each.images for each in trials)
        return max(
            (each for each in near if each.as_fast_as(fastest)),
            key=lambda each: (each.right[:n].mean(), each.images_per_s),
        )

    def losers(self, trials: Sequence[Trial]) -> dict[Candidate, str]:
        """Those that can't become best, and why.

        The most accurate stays while others are to be compared with it.
        """
        top = self.most_accurate(trials)
        near_all = [one for one in trials if all(self._is_near(one, each) for each in trials)]
        reasons = {
            each.candidate: self._loses(each, trials, top, near_all)
            for each in trials
            if each is not top
        }
        others = [each for each in trials if each is not top and not reasons[each.candidate]]
        if len(others) == 1 and others[0] in near_all and not top.as_fast_as(others[0]):
            reasons[top.candidate] = SLOWER
        return {candidate: reason for candidate, reason in reasons.items() if reason}

    def _loses(
        self, trial: Trial, trials: Sequence[Trial], top: Trial, near_all: Sequence[Trial]
    ) -> str:
        if self.difference(trial, top).high < -self.margin:
            return INACCURATE
        if any(each.as_fast_as(trial) and self.difference(each, trial).low > 0 for each in trials):
            return DOMINATED
        return SLOWER if any(not trial.as_fast_as(each) for each in near_all) else ""

    def _is_near(self, trial: Trial, other: Trial) -> bool:
        """Whether it is shown to be less accurate by at most the margin."""
        return trial is other or self.difference(trial, other).low >= -self.margin


@dataclass(frozen=True, eq=False)
class Selection:
    """The outcome of a search.

    Attributes:
        trials: Every candidate that was tried, the fastest first.
        best: The best of them by the rule; None where none was tried.
        top: The most accurate at the last comparison, which may be the best itself.
        decided: Whether more images couldn't change that, or there are no more.
        images: Training images that there are.
        engines: Images/s by engine and precision, with the first backbone at its own size.
        refused: Candidates that can't be run here, and why.
        untried: Candidates that the budget had no room for.
        needed_s: Seconds that would have been enough for them; None where there are none.
    """

    trials: tuple[Trial, ...]
    best: Trial | None
    top: Trial | None
    rule: Rule
    decided: bool
    images: int
    engines: Mapping[tuple[str, str], float]
    refused: Mapping[Candidate, str]
    untried: tuple[Candidate, ...]
    seconds: float
    budget_s: float
    needed_s: float | None = None

    @cached_property
    def frontier(self) -> frozenset[Candidate]:
        """Those than which no other is as fast and more accurate, or as accurate and faster."""
        points = [(each.images_per_s, each.accuracy) for each in self.trials]
        front = zip(self.trials, on_frontier(points), strict=True)
        return frozenset(each.candidate for each, best in front if best)
