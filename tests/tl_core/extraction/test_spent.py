"""A worker knows what its CPU time went to, and when it had shards."""

import threading
import time

import pytest

from tl_core.extraction import spent
from tl_core.extraction.spent import Counters, Spent


@pytest.fixture
def clocks(monkeypatch):
    """The clocks of one thread, of the process and of the wall, which only tests move."""
    now = dict.fromkeys(("thread_time", "process_time", "perf_counter"), 100.0)
    for name in now:
        monkeypatch.setattr(spent.time, name, lambda name=name: now[name])
    return now


def test_what_no_phase_used_is_the_networks(clocks):
    """9 s of the process, of which 1 + 2 s are read, 3 s are decoded; 1 s was before the start."""
    counters = Counters()
    clocks["process_time"] += 1
    counters.begin()
    for phase, seconds in (("read", 1), ("decode", 3), ("read", 2)):
        with counters.timed(phase):
            clocks["thread_time"] += seconds
    clocks["process_time"] += 9
    assert counters.spent == Spent(3.0, 3.0, 0.0, 3.0, 0.0, 0.0)


def test_busy_is_the_time_with_any_shard(clocks):
    """From 0 to 3, with two shards in between, and from 7 to 8."""
    counters = Counters()
    for step, seconds in (("begin", 1), ("begin", 1), ("end", 1), ("end", 4), ("begin", 1)):
        getattr(counters, step)()
        clocks["perf_counter"] += seconds
    counters.end()
    assert counters.spent.busy == 4.0


def test_a_failed_phase_counts(clocks):
    counters = Counters()
    counters.begin()
    with pytest.raises(ValueError, match="damaged"), counters.timed("decode"):
        clocks["thread_time"] += 2
        raise ValueError("damaged")
    assert counters.spent.decode == 2.0


def test_a_phase_has_its_own_threads_time_only():
    """Not that of others, nor that in which it sleeps."""
    counters, over = Counters(), threading.Event()

    def busy():
        while not over.is_set():
            pass

    other = threading.Thread(target=busy)
    counters.begin()
    other.start()
    with counters.timed("read"):
        time.sleep(0.2)
    over.set()
    other.join()
    assert counters.spent.read < 0.05
    assert counters.spent.network > 2 * counters.spent.read
