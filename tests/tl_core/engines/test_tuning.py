"""A pilot: candidates take turns, and the fastest are timed for longer."""

import numpy as np
import pytest

from tl_core.engines import tuning
from tl_core.engines.tuning import FINAL_S, FINALISTS, TURNS, fastest, measured_rates

IMAGES = np.zeros((32, 8, 8, 3), np.uint8)


class Clock:
    """Time that passes only in calls."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(tuning, "perf_counter", lambda: self.now)

    def run(self, name, seconds):
        """A candidate whose calls take these seconds, the last ones again and again."""
        remaining = list(seconds)

        def call(images):
            assert len(images) == len(IMAGES)
            self.calls.append(name)
            self.now += remaining.pop(0) if len(remaining) > 1 else remaining[0]

        call.image_size = 8
        return call


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_rates_are_those_of_the_fastest_and_the_first_call_does_not_count(clock):
    runs = {name: clock.run(name, [9.0, 0.01 * name]) for name in range(1, 6)}
    rates = measured_rates(runs, IMAGES)
    assert rates == pytest.approx({name: 32 / (0.01 * name) for name in range(1, FINALISTS + 1)})


def test_noise_of_the_first_turns_is_outvoted(clock):
    steady = clock.run("steady", [0.1])
    lucky = clock.run("lucky", [0.1, *[0.05] * TURNS, 0.2])
    rates = measured_rates({"steady": steady, "lucky": lucky}, IMAGES)
    assert rates["steady"] > rates["lucky"]
    assert fastest({"lucky": clock.run("lucky", [0.3]), "steady": steady}) == "steady"


def test_finalists_take_turns_for_a_while_and_others_no_longer(clock):
    runs = {name: clock.run(name, [0.02 + 0.001 * name]) for name in range(5)}
    measured_rates(runs, IMAGES)
    counts = [clock.calls.count(name) for name in range(5)]
    assert counts[FINALISTS:] == [1 + TURNS] * 2
    assert len(set(counts[:FINALISTS])) == 1
    final = (counts[0] - 1 - TURNS) * sum(0.02 + 0.001 * name for name in range(FINALISTS))
    assert FINAL_S <= final < FINAL_S + 0.1


def test_slow_candidates_have_few_turns(clock):
    measured_rates({"slow": clock.run("slow", [5.0])}, IMAGES)
    assert len(clock.calls) == 1 + 2 * TURNS
