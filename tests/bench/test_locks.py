"""A lock is held by one, and ends with whoever held it."""

import signal
import subprocess
import sys
import threading

import pytest

from tlbench import locks


def test_a_lock_is_held_by_one(tmp_path):
    with locks.lock(tmp_path / "a") as first, locks.lock(tmp_path / "a", wait=False) as second:
        assert first is not None
        assert second is None
    with locks.lock(tmp_path / "a", wait=False) as third:
        assert third is not None


def test_a_lock_is_waited_for(tmp_path):
    order = []

    def wait():
        with locks.lock(tmp_path / "a"):
            order.append("second")

    with locks.lock(tmp_path / "a"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_who_waited_takes_a_new_lock_as_the_old_ones_file_is_gone(tmp_path):
    """Else two would hold it: one the removed file's, one the new file's."""
    seen = []

    def wait():
        with locks.lock(tmp_path / "a"), locks.lock(tmp_path / "a", wait=False) as other:
            seen.append(other)

    with locks.lock(tmp_path / "a"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.2)
    thread.join()
    assert seen == [None]
    assert list(tmp_path.iterdir()) == []


def test_only_what_nobody_holds_is_abandoned(tmp_path):
    for name in ("folder", "held"):
        (tmp_path / name).mkdir()
    (tmp_path / "gone.lock").touch()  # as a killed process leaves it
    with locks.lock(tmp_path / "held"):
        assert [path.name for path in locks.leftovers(tmp_path)] == ["folder", "gone"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "held"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_ends_with_its_process(tmp_path, number):
    code = (
        "import sys, time; from pathlib import Path; from tlbench import locks\n"
        "with locks.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert list(locks.leftovers(tmp_path)) == []
        process.send_signal(number)
        process.wait()
    assert list(locks.leftovers(tmp_path)) == [tmp_path / "a"]
