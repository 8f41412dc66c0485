"""A stage is timed as often as asked for, on a new input each time, until it is really done."""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from bench.studies.standalone import standalone_fixture
from tlbench.timing.memory import (
    device_peak_bytes,
    peak_rss_bytes,
    reset_device_peaks,
    reset_peak,
)
from tlbench.timing.quality import timing_quality
from tlbench.timing.rounds import Instruments, Stage, measure
from tlbench.timing.synchronise import synchronise


class FakeClock:
    """Time that passes only when something is done."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def timed(clock):
    return standalone_fixture("test", clock)


def lasting(clock, durations):
    """Work that takes these seconds, call by call, and returns the number of the call."""
    left = iter(durations)

    def work(number):
        clock.now += next(left)
        return number

    return work


def test_warm_ups_and_rounds_are_counted_exactly(timed, clock):
    prepared = []

    def prepare(number):
        prepared.append(number)
        clock.now += 100.0
        return number

    stage = Stage(lasting(clock, [9, 4, 3, 3, 2, 5, 8]), prepare, images=10)
    measurement = measure(timed, stage, 3, Instruments(clock=clock, now=clock))
    assert prepared == [1000, 1001, 1002, 1003, 0, 1, 2]
    assert [each.seconds for each in measurement.rounds] == [9, 4, 3, 3, 2, 5, 8]
    assert [each.timed for each in measurement.rounds] == [False] * 4 + [True] * 3
    assert measurement.outputs == [0, 1, 2]
    assert timed.stats.stats.data == measurement.seconds == [2, 5, 8]
    assert measurement.warmed_up is True


def test_a_stage_that_never_gets_steady_is_flagged(timed, clock):
    seconds = [2.0**number for number in range(10, 0, -1)]
    stage = Stage(lasting(clock, seconds), lambda number: number, images=1, most_warm_ups=6)
    measurement = measure(timed, stage, 4, Instruments(clock=clock))
    assert len(measurement.rounds) == 6 + 4
    assert measurement.warmed_up is False
    assert timing_quality(measurement.seconds, warmed_up=measurement.warmed_up).label == "cold"


def test_time_stamps_are_those_of_the_rounds_start(timed, clock):
    stage = Stage(lasting(clock, [1, 1, 1, 1]), lambda number: number, images=1)
    measurement = measure(timed, stage, 2, Instruments(clock=clock, now=lambda: 1000 + clock.now))
    assert [each.started_at for each in measurement.rounds] == [1000, 1001, 1002, 1003]


def test_the_meter_stands_beside_each_timed_round(timed, clock):
    seen = []

    class Meter:
        def start(self):
            self.begun = clock.now

        def stop(self):
            seen.append(clock.now - self.begun)
            return len(seen)

    stage = Stage(lasting(clock, [1, 1, 7, 8]), lambda number: number, images=1)
    measurement = measure(timed, stage, 2, Instruments(Meter(), clock=clock))
    assert seen == [7, 8]
    assert [each.noise for each in measurement.rounds] == [None, None, 1, 2]
    assert timed.stats.stats.data == [7, 8]


def test_rounds_can_be_planned_from_the_last_warm_up(timed, clock):
    stage = Stage(lasting(clock, [4, 4] + [4] * 9), lambda number: number, images=1)
    measurement = measure(timed, stage, lambda warm_s: int(12 / warm_s), Instruments(clock=clock))
    assert len(measurement.timed) == 3


def test_a_smaller_warm_up_is_not_taken_for_a_round(timed, clock):
    durations = []

    def rounds(warm_s):
        durations.append(warm_s)
        return 1

    stage = Stage(
        lasting(clock, [0.1, 9]), lambda n: n, images=1, warm_up=lambda n: n, most_warm_ups=1
    )
    measure(timed, stage, rounds, Instruments(clock=clock))
    assert durations == [0.0]


def test_a_single_warm_up_traces_and_shows_nothing(timed, clock):
    stage = Stage(
        lasting(clock, [9, 1]), lambda n: n, images=1, warm_up=lambda n: -1, most_warm_ups=1
    )
    measurement = measure(timed, stage, 1, Instruments(clock=clock))
    assert measurement.warmed_up is None
    assert measurement.outputs == [0]


class Unfinished:
    """A result that is there only when it is asked for, as a GPU's tensor."""

    def __init__(self, clock):
        self.clock = clock

    def numpy(self):
        self.clock.now += 10.0
        return np.zeros(1)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"a": (x,)}])
def test_a_stage_that_returns_before_it_is_done_is_waited_for_and_caught(timed, clock, wrap):
    def work(_):
        clock.now += 0.1
        return wrap(Unfinished(clock))

    measurement = measure(
        timed, Stage(work, lambda number: number, images=1), 5, Instruments(clock=clock)
    )
    assert timed.stats.stats.data == pytest.approx([10.1] * 5)
    quality = timing_quality(measurement.seconds, warmed_up=True, unfinished=measurement.unfinished)
    assert quality.label == "unsynchronised"
    assert "99 % of a round came after the return" in str(quality)


def test_futures_are_waited_for():
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(done.wait, 10)
        pool.submit(lambda: None)
        done.set()
        synchronise({"work": [pending]})
        assert pending.done()


def test_an_error_in_unfinished_work_is_not_lost():
    def broken():
        raise RuntimeError("late")

    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="late"):
        synchronise(pool.submit(broken))


def test_a_stage_that_fails_leaves_no_statistics_to_be_stored(timed, clock):
    def work(_):
        raise RuntimeError("broken")

    stage = Stage(work, lambda number: number, images=1, most_warm_ups=0)
    with pytest.raises(RuntimeError, match="broken"):
        measure(timed, stage, 2, Instruments(clock=clock))
    assert timed.has_error


def test_memory_is_read_in_a_pass_that_is_not_timed(timed, clock, monkeypatch):
    peaks = iter([111, 999])
    monkeypatch.setattr("tlbench.timing.rounds.peak_rss_bytes", lambda: next(peaks))
    stage = Stage(lasting(clock, [1] * 9), lambda number: number, images=1)
    assert measure(timed, stage, 3, Instruments(clock=clock)).peak_rss_bytes == 111


def test_the_peak_counts_memory_that_was_used_and_given_back():
    if not reset_peak():
        pytest.skip("this OS cannot reset the peak")
    before = peak_rss_bytes()
    block = bytearray(200_000_000)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert peak_rss_bytes() - before > 150_000_000
    reset_peak()
    assert peak_rss_bytes() - before < 100_000_000


def test_energy_is_counted_for_each_timed_round(timed, clock):
    class Joules:
        def start(self):
            self.begun = clock.now

        def stop(self):
            return SimpleNamespace(total_j=10 * (clock.now - self.begun))

    stage = Stage(lasting(clock, [1, 1, 7, 8]), lambda number: number, images=1)
    measurement = measure(timed, stage, 2, Instruments(energy=Joules(), clock=clock))
    joules = [each.energy and each.energy.total_j for each in measurement.rounds]
    assert joules == [None, None, 70, 80]


class Temperatures:
    """A meter with a given count for each round."""

    def __init__(self, *several):
        self.left = list(several)

    def start(self):
        pass

    def stop(self):
        return self.left.pop(0)


def heat(degrees):
    """What held the clock down at a temperature; None for one that isn't known."""
    return None if degrees == "unknown" else ("heat",) * (degrees > 90)


@pytest.mark.parametrize(
    ("degrees", "counting"),
    [
        ((60, 95, 60, 99), [2, 5]),
        ((60, 61, 62, 63), [2, 3, 5, 8]),
        ((95, 96, 97, 98), [2, 3, 5, 8]),
        (("unknown", 96, "unknown", 60), [2, 5, 8]),
    ],
    ids=["some", "none", "all", "unknown"],
)
def test_throttled_rounds_do_not_count_where_others_do(timed, clock, degrees, counting):
    stage = Stage(lasting(clock, [4, 4, 2, 3, 5, 8]), lambda number: number, images=1)
    instruments = Instruments(Temperatures(*degrees), throttling=heat, clock=clock)
    measurement = measure(timed, stage, 4, instruments)
    assert measurement.seconds == timed.stats.stats.data == counting
    assert timed.stats.stats.rounds == len(counting)
    assert timed.stats.stats.max == max(counting)
    assert measurement.outputs == [0, 1, 2, 3]
    assert [each.throttled for each in measurement.rounds] == [None, None, *map(heat, degrees)]
    assert [each.seconds for each in measurement.rounds] == [4, 4, 2, 3, 5, 8]


def test_without_knowing_clocks_every_round_counts(timed, clock):
    stage = Stage(lasting(clock, [4, 4, 2, 3]), lambda number: number, images=1)
    measurement = measure(timed, stage, 2, Instruments(Temperatures(99, 60), clock=clock))
    assert measurement.seconds == [2, 3]
    assert {each.throttled for each in measurement.rounds} == {None}


class FakeGpus:
    """Stands for TensorFlow with two GPUs: each has taken 5 bytes since the reset."""

    def __init__(self):
        self.config = self.experimental = self
        self.reset = []

    def list_logical_devices(self, kind):
        return ["a", "b"] if kind == "GPU" else []

    def reset_memory_stats(self, name):
        self.reset.append(name)

    def get_memory_info(self, name):
        return {"current": 1, "peak": 5 if name in self.reset else 99}


def test_device_memory_is_the_peak_since_the_reset_summed_over_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", FakeGpus())
    reset_device_peaks()
    assert device_peak_bytes() == 10


def test_without_tensorflow_there_is_no_device_memory(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    reset_device_peaks()
    assert device_peak_bytes() is None
    assert "tensorflow" not in sys.modules
