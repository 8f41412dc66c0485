"""Workers on a cluster write what one process writes, whichever of them die."""

import mmap
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from extracted import check

from tl_core import cluster
from tl_core.errors import ClusterError, DataError
from tl_core.extraction.ray_pool import LIVES, Actor, RayPool, shared_out

#: Bytes in which a small file system counts.
PAGE = mmap.PAGESIZE


@pytest.fixture(scope="module")
def ray():
    """A cluster of this machine alone, with two CPUs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "usable_cpus", lambda: 2)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # of the workers
        with cluster.connected("local") as ray:
            yield ray


def contents(found):
    return [path.read_bytes() for path in found.files]


def test_two_workers_write_what_one_process_writes(ray, run, tmp_path, expected):
    pool = RayPool(ray, 2)
    found = run(output=tmp_path / "cluster", pool=pool)
    check(found.rows, expected)
    assert contents(found) == contents(run())
    assert pool.threads == 1
    assert len(found.manifest["workers"]) >= 1
    assert found.manifest["state"] == "complete"


class Patient(RayPool):
    """All workers are there before the first shard, and are asked at the end."""

    def start(self, job, facts):
        super().start(job, facts)
        self.wait_until_ready()
        self.ready = len(self.machines)

    def close(self):
        self.at_end = self.spent()
        super().close()


@pytest.mark.slow
def test_workers_that_are_ready_say_where_their_time_went(ray, run, tmp_path, expected):
    pool = Patient(ray, 2)
    found = run(output=tmp_path / "cluster", pool=pool)
    check(found.rows, expected)
    assert (pool.ready, len(pool.at_end)) == (2, 2)
    for name in ("read", "decode", "resize", "network", "write", "busy"):
        assert sum(getattr(each, name) for each in pool.at_end) > 0, name
    assert max(each.busy for each in pool.at_end) < found.done.seconds + 0.1


@pytest.mark.parametrize(
    "point",
    ["rename part-000001.parquet", pytest.param("read 4.png", marks=pytest.mark.slow)],
)
def test_a_worker_that_dies_is_replaced(point, ray, run, *, tmp_path, backbone, expected):
    (backbone / "dies").write_text(point)
    found = run(output=tmp_path / "cluster", pool=RayPool(ray, 1))
    assert not (backbone / "dies").exists()
    check(found.rows, expected)
    assert contents(found) == contents(run())
    assert list((tmp_path / "cluster").glob(".*.part")) == []


@pytest.mark.slow
def test_a_picture_that_kills_every_worker_is_one_error(ray, run, backbone, expected, capsys):
    """Its shard is named, not the one that the first of these workers had, too."""
    (backbone / "dies").write_text("read b/7.png again")
    message = f"part-000001.parquet: {LIVES} workers died while .*, from b/10.png to b/c d/14.png"
    with pytest.raises(DataError, match=message):
        run(pool=RayPool(ray, 1))
    assert capsys.readouterr().out == ""
    (backbone / "dies").unlink()
    check(run().rows, expected)


class Mortal(Actor):
    """Dies as it starts, unless there is a file ``lives*`` in the model, which it removes."""

    def open(self, job):
        lives = next(Path(job.settings.model).glob("lives*"), None)
        if lives is None:
            os.kill(os.getpid(), signal.SIGKILL)
        lives.unlink()
        return super().open(job)


class MortalPool(RayPool):
    actor = Mortal

    def start(self, job, facts):
        super().start(job, facts)
        with pytest.raises(ClusterError, match=r"^1 of 2 workers can be started"):
            self.wait_until_ready()


@pytest.mark.slow
def test_workers_that_cannot_be_replaced_are_left_out(ray, run, backbone, expected, caplog):
    (backbone / "lives").touch()
    pool = MortalPool(ray, 2)
    check(run(pool=pool).rows, expected)
    assert f"{LIVES} workers died before they were ready" in caplog.text


@pytest.mark.slow
def test_if_no_worker_can_be_started_it_is_one_error(ray, run, expected):
    with pytest.raises(ClusterError, match=f"^{LIVES} workers died before they were ready"):
        run(pool=MortalPool(ray, 2))
    check(run().rows, expected)


def test_a_full_disk_of_workers_is_one_error_and_the_run_resumes(ray, run, small_disk, expected):
    disk = small_disk(3 * PAGE)  # for the manifest and two of three shards
    with pytest.raises(DataError, match=r"can't be written \(No space left on device\); make room"):
        run(output=disk / "out", pool=RayPool(ray, 2))
    finished = {path: path.read_bytes() for path in (disk / "out").glob("part-*")}
    assert len(finished) == 2
    assert list((disk / "out").glob(".*.part")) == []
    subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
    found = run(output=disk / "out", pool=RayPool(ray, 2))
    check(found.rows, expected)
    assert all(path.read_bytes() == content for path, content in finished.items())


def test_what_a_worker_refuses_is_one_line(ray, run, folder, tmp_path):
    """A picture that the driver sees, but no worker."""

    class Elsewhere(RayPool):
        def open(self, job):
            return super().open(replace(job, visible="/elsewhere/1.png"))

    with pytest.raises(
        DataError, match=r"^/elsewhere/1.png: no such file on .*; every machine must"
    ):
        run(pool=Elsewhere(ray, 1))


@pytest.mark.parametrize(
    ("cpus", "workers", "threads", "expected"),
    [
        ([4], None, None, (1, 4)),
        ([4, 8], None, None, (3, 4)),
        ([4, 8], 12, None, (12, 1)),
        ([4, 8], 2, None, (2, 4)),
        ([3, 3], 4, None, (4, 1)),
        ([4, 8], None, 2, (6, 2)),
        ([4, 8], 1, 8, (1, 8)),
    ],
)
def test_how_cpus_are_shared_out(cpus, workers, threads, expected):
    assert shared_out(cpus, workers, threads) == expected


@pytest.mark.parametrize(
    ("cpus", "workers", "threads", "message"),
    [
        ([], None, None, "no node with CPUs"),
        ([2, 2], 5, None, "5 workers of 1 CPUs: .* of 2, 2 CPUs, have room for 4"),
        ([2], None, 4, "0 workers of 4 CPUs"),
    ],
)
def test_what_does_not_fit_is_refused(cpus, workers, threads, message):
    with pytest.raises(ClusterError, match=message):
        shared_out(cpus, workers, threads)
