"""A stage is timed as often as asked for, on a new input each time."""

from types import SimpleNamespace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.memory import peak_rss_bytes, reset_peak
from bench.measure.rounds import measure


class FakeClock:
    """Time that passes only when work is done."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def timed(request, clock):
    """pytest-benchmark's fixture on the fake clock, outside the session: nothing is reported."""
    options = dict.fromkeys(
        ("min_rounds", "precision", "confidence", "warmup", "warmup_iterations", "logger",
         "calibration_precision", "warner", "cprofile", "cprofile_loops", "cprofile_dump")
    )  # fmt: skip
    return BenchmarkFixture(
        request.node,
        timer=SimpleNamespace(target=clock),
        add_stats=lambda stats: None,
        disabled=False,
        disable_gc=False,
        min_time=0,
        max_time=0,
        **options,
    )


def test_warm_ups_and_rounds_are_counted_exactly(timed, clock):
    prepared, worked = [], []

    def work(number):
        worked.append(number)
        clock.now += 10.0 if number < 2 else 1.0 + number
        return number * number

    def prepare(number):
        prepared.append(number)
        clock.now += 100.0
        return number

    measured = measure(timed, work, prepare, rounds=3, warmup_rounds=2)
    assert prepared == worked == [0, 1, 2, 3, 4]
    assert measured.outputs == (4, 9, 16)
    assert timed.stats.stats.data == [3.0, 4.0, 5.0]


def test_a_stage_that_fails_leaves_no_statistics_to_be_stored(timed):
    def work(_):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        measure(timed, work, lambda number: number, rounds=2)
    assert timed.has_error


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
