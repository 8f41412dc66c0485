"""Scaling over a cluster's workers is measured by turns, and says where their time went."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.studies.files import ROOT
from tl_core.cluster import Node
from tl_core.errors import ClusterError
from tl_core.extraction.spent import Spent
from tlbench.errors import OptionError
from tlbench.runs.row import CpuTime, Scaling
from tlbench.suite.worker_scaling import (
    ReadyPool,
    Turn,
    check_cluster,
    check_turns,
    collected,
    most_workers,
    shard_size,
    worker_scaling,
)


def nodes(*cpus):
    return [Node(str(number), "host", each, 0) for number, each in enumerate(cpus)]


@pytest.mark.parametrize(
    ("cpus", "threads", "expected"),
    [
        ((2,), None, (2, 1)),
        ((16,), 4, (4, 4)),
        ((16, 16), None, (2, 16)),
        ((4, 9), None, (3, 4)),
        ((4, 9), 3, (4, 3)),
    ],
    ids=["a CPU each", "threads of a node", "a node each", "the smallest node's", "of any node"],
)
def test_workers_and_threads_never_exceed_the_cpus(cpus, threads, expected):
    assert most_workers(nodes(*cpus), threads) == expected


def test_a_worker_that_has_no_room_is_refused():
    with pytest.raises(ClusterError, match="0 workers of 4 CPUs"):
        most_workers(nodes(2), 4)


@pytest.mark.parametrize(
    ("images", "workers", "expected"),
    [(2000, 2, 96), (100, 2, 32), (100_000, 4, 3104)],
    ids=["whole batches", "too few", "many"],
)
def test_each_worker_has_eight_shards_of_whole_batches(images, workers, expected):
    assert shard_size(images, workers, batch_size=32) == expected


def turn(workers=2, seconds=10.0, images=100, shards=None, start_s=4.0, **spent):
    """A turn of workers of three threads; each spent the same."""
    parts = {"read": 1.0, "decode": 4.0, "resize": 2.0, "network": 10.0, "write": 3.0, "busy": 9.0}
    each = Spent(**(parts | spent))
    return Turn(
        workers, 3, images, seconds, start_s, (each,) * workers, Path("/none"), 0, shards or {}
    )


def test_cpu_time_is_all_that_the_workers_had():
    """Two workers of 3 threads: 60 s. They were busy for 2 * 3 * 9 = 54 s, 40 s of it on CPUs."""
    found = turn().cpu_time
    assert found == CpuTime(
        read=0.02, decode=0.08, resize=0.04, network=0.2, write=0.06,
        waiting=pytest.approx(0.14), scheduling=pytest.approx(0.06),
    )  # fmt: skip
    scaling = Scaling(2, 10.0, 1.0, cpu_time=found)
    assert scaling.shares["network"] == pytest.approx(20 / 60)
    assert sum(scaling.shares.values()) == pytest.approx(1)


def test_more_cpu_time_than_there_was_is_not_negative_waiting():
    """A process may use a little more than its threads while it is busy."""
    found = turn(busy=6.0).cpu_time
    assert (found.waiting, found.scheduling) == (0.0, pytest.approx(0.2))


def test_efficiency_is_a_share_of_so_many_times_one():
    """Weak: 100 images in 10 s by one worker; 200 in 12.5 s by two, of turns that differ."""
    one = [turn(1, seconds, start_s=start) for seconds, start in ((20, 9), (10, 3), (5, 2))]
    two = [turn(2, seconds, 200, network=seconds) for seconds in (12.5, 100.0, 2.0)]
    first, second = worker_scaling({2: two, 1: one})
    assert (first.devices, first.images, first.threads, first.start_s) == (1, 100, 3, 3)
    assert (first.images_per_s, first.efficiency) == (10.0, 1.0)
    assert (second.devices, second.images_per_s, second.efficiency) == (2, 16.0, 0.8)
    assert second.cpu_time.network == pytest.approx(2 * 12.5 / 200)


def test_turns_must_give_the_same_files():
    files = {"part-0": "a", "part-1": "b", "part-2": "c"}
    half = {"part-0": "a", "part-1": "of fewer images"}
    right = [turn(images=100, shards=files), turn(1, images=60, shards=half)]
    check_turns(right)
    for wrong in (turn(images=100, shards=files | {"part-2": "x"}),
                  turn(1, images=60, shards=half | {"part-0": "x"})):  # fmt: skip
        with pytest.raises(AssertionError, match=r"other features in part-[02]"):
            check_turns([*right, wrong])


def test_a_turn_is_collected_and_its_files_are_removed(tmp_path):
    """By hashlib: of two files, of 3 and 2 bytes; the manifest isn't one of them."""
    place = tmp_path / "extraction" / "features"
    place.mkdir(parents=True)
    for name, content in (("part-0.parquet", b"abc"), ("part-1.parquet", b"de"), ("_m", b"x")):
        (place / name).write_bytes(content)
    found = collected(replace(turn(), place=place))
    assert found.written == 5
    assert found.shards == {
        "part-0.parquet": hashlib.sha256(b"abc").hexdigest(),
        "part-1.parquet": hashlib.sha256(b"de").hexdigest(),
    }
    assert list(tmp_path.iterdir()) == []


def test_a_pool_that_failed_is_not_asked(monkeypatch):
    """Its workers may not answer any more."""
    ray = SimpleNamespace(
        nodes=lambda: [{"Alive": True, "Resources": {"CPU": 1.0}, "NodeID": "a",
                        "NodeManagerHostname": "b"}]
    )  # fmt: skip
    pool = ReadyPool(ray, 1, 1)
    monkeypatch.setattr(pool, "_running", {"reference": None})
    monkeypatch.setattr(pool, "spent", lambda: pytest.fail("asked"))
    pool.close()
    assert pool.at_end == ()


def test_a_cluster_that_is_not_there_is_one_line():
    with pytest.raises(OptionError, match=r"--ray here: cluster address 'here': expected local"):
        check_cluster("here")


def listed(*options):
    """What a run of the suite would measure, and whether Ray was imported."""
    code = (
        "import sys, pytest; pytest.main(sys.argv[1:]);"
        "print('imported', sorted({'ray', 'tl_core.cluster'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "--benchmark", "--collect-only", "-q", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout


def test_without_a_cluster_there_is_no_scaling_and_no_ray(tmp_path):
    without = listed(f"--results={tmp_path}")
    assert "test_extract" in without
    assert "test_scaling" not in without
    assert "imported []" in without


def test_with_a_cluster_there_are_both_and_ray_is_not_imported_yet(tmp_path):
    with_it = listed(f"--results={tmp_path}", "--ray=local")
    lines = [line.rpartition("::")[2] for line in with_it.splitlines()]
    assert lines.index("test_time_to_accuracy") < lines.index("test_scaling_strong")
    assert "test_scaling_weak" in lines
    assert "imported ['tl_core.cluster']" in with_it


@pytest.mark.long
def test_strong_and_weak_scaling_are_rows_of_a_run(tmp_path, tiny_model):
    """On a cluster of this machine, whose two CPUs are a worker each."""
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--benchmark", "--ray", "local",
        "--model", tiny_model, "--train-size", "400", "--test-size", "60", "--image-size", "40",
        "--budget", "1", "-k", "scaling",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (path,) = (tmp_path / "results").rglob("*.json")
    strong, weak = (
        each["extra_info"] for each in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    )
    assert [(each["stage"], each["track"]) for each in (strong, weak)] == [
        ("scaling", "strong"), ("scaling", "weak"),
    ]  # fmt: skip
    for row in (strong, weak):
        numbers = [each["devices"] for each in row["scaling"]]
        assert numbers[:2] == [1, 2]
        assert row["scaling"][-1]["images_per_s"] == pytest.approx(row["images_per_s"], rel=0.01)
        for each in row["scaling"]:
            had = each["devices"] * each["threads"] / each["images_per_s"]
            assert sum(each["cpu_time"].values()) == pytest.approx(had, rel=0.1)
            assert each["start_s"] > 0
    assert {each["images"] for each in strong["scaling"]} == {400}
    first, *_, last = [each["images"] for each in weak["scaling"]]
    assert last == first * weak["scaling"][-1]["devices"]
    output = " ".join(done.stdout.split())
    assert "scaling (strong) on 1 worker: " in output
    assert "scaling (weak): CPU time of 2 workers: read " in output
    assert list((tmp_path / "results").rglob("part-*")) == []
