"""What this package writes is whole or isn't there, and nothing that was there is lost."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from tl_core import storage
from tl_core.errors import TransferLearningError
from tlbench.errors import InputError
from tlbench.runs import files, write
from tlbench.runs.files import cache_dir, sha256_of, write_file
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

    monkeypatch.setattr(files.os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(target, "new")
    assert target.read_text() == "old"
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


def test_the_cache_is_where_the_variable_says_or_the_system_has_it(monkeypatch):
    monkeypatch.setenv("TLBENCH_CACHE", "~/elsewhere")
    assert cache_dir() == Path.home() / "elsewhere"
    monkeypatch.delenv("TLBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/kept/here")
    assert cache_dir().name == "tlbench"


@pytest.mark.parametrize("unknown", [None, "~/.cache/tlbench"], ids=["an error", "a tilde"])
def test_without_a_home_folder_the_cache_must_be_named(monkeypatch, unknown):
    def user_cache_dir(name):
        if unknown is None:
            raise RuntimeError("no home")
        return unknown

    monkeypatch.delenv("TLBENCH_CACHE")
    monkeypatch.setattr(files.platformdirs, "user_cache_dir", user_cache_dir)
    with pytest.raises(InputError, match="set TLBENCH_CACHE to a folder"):
        cache_dir()
    with pytest.raises(TransferLearningError, match="set TLBENCH_CACHE to a folder"):
        storage.cache_dir()


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
        )
        for number in range(4)
    ]
    first = subject.file_name(datetime(2026, 11, 24, 4, 12, tzinfo=UTC)).removesuffix(".json")
    names = [f"{first}{ending}.json" for ending in ("", "+2", "+3", "+4")]
    assert [path.name for path in written] == names
    assert {path.parent for path in written} == {tmp_path / "apple-m2-4-cpus"}
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in written]
    assert [each["benchmarks"] for each in kept] == [[0], [1], [2], [3]]
    assert updated == kept
