"""The search for a culprit, with oracles that are right, wrong, silent, or can't say."""

import math

import numpy as np
import pytest

from tlbench.gate.bisect import EFFORTS, Found, Question, _State, search
from tlbench.stats.estimate import ALARM, MISS


class Oracle:
    """Knows the culprit; wrong at these rates, inconclusive at one that halves with effort."""

    def __init__(self, culprit, *, broken=(), seed=None, alarm=0.0, miss=0.0, silent=0.0):
        self.culprit, self.broken, self.questions = culprit, set(broken), []
        self.alarm, self.miss, self.silent = alarm, miss, silent
        self.random = np.random.default_rng(seed)

    def __call__(self, question):
        self.questions.append(question)
        if self.broken & {question.base, question.commit}:
            return "skip"
        if self.random.random() < self.silent / 2**question.effort:
            return "inconclusive"
        slow = question.base < self.culprit <= question.commit
        wrong = self.random.random() < (self.miss if slow else self.alarm)
        return "slow" if slow != wrong else "same"


@pytest.mark.parametrize("commits", [1, 2, 3, 7, 20])
def test_right_answers_find_every_culprit_and_gate_it_against_the_one_before(commits):
    for culprit in range(1, commits + 1):
        oracle = Oracle(culprit)
        found = search(commits, oracle)
        assert (found.first, found.last) == (culprit, culprit)
        assert (found.confirmed.base, found.confirmed.commit) == (culprit - 1, culprit)
        assert found.confirmed in oracle.questions
        assert len(oracle.questions) <= math.ceil(math.log2(commits)) + 2


def test_every_question_is_asked_once_and_says_how_many_commits_are_left():
    oracle = Oracle(13)
    search(20, oracle)
    assert len(set(oracle.questions)) == len(oracle.questions)
    left = [question.left for question in oracle.questions]
    assert left[0] == 20
    assert left[-1] <= 3


@pytest.mark.parametrize("silent", [0.0, 0.3])
def test_at_the_gates_error_rates_the_right_commit_is_named(silent):
    random, ends = np.random.default_rng(1), []
    for seed in range(400):
        commits = int(random.integers(1, 60))
        culprit = int(random.integers(1, commits + 1))
        found = search(commits, Oracle(culprit, seed=seed, alarm=ALARM, miss=MISS, silent=silent))
        ends.append((found.confirmed is not None, found.first <= culprit <= found.last))
    named = [right for confirmed, right in ends if confirmed]
    ranges = [right for confirmed, right in ends if not confirmed]
    # Exact 99.9 % bounds of 1 % wrong, and of 95 % covered, are a little wider.
    assert named.count(False) <= 10
    assert len(named) >= (0.97 if not silent else 0.85) * len(ends)
    assert ranges.count(True) >= 0.8 * len(ranges)


def test_a_wrong_answer_is_outweighed_by_others():
    culprit, oracle = 33, Oracle(33)

    def wrong_at_first(question):
        answer = oracle(question)
        return {"slow": "same", "same": "slow"}[answer] if len(oracle.questions) == 1 else answer

    assert search(64, wrong_at_first).first == culprit


@pytest.mark.parametrize(
    ("broken", "culprit", "expected"),
    [
        ({4, 5, 6}, 2, (2, 2)),  # elsewhere
        ({4, 5, 6}, 5, (4, 7)),  # one of them, or the first after
        ({4, 5, 6}, 7, (4, 7)),
        ({6}, 7, (6, 7)),
        (set(range(1, 10)), 3, (1, 10)),
    ],
)
def test_commits_that_cannot_be_measured_are_passed_over(broken, culprit, expected):
    oracle = Oracle(culprit, broken=broken)
    found = search(10, oracle)
    assert (found.first, found.last) == expected
    assert (found.confirmed is not None) == (expected[0] == expected[1])
    asked = [question.commit for question in oracle.questions if question.base == 0]
    assert max(map(asked.count, broken & set(asked)), default=0) <= 1


def test_an_inconclusive_question_is_asked_again_with_more_effort_and_then_passed_over():
    oracle = Oracle(3, silent=1e9)
    found = search(4, oracle)
    assert found == Found(1, 4)
    efforts = {}
    for question in oracle.questions:
        efforts.setdefault((question.base, question.commit), []).append(question.effort)
    assert set(map(tuple, efforts.values())) == {tuple(range(EFFORTS))}


def test_a_culprit_that_cannot_be_confirmed_is_named_without():
    def silent_on_neighbours(question):
        if question.base == 0:
            return "slow" if question.commit >= 5 else "same"
        return "inconclusive"

    assert search(8, silent_on_neighbours) == Found(5, 5)


def test_a_slowdown_of_no_single_commit_ends_with_several():
    """Each of 16 commits adds a little: none is slower than the one before."""
    asked = []

    def gradual(question):
        asked.append(question)
        return "slow" if question.commit - question.base >= 8 else "same"

    found = search(16, gradual)
    assert found.confirmed is None
    assert len(asked) <= 14


def test_a_question_is_the_same_however_many_commits_are_left():
    assert Question(0, 3, left=5) == Question(0, 3, left=9)


def test_of_two_commits_that_cannot_be_compared_each_may_still_be_measured():
    state = _State(5)
    state.learn(Question(3, 4), "skip")
    assert state.question(4, sure=True) is None
    assert {pair for pair in [(0, 3), (0, 4), (3, 4)] if state._can_ask(pair)} == {(0, 3), (0, 4)}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0.01] * 40 + [0.6], (1, 41)),
        ([0.6] + [0.01] * 40, (1, 41)),
        ([0.01, 0.97, 0.02], (2, 2)),
        ([0.02, 0.48, 0.48, 0.02], (2, 3)),
    ],
)
def test_a_range_has_all_commits_that_are_as_likely_as_its_ends(weights, expected):
    state = _State(len(weights))
    state.weights = np.array(weights)
    assert state.range() == expected
