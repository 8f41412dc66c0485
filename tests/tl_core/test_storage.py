"""What is written is whole or not there."""

import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tl_core.errors import StorageError
from tl_core.storage import (
    atomic_dir,
    atomic_file,
    cache_dir,
    cached_dir,
    locked,
    sha256_of,
)


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("TLBENCH_CACHE")
    assert cache_dir().name == "tlbench"


def test_sha256_is_hashlibs(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_a_file_appears_only_when_whole(tmp_path):
    target = tmp_path / "new" / "result.json"
    with atomic_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["result.json"]


def test_an_interrupted_file_leaves_the_old_one(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(Interrupted), atomic_file(target) as part:
        part.write_text("hal")
        raise Interrupted
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_gets_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_file(tmp_path / "ours") as part:
        part.touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


def test_a_folder_takes_the_place_of_an_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with atomic_dir(target) as part:
        (part / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(Interrupted), atomic_dir(target) as part:
        (part / "half").touch()
        raise Interrupted
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_folder_both_succeed(tmp_path):
    target = tmp_path / "model"
    with atomic_dir(target) as first:
        with atomic_dir(target) as second:
            (second / "second").touch()
        (first / "first").touch()
    assert [path.name for path in target.iterdir()] == ["first"]


def interrupted_at(monkeypatch, number, *, done, error=Interrupted):
    """Raise at the given rename from now on, before or after it took place."""
    renamed, calls = Path.rename, []

    def rename(self, target):
        calls.append(target)
        if len(calls) != number:
            return renamed(self, target)
        if done:
            renamed(self, target)
        raise error

    monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize(
    ("number", "done", "left"),
    [(1, False, "old"), (1, True, "old"), (2, False, "old"), (2, True, "new")],
    ids=["before the first", "after the first", "before the second", "after the second"],
)
def test_an_interrupt_around_the_renames_loses_no_folder(tmp_path, monkeypatch, number, done, left):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()

    def write():
        with atomic_dir(target) as part:
            (part / "new").touch()
            interrupted_at(monkeypatch, number, done=done)

    with pytest.raises(Interrupted):
        write()
    assert [path.name for path in target.iterdir()] == [left]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [1, 2])
def test_a_rename_that_is_refused_is_an_error_and_keeps_the_old_folder(
    tmp_path, monkeypatch, number
):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    refused = PermissionError(errno.EACCES, "refused")
    interrupted_at(monkeypatch, number, done=False, error=refused)
    with pytest.raises(PermissionError, match="refused"), atomic_dir(target) as part:
        (part / "new").touch()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def is_whole(folder):
    return (folder / "whole").exists()


def write_whole(folder):
    (folder / "whole").touch()


def test_in_a_cache_a_broken_folder_is_replaced_and_a_whole_one_stays(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "half").touch()
    assert cached_dir(target, is_whole, write_whole) == target
    assert [path.name for path in target.iterdir()] == ["whole"]
    before = target.stat().st_ino
    cached_dir(target, is_whole, lambda _: pytest.fail("it was whole"))
    assert target.stat().st_ino == before


def test_in_a_cache_the_first_whole_folder_stays_while_others_wait(tmp_path):
    """Its writer may be reading it: the very folder, not one of the same content."""
    target, writers = tmp_path / "model", []
    begin = threading.Barrier(4)

    def write(folder):
        writers.append(folder)
        time.sleep(0.05)
        write_whole(folder)

    def run():
        begin.wait()
        cached_dir(target, is_whole, write)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(writers) == 1
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_in_a_cache_a_writer_that_fails_leaves_nothing_and_the_next_one_writes(tmp_path):
    target = tmp_path / "model"
    with pytest.raises(Interrupted):
        cached_dir(target, is_whole, interrupt)
    assert not target.exists()
    cached_dir(target, is_whole, write_whole)
    assert is_whole(target)


def interrupt(folder):
    (folder / "half").touch()
    raise Interrupted


KILLED = """
import os, signal, sys
from pathlib import Path
from tl_core import storage
with getattr(storage, sys.argv[1])(Path(sys.argv[2])) as part:
    (part / "half" if part.is_dir() else part).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("kind", [atomic_file, atomic_dir])
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path, kind):
    target = tmp_path / "model"
    command = [sys.executable, "-c", KILLED, kind.__name__, str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not target.exists()
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    with kind(target) as part:
        assert list(tmp_path.iterdir()) == [part]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", [atomic_file, atomic_dir])
def test_what_another_process_is_writing_stays(tmp_path, kind):
    target = tmp_path / "model"
    with kind(target) as first:
        with kind(target) as second:
            assert set(tmp_path.iterdir()) == {first, second}
        assert first.exists()
    assert list(tmp_path.iterdir()) == [target]


def write_much(folder):
    (folder / "much").write_bytes(bytes(200_000))


def test_in_a_cache_on_a_full_disk_the_folder_and_what_to_do_are_named(small_disk):
    disk = small_disk(100_000)
    cached_dir(disk / "small", is_whole, write_whole)
    with pytest.raises(StorageError) as raised:
        cached_dir(disk / "large", is_whole, write_much)
    assert str(raised.value) == (
        f"{disk}/large can't be written (No space left on device); expected a folder that can be "
        "written, has room, and stays. Free space there, or set TLBENCH_CACHE to another folder"
    )
    assert list(disk.iterdir()) == [disk / "small"]
    assert is_whole(disk / "small")


def test_a_read_only_cache_serves_what_it_has(small_disk):
    disk = small_disk(100_000)
    cached_dir(disk / "small", is_whole, write_whole)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    cached_dir(disk / "small", is_whole, write_much)
    with pytest.raises(StorageError, match=r"large can't be written \(Read-only file system\)"):
        cached_dir(disk / "large", is_whole, write_whole)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("part/x; No space left on device [Op:SaveV2]"), r"\(No space left on dev"),
        (OSError("40960 requested and 0 written"), "40960 requested and 0 written"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded"),
        (ValueError("no such layer"), None),
        (FileNotFoundError(errno.ENOENT, "No such file", "/elsewhere/weights"), None),
        (ConnectionResetError(errno.ECONNRESET, "reset by peer"), None),
    ],
    ids=["TensorFlow", "NumPy", "quota", "no disk", "a file elsewhere", "a network"],
)
def test_what_a_full_disk_raises_is_told_from_other_errors(tmp_path, error, reason):
    def failing(folder):
        (folder / "half").touch()
        raise error

    expected = type(error) if reason is None else StorageError
    with pytest.raises(expected, match=reason) as raised:
        cached_dir(tmp_path / "model", is_whole, failing)
    assert type(raised.value) is expected
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_removed_while_it_is_filled_is_told_whatever_fails_for_it(tmp_path):
    def removing(folder):
        shutil.rmtree(tmp_path / "cache")
        raise RuntimeError("Unable to open file")

    with pytest.raises(StorageError, match=r"model can't be written \(Unable to open file\)"):
        cached_dir(tmp_path / "cache" / "model", is_whole, removing)


FILLS = """
import sys, time
from pathlib import Path
from tl_core.storage import cached_dir
target, begin, work = map(Path, sys.argv[1:])
print("ready", flush=True)
while not begin.exists():
    time.sleep(0.001)
def write(folder):
    with work.open("a") as file:
        file.write("filled\\n")
    time.sleep(0.05)
    (folder / "whole").touch()
cached_dir(target, lambda folder: (folder / "whole").exists(), write)
"""


def test_processes_that_need_the_same_folder_at_once_fill_it_once_and_leave_no_lock(tmp_path):
    target, begin, work = tmp_path / "cache" / "model", tmp_path / "begin", tmp_path / "work"
    command = [sys.executable, "-c", FILLS, str(target), str(begin), str(work)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    begin.touch()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 6
    assert work.read_text() == "filled\n"
    assert list(target.parent.iterdir()) == [target]


def test_who_waited_takes_a_new_lock_as_the_old_ones_file_is_gone(tmp_path):
    """Else two would hold it: one the removed file's, one the new file's."""
    order, entered, end = [], threading.Event(), threading.Event()

    def second():
        with locked(tmp_path / "model"):
            entered.set()
            end.wait(10)
            order.append("second")

    def third():
        with locked(tmp_path / "model"):
            order.append("third")

    threads = [threading.Thread(target=each) for each in (second, third)]
    with locked(tmp_path / "model"):
        threads[0].start()
        threads[0].join(0.2)  # it waits for the lock of a file that is then removed
    entered.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    end.set()
    for thread in threads:
        thread.join()
    assert order == ["second", "third"]
    assert list(tmp_path.iterdir()) == []
