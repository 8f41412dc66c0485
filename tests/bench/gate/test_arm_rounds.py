"""A round in an arm: parts of several calls, of which the fast ones count."""

import gc
from types import SimpleNamespace

import pytest

from tlbench.gate.arm.rounds import steady_memory, timed_round


class Clock:
    """Moves by what each call takes."""

    def __init__(self, costs):
        self.now, self.costs, self.calls = 0.0, iter(costs), 0

    def __call__(self):
        return self.now

    def work(self, *_, **__):
        self.now += next(self.costs)
        self.calls += 1
        return self.calls


def run(costs, parts, iterations, *, setup=tuple, teardown=None, disable_gc=False):
    clock = Clock(costs)
    fixture = SimpleNamespace(_timer=clock, _disable_gc=disable_gc)
    order = {"parts": parts, "iterations": iterations}
    return timed_round(fixture, clock.work, lambda: (setup(), {}), teardown, order)


def test_a_round_is_the_lower_decile_of_its_parts_per_call():
    """Eleven parts of two calls: the second-fastest part is the tenth part of the way up."""
    costs = [cost for number in range(11) for cost in (1.0 + number, 2.0)]
    seconds, result = run(costs[::-1], parts=11, iterations=2)
    assert seconds == pytest.approx((2.0 + 2.0) / 2)
    assert result == 22


def test_one_part_is_what_it_is():
    assert run([3.0, 5.0], parts=1, iterations=2) == (4.0, 2)


def test_what_disturbs_most_parts_does_not_count():
    disturbed = [1.0 if number % 5 == 0 else 50.0 for number in range(50)]
    assert run(disturbed, parts=50, iterations=1)[0] == 1.0


def test_arguments_are_made_and_taken_down_for_each_part_and_not_timed():
    made, gone = [], []

    def setup():
        made.append(len(made))
        return (made[-1],)

    seconds, _ = run([1.0] * 6, parts=3, iterations=2, setup=setup, teardown=gone.append)
    assert (seconds, made, gone) == (1.0, [0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize("disable_gc", [False, True])
def test_the_collector_is_off_in_parts_only_if_the_benchmark_says_so(disable_gc):
    states = []

    def setup():
        states.append(gc.isenabled())
        return ()

    class Watching(Clock):
        def work(self):
            states.append(gc.isenabled())
            return super().work()

    clock = Watching([1.0] * 2)
    fixture = SimpleNamespace(_timer=clock, _disable_gc=disable_gc)
    timed_round(fixture, clock.work, lambda: (setup(), {}), None, {"parts": 2, "iterations": 1})
    assert states == [True, not disable_gc] * 2
    assert gc.isenabled()


def test_what_is_in_memory_before_is_left_alone_and_freed_again():
    frozen = gc.get_freeze_count()
    with steady_memory():
        assert gc.get_freeze_count() > frozen
    assert gc.get_freeze_count() == 0
