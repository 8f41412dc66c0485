"""The search for the commit that made a benchmark slower; answers may be wrong or missing.

Every commit has a weight: the probability that it is the culprit, given the answers so far. At the
start, all weights are equal. A question divides the commits into two parts. Its answer moves weight
from one part to the other, by the error rates of the gate (Waeber, Frazier and Henderson, Bisection
Search with Noisy Responses, SIAM J. Control Optim. 2013). So later answers can correct a wrong one.
A commit is named only after it was gated against the commit before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from tlbench.stats.estimate import ALARM, MISS

if TYPE_CHECKING:
    from collections.abc import Callable

#: ``slow`` and ``same`` compare a commit with its base; ``skip``: one of them can't be measured.
Answer = Literal["slow", "same", "inconclusive", "skip"]
#: Weight of a commit that is named, or of a range if no further question helps.
SURE = 0.95
#: How often a question without an answer is asked, each time with twice the budget.
EFFORTS = 2
#: Questions beyond those that right answers need.
SPARE = 4


@dataclass(frozen=True)
class Question:
    """Whether a commit is slower than a base.

    Attributes:
        base, commit: Positions: 0 is the good commit, the last one is the bad one.
        asked: How many times the same question was answered before.
        effort: How many times the budget is doubled.
        left: How many commits could be the culprit when the question was asked.
    """

    base: int
    commit: int
    asked: int = 0
    effort: int = 0
    left: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Found:
    """The culprit's position from ``first`` to ``last``.

    Attributes:
        confirmed: The question whose answer was that this commit is slower than the one before;
            None if several commits remain, or if the one before couldn't be measured.
    """

    first: int
    last: int
    confirmed: Question | None = None


def search(commits: int, oracle: Callable[[Question], Answer]) -> Found:
    """Find which of the commits 1 to ``commits`` made a benchmark slower; the last one is slow.

    If one commit did, a wrong commit can be confirmed only by a false alarm, each time that it is
    gated against the commit before it.
    """
    state = _State(commits)
    most = 2 * math.ceil(math.log2(commits + 1)) + SPARE
    for _ in range(most):
        best = int(np.argmax(state.weights)) + 1
        sure = state.weights[best - 1] >= SURE
        if sure and best in state.confirmed:
            return Found(best, best, state.confirmed[best])
        question = state.question(best, sure=bool(sure))
        if question is None:
            break
        state.learn(question, oracle(question))
    first, last = state.range()
    return Found(first, last)


@dataclass
class _State:
    """What is known: weights of the commits 1 to ``commits``, and what was asked."""

    commits: int
    weights: np.ndarray = field(init=False)
    confirmed: dict[int, Question] = field(default_factory=dict)
    _answers: dict[tuple[int, int], int] = field(default_factory=dict)
    _efforts: dict[tuple[int, int], int] = field(default_factory=dict)
    _broken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.weights = np.full(self.commits, 1 / self.commits)

    def question(self, best: int, *, sure: bool) -> Question | None:
        """The most informative question: the one whose answer is least certain; None if none helps.

        A commit that is sure is confirmed first. Of equally informative questions, the one that may
        confirm comes first.
        """
        direct = (best - 1, best)
        if sure and self._can_ask(direct):
            return self._asking(direct)
        pairs = [direct, *((0, commit) for commit in range(1, self.commits))]
        doubts = {pair: self._doubt(pair) for pair in pairs if self._can_ask(pair)}
        if sure or not doubts:
            return None
        # Rounded, because equal sums may differ in their last digits.
        pair = max(doubts, key=lambda each: round(doubts[each], 9))
        return self._asking(pair) if doubts[pair] >= 1 - SURE else None

    def learn(self, question: Question, answer: Answer) -> None:
        """Move weight to the commits for which the answer is more likely."""
        pair = (question.base, question.commit)
        if answer == "skip":
            # If neither commit is the good one, either of them may be the one to blame.
            self._efforts[pair] = EFFORTS
            self._broken.update({question.commit} if question.base == 0 else ())
        elif answer == "inconclusive":
            self._efforts[pair] = self._efforts.get(pair, 0) + 1
        else:
            self._answers[pair] = self._answers.get(pair, 0) + 1
            slow = answer == "slow"
            inside, outside = (1 - MISS, ALARM) if slow else (MISS, 1 - ALARM)
            likelihood = np.full(self.commits, outside)
            likelihood[question.base : question.commit] = inside
            self.weights = self.weights * likelihood
            self.weights /= self.weights.sum()
            if slow and question.commit - question.base == 1:
                self.confirmed[question.commit] = question

    def range(self) -> tuple[int, int]:
        """The first and last commit of the shortest range that has the weight ``SURE``.

        Neighbouring commits that are as likely as the range's end belong to it, too.
        """
        sums = np.concatenate(([0.0], np.cumsum(self.weights)))
        ends = np.searchsorted(sums, sums[:-1] + SURE - 1e-12)
        lengths = np.where(ends <= self.commits, ends - np.arange(self.commits), self.commits + 1)
        start = int(np.argmin(lengths))
        end = int(ends[start])
        while start > 0 and self._is_as_likely(start - 1, start):
            start -= 1
        while end < self.commits and self._is_as_likely(end, end - 1):
            end += 1
        return start + 1, end

    def _is_as_likely(self, index: int, other: int) -> bool:
        return bool(self.weights[index] >= self.weights[other] * (1 - 1e-9))

    def _can_ask(self, pair: tuple[int, int]) -> bool:
        return self._broken.isdisjoint(pair) and self._efforts.get(pair, 0) < EFFORTS

    def _asking(self, pair: tuple[int, int]) -> Question:
        first, last = self.range()
        asked, effort = self._answers.get(pair, 0), self._efforts.get(pair, 0)
        return Question(*pair, asked, effort, last - first + 1)

    def _doubt(self, pair: tuple[int, int]) -> float:
        inside = float(self.weights[slice(*pair)].sum())
        return min(inside, 1 - inside)
