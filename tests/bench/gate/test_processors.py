"""Where both sides run at once, and which benchmarks may."""

import os
import subprocess
import sys
import threading

import pytest

from tlbench.gate import processors
from tlbench.gate.arm.processors import children_s, is_alone, on_processor

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux pins a process to a processor"
)


@pytest.fixture
def topology(tmp_path, monkeypatch):
    """Processors and their siblings, as Linux lists them; which of them are allowed."""

    def make(siblings, allowed):
        for number, text in siblings.items():
            folder = tmp_path / f"cpu{number}" / "topology"
            folder.mkdir(parents=True)
            (folder / "thread_siblings_list").write_text(text)
        monkeypatch.setattr(processors, "TOPOLOGY", tmp_path)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed))
        processors.two_processors.cache_clear()
        return processors.two_processors()

    yield make
    processors.two_processors.cache_clear()


@pytest.mark.parametrize(
    ("siblings", "allowed", "chosen"),
    [
        pytest.param({0: "0", 1: "1"}, [0, 1], (0, 1), id="two cores"),
        pytest.param({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, range(4), (0, 2), id="threads"),
        pytest.param({0: "0-1", 1: "0-1"}, [0, 1], (0, 1), id="two threads of one core"),
        pytest.param({0: "0", 1: "1", 2: "2"}, [1, 2], (1, 2), id="not the first"),
        pytest.param({}, [3, 5], (3, 5), id="nothing is known"),
        pytest.param({0: "0", 1: "1"}, [1], (), id="only one"),
    ],
)
def test_two_cores_are_chosen_where_there_are_two(topology, siblings, allowed, chosen):
    assert topology(siblings, allowed) == chosen


def test_a_round_runs_on_its_processor_and_the_rest_anywhere():
    allowed = os.sched_getaffinity(0)
    with pytest.raises(ValueError, match="no"), on_processor(max(allowed)):
        assert os.sched_getaffinity(0) == {max(allowed)}
        raise ValueError("no")
    assert os.sched_getaffinity(0) == allowed
    with on_processor(None):
        assert os.sched_getaffinity(0) == allowed


#: Prints whether a process is alone: as it is, after a child, and with a thread.
ALONE = """
import subprocess, sys, threading
from tlbench.gate.arm.processors import children_s, is_alone
before, event = children_s(), threading.Event()
said = [is_alone(before)]
subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
said += [is_alone(before), is_alone(children_s())]
threading.Thread(target=event.wait, daemon=True).start()
said.append(is_alone(children_s()))
print(said)
"""


def test_threads_and_children_are_company():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "[True, False, True, False]\n"  # the child is none of later rounds


def test_a_thread_of_this_process_is_seen():
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    assert not is_alone(children_s())
    event.set()
    thread.join()
