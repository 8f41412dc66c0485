"""How rounds are chosen and taken in turns, with processes whose seconds are made up."""

import numpy as np
import pytest

from tlbench.gate.pair import time_benchmark
from tlbench.gate.plan import Turns

CALL_S, CLOCK_S = 2e-6, 8.5e-6


class Process:
    """Answers every round; to read the clock takes longer than a call."""

    limits, took_s = {}, {}

    def __init__(self, name, log, iterations=None, *, factor=1.0, alone=True, noise=None):
        self.name, self.log, self.factor, self.alone = name, log, factor, alone
        self.noise = noise or (lambda _: 1.0)
        self.answers = [{"event": "ready", "iterations": iterations}]

    def hear(self, *_):
        return self.answers.pop(0)

    def tell(self, *, do, iterations=0, parts=0, timed=False, processor=None):
        if do == "round":
            self.log.append((self.name, iterations, parts, timed, processor))
            seconds = self.factor * (CALL_S + CLOCK_S / iterations) * self.noise(processor)
            self.answers.append({"event": "round", "seconds": seconds, "alone": self.alone})
        else:
            end = {"event": "done", "outcome": "passed", "message": "", "info": {}, "ends": False}
            self.answers.append(end)


def run(turns, **of_candidate):
    log = []
    iterations = of_candidate.get("iterations")
    processes = {
        "head": Process("head", log, **of_candidate),
        "base": Process("base", log, iterations),
    }
    rounds, alive = time_benchmark(processes, turns)
    assert alive
    return rounds, log


def test_short_calls_are_counted_again_in_a_whole_round():
    """A single call seems to take 10.5 microseconds, each of 48 takes 2.18: 230 are 0.5 ms."""
    rounds, log = run(Turns(3))
    assert [entry[1:4] for entry in log[:6]] == [(1, 1, False)] * 4 + [(48, 50, False)] * 2
    assert (rounds.iterations, rounds.parts) == (230, 50)
    assert all(entry[1:4] == (rounds.iterations, 50, True) for entry in log[6:])


def test_the_slower_side_chooses_for_both():
    rounds, _ = run(Turns(1), factor=10.0)
    assert rounds.iterations == 14  # of 37 microseconds


def test_who_begins_alternates_from_turn_to_turn():
    rounds, log = run(Turns(4))
    assert [name for name, _, _, timed, _ in log if timed] == ["head", "base", "base", "head"] * 2
    assert len(rounds.base) == len(rounds.candidate) == 4


def test_calls_that_the_benchmark_fixes_stay():
    rounds, log = run(Turns(2), iterations=7)
    assert {entry[1] for entry in log} == {7}
    assert rounds.parts == 50


def test_after_its_time_a_benchmark_gets_no_more_turns_than_one():
    rounds, _ = run(Turns(50, limit_s=0.0))
    assert len(rounds.base) == 1


def test_without_time_a_benchmark_is_left_out_in_both_sides_and_others_go_on():
    rounds, log = run(Turns(0))
    assert (rounds.base, log) == ([], [])
    assert {end.outcome for end in rounds.outcomes.values()} == {"unreached"}


def noisy(seed, *, duet):
    """A side whose seconds vary in one of both ways of timing."""
    rng = np.random.default_rng(seed)
    return lambda processor: rng.uniform(1, 2) if (processor is not None) == duet else 1.0


def test_in_a_duet_both_have_a_processor_and_exchange_it():
    rounds, log = run(Turns(3, processors=(4, 7)))
    timed = [(name, processor) for name, _, _, timed, processor in log if timed]
    assert timed == [
        ("head", 4), ("base", 7), ("head", 7), ("base", 4), ("head", 4), ("base", 7),
    ]  # fmt: skip
    assert rounds.duet
    assert len(rounds.base) == len(rounds.candidate) == 3


@pytest.mark.parametrize("duet", [True, False])
def test_the_pilot_keeps_the_way_in_which_turns_differ_less(duet):
    turns = Turns(5, processors=(0, 1), pilot=True)
    rounds, log = run(turns, noise=noisy(0, duet=not duet))
    assert rounds.duet == duet
    assert rounds.log_ratios == [0.0] * 5
    assert sum(entry[3] for entry in log) == 2 * 2 * 5


def test_what_has_threads_or_children_takes_turns():
    rounds, log = run(Turns(5, processors=(0, 1), pilot=True), alone=False)
    assert not rounds.duet
    assert {entry[4] for entry in log} == {None}


def test_a_side_that_raises_in_a_duet_is_heard_and_so_is_the_other():
    log = []
    processes = {"head": Process("head", log), "base": Process("base", log)}
    raised = {"event": "raised", "message": "ValueError: no"}
    processes["base"].noise = lambda processor: (
        (processes["base"].answers.append(raised) if processor is not None else None) or 1.0
    )
    end = {"event": "done", "outcome": "failed", "message": "no", "info": {}, "ends": False}
    original = processes["base"].hear

    def hear(*events):
        message = original(*events)
        if message is raised:
            processes["base"].answers[:] = [end]
        return message

    processes["base"].hear = hear
    rounds, alive = time_benchmark(processes, Turns(3, processors=(0, 1)))
    assert (rounds.base, rounds.candidate, alive) == ([], [], True)
    assert rounds.outcomes["base"].raised == "ValueError: no"
    assert rounds.outcomes["head"].outcome == "passed"
