"""What a gate says: a verdict for each benchmark, and one for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Word = Literal["pass", "fail", "inconclusive", "not comparable"]
#: Exit codes of ``tlbench``: the gravest verdict's counts.
EXIT_CODES: dict[Word, int] = {"pass": 0, "inconclusive": 3, "not comparable": 4, "fail": 1}
#: From the least grave to the gravest.
GRAVITY: tuple[Word, ...] = ("pass", "inconclusive", "not comparable", "fail")
#: A slowdown beyond this share fails, unless a marker or an option says otherwise.
TOLERANCE = 0.05
#: A loss of top-1 accuracy beyond this fails, in points of 1.
ACCURACY_TOLERANCE = 0.01


@dataclass(frozen=True)
class Estimate:
    """How much slower the head is, and how sure that is.

    Attributes:
        ratio: Head's seconds to base's; above 1 is slower.
        low, high: Its interval.
        coverage: The interval's confidence, 0 to 1.
        n: Independent pieces of evidence: process pairs, or the baseline's runs.
        p: Chance of evidence as strong for a slowdown if nothing had changed, over all
            benchmarks; None where that wasn't tested.
    """

    ratio: float
    low: float
    high: float
    coverage: float
    n: int
    p: float | None = None


@dataclass(frozen=True)
class AccuracyChange:
    """Top-1 accuracy of both arms on the same images.

    Attributes:
        base, head: 0 to 1.
        images: How many were judged.
        lost, won: Images that only the base, or only the head, got right.
        p: One-sided, that as many were lost by chance; exact.
    """

    base: float
    head: float
    images: int
    lost: int
    won: int
    p: float


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of one benchmark.

    Attributes:
        name: The benchmark test's id.
        word: ``pass``: a slowdown beyond the tolerance is excluded; ``fail``: one is real, or
            accuracy was lost, or the head's own checks failed; ``inconclusive``: neither could be
            shown; ``not comparable``: nothing can be said, such as for one that vanished.
        reason: Why, in words, in one line.
        tolerance: The share beyond which a slowdown fails.
        estimate: None where nothing could be timed.
        accuracy: None where the benchmark has none.
        detectable: The smallest slowdown, as a share, that this much evidence would most likely
            have found; for an inconclusive verdict.
        faster: Whether the head is really faster, by more than the tolerance, at the level at
            which a slowdown fails.
        more: How many more process pairs it would probably take; for an inconclusive verdict.
    """

    name: str
    word: Word
    reason: str
    tolerance: float = TOLERANCE
    estimate: Estimate | None = None
    accuracy: AccuracyChange | None = None
    detectable: float | None = None
    more: int | None = None
    faster: bool = False


@dataclass(frozen=True)
class Report:
    """A gate's outcome.

    Attributes:
        base, head: What was compared, as the user wrote it.
        verdicts: One for each benchmark, in the order in which they ran.
        seconds: How long the gate took.
        notes: What else is to be known, such as benchmarks that are new, in words.
    """

    base: str
    head: str
    verdicts: tuple[Verdict, ...]
    seconds: float = math.nan
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> Word:
        """The gravest verdict; a gate without any benchmark isn't comparable."""
        words = [each.word for each in self.verdicts]
        return max(words, key=GRAVITY.index) if words else "not comparable"

    @property
    def exit_code(self) -> int:
        """What ``tlbench gate`` exits with."""
        return EXIT_CODES[self.word]
