"""How rounds are chosen and taken in turns, with processes whose seconds are made up."""

from tlbench.gate.pair import Turns, time_benchmark

CALL_S, CLOCK_S = 2e-6, 8.5e-6


class Process:
    """Answers every round; to read the clock takes longer than a call."""

    limits, took_s = {}, {}

    def __init__(self, name, log, iterations=None, factor=1.0):
        self.name, self.log, self.factor = name, log, factor
        self.answers = [{"event": "ready", "iterations": iterations}]

    def hear(self, *_):
        return self.answers.pop(0)

    def tell(self, *, do, iterations=0, parts=0, timed=False):
        if do == "round":
            self.log.append((self.name, iterations, parts, timed))
            seconds = self.factor * (CALL_S + CLOCK_S / iterations)
            self.answers.append({"event": "round", "seconds": seconds})
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
    assert [entry[1:] for entry in log[:6]] == [(1, 1, False)] * 4 + [(48, 50, False)] * 2
    assert (rounds.iterations, rounds.parts) == (230, 50)
    assert all(entry[1:] == (rounds.iterations, 50, True) for entry in log[6:])


def test_the_slower_side_chooses_for_both():
    rounds, _ = run(Turns(1), factor=10.0)
    assert rounds.iterations == 14  # of 37 microseconds


def test_who_begins_alternates_from_turn_to_turn():
    rounds, log = run(Turns(4))
    assert [name for name, *_, timed in log if timed] == ["head", "base", "base", "head"] * 2
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
