"""What this package writes is whole or isn't there, and nothing that was there is lost."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from tlbench.runs import write
from tlbench.runs.files import sha256_of, write_file
from tlbench.runs.write import Subject, write_results


@pytest.mark.parametrize(
    ("content", "stored"), [("µ\n", b"\xc2\xb5\n"), (b"\x00\xff", b"\x00\xff")]
)
def test_a_file_is_written_into_folders_that_are_new(tmp_path, content, stored):
    target = tmp_path / "a" / "b" / "run.json"
    write_file(target, content)
    assert target.read_bytes() == stored
    write_file(target, "again")
    assert target.read_text() == "again"
    assert list(target.parent.iterdir()) == [target]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "run.json"
    write_file(target, "old")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


KILLED = """
import os, signal, sys
from pathlib import Path
from tlbench.runs.files import write_file
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_file(Path(sys.argv[1]), "half")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_what_a_killed_process_left_is_used_by_the_next_one(tmp_path):
    target = tmp_path / "run.json"
    write_file(target, "old")
    command = [sys.executable, "-c", KILLED, str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    write_file(target, "x")
    assert target.read_text() == "x"
    assert list(tmp_path.iterdir()) == [target]


def test_writers_of_one_file_wait_for_each_other(tmp_path):
    target, texts = tmp_path / "run.json", [str(number) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_file(target, text), texts * 4))
    assert target.read_text() in texts
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_others_may_read_a_file_as_the_users_mask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_file(tmp_path / "run.json", "x")
        assert os.umask(mask) == mask, "the mask stays the user's"
    finally:
        os.umask(before)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == mode


def test_bytes_of_a_name_that_are_no_utf_8_are_written_as_escapes(tmp_path):
    write_file(tmp_path / "table.csv", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "table.csv").read_bytes() == rb"caf\udce9"


def test_a_sum_is_of_the_files_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_runs_that_end_in_the_same_second_are_all_kept(tmp_path, monkeypatch):
    now = SimpleNamespace(now=lambda zone: datetime(2026, 11, 24, 4, 12, tzinfo=zone))
    monkeypatch.setattr(write, "datetime", now)
    updated = []

    class Hook:
        def pytest_benchmark_generate_commit_info(self, config):
            return {"id": "abc"}

        def pytest_benchmark_generate_json(self, **given):
            assert given["include_data"], "the rounds themselves"
            return {"benchmarks": given["benchmarks"], "commit_info": given["commit_info"]}

        def pytest_benchmark_update_json(self, output_json, **_):
            updated.append(output_json)

    facts = {"tlbench": {"cpu": "Apple M2", "cpus_usable": 4}}
    subject = Subject("quick", "m", "d", "litert", "fp32", "cpu")
    written = [
        write_results(
            SimpleNamespace(
                config=SimpleNamespace(hook=Hook()),
                benchmarks=[number],
                get_machine_info=lambda: facts,
            ),
            subject,
            tmp_path,
        ).path
        for number in range(4)
    ]
    first = subject.file_name(datetime(2026, 11, 24, 4, 12, tzinfo=UTC)).removesuffix(".json")
    names = [f"{first}{ending}.json" for ending in ("", "+2", "+3", "+4")]
    assert [path.name for path in written] == names
    assert {path.parent for path in written} == {tmp_path / "apple-m2-4-cpus"}
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in written]
    assert [each["benchmarks"] for each in kept] == [[0], [1], [2], [3]]
    assert updated == kept
