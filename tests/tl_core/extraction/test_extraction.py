"""Every picture is in the output exactly once, with the right features, however runs ended."""

import errno
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from extracted import DAMAGED, check, read
from fake_backbone import FakeSettings

from tl_core.errors import DataError
from tl_core.extraction import Settings, extract, files, find_source, output
from tl_core.extraction import worker as workers
from tl_core.extraction.output import output_at
from tl_core.extraction.plan import Shard


@pytest.fixture
def reads(monkeypatch):
    """Paths of pictures that are read, as they are."""
    paths, real = [], files._bytes
    monkeypatch.setattr(files, "_bytes", lambda path: paths.append(path) or real(path))
    return paths


def contents(place):
    """Bytes of all shards, by name."""
    return {path.name: path.read_bytes() for path in Path(place).glob("part-*")}


def test_rows_are_those_of_the_pictures(run, expected):
    found = run()
    check(found.rows, expected)
    assert [path.name for path in found.files] == [f"part-00000{n}.parquet" for n in range(3)]
    assert found.schema.field("features").type == pa.list_(pa.float32(), 4)
    (error,) = filter(None, found.rows["error"])
    assert error.startswith(f"{DAMAGED}: not a picture that can be read")
    record = found.done.record
    assert (record["pictures"], record["errors"], record["shards"]) == (21, 1, 3)
    assert found.manifest["state"] == "complete"
    assert {k: found.manifest[k] for k in record} == record
    assert found.manifest["settings"]["image_size"] == 12
    assert len(found.manifest["workers"]) == 1
    assert {path.name for path in found.files[0].parent.iterdir()} <= {
        *(path.name for path in found.files), "_manifest.json", ".lock"
    }  # fmt: skip


def test_features_are_the_extractors(folder, tmp_path, extractor, monkeypatch, expected):
    """With batches of 8 in shards of 16, as the extractor has them without shards."""
    monkeypatch.setattr(Settings, "opened", lambda _: extractor)
    settings = Settings(extractor.handle, batch_size=8, shard_size=16)
    extract(find_source(str(folder)), str(tmp_path / "out"), settings)
    found = read(tmp_path / "out")
    names = [name for name in expected if name != DAMAGED]
    right = extractor.extract([folder / name for name in names], batch_size=8)
    ours = [row for row in found.rows["features"] if row is not None]
    # Batches differ by the damaged picture: TensorFlow may sum in another order.
    assert np.allclose(np.array(ours, np.float32), right, rtol=0, atol=1e-6)
    assert found.manifest["settings"]["model"] == extractor.digest


def test_a_resumed_run_reads_only_what_is_absent(run, reads, expected):
    first = run()
    assert len(reads) == 21
    before = contents(first.files[0].parent)
    first.files[1].unlink()
    del reads[:]
    second = run()
    check(second.rows, expected)
    assert [os.path.relpath(path, first.done.output) for path in reads]
    assert sorted(Path(path).name for path in reads) == sorted(
        Path(name).name for name in list(expected)[8:16]
    )
    assert contents(first.files[0].parent) == before
    assert (second.done.pictures, second.done.extracted) == (21, 8)


def test_a_finished_run_reads_nothing_and_opens_no_model(run, reads, monkeypatch):
    first = run()
    del reads[:]
    monkeypatch.setattr(FakeSettings, "opened", lambda _: pytest.fail("the model was opened"))
    again = run()
    assert reads == []
    assert again.done.extracted == 0
    assert again.manifest == first.manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shard_size": 16}, "shard size: 16, but {out} was begun with 8; set it back, or write"),
        ({"batch_size": 2}, "batch size: 2, but {out} was begun with 4"),
        ({"engine": "litert"}, "engine: litert, but {out} was begun with tensorflow"),
        ({"image_size": 96}, "image size: 96, but {out} was begun with none"),
        ({"chunk": 3}, "chunk: 3, but {out} was begun with none"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_settings_are_refused(run, tmp_path, change, message):
    first = run()
    before = contents(tmp_path / "out")
    first.files[2].unlink()
    with pytest.raises(DataError, match=re.escape(message.format(out=tmp_path / "out"))):
        run(**change)
    assert contents(tmp_path / "out").items() <= before.items()


def test_another_model_under_the_same_name_is_refused(run, backbone, tmp_path):
    run().files[2].unlink()
    (backbone / "changed").touch()
    with pytest.raises(
        DataError, match=r"model: 1{64}, but .*out was begun with 0{64}; set it back"
    ):
        run()


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_may_differ(run, expected, threads):
    run().files[2].unlink()
    check(run(threads=threads).rows, expected)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (range(1, 21), "part-000000.parquet: was made of other pictures: the source has changed"),
        (range(19), "part-000002.parquet: was made of other pictures"),
        (range(24), "part-000002.parquet: was made of other pictures"),
        (range(16), "the source has fewer pictures than when it was extracted"),
    ],
    ids=["another first", "fewer in the last", "more in the last", "a shard less"],
)
def test_a_source_that_has_changed_is_refused(run, folder, tmp_path, lines, message):
    names = tmp_path / "names.txt"
    pictures = sorted(folder.glob("a/*.png")) * 4

    def write(numbers):
        names.write_text("".join(f"{pictures[number]}\n" for number in numbers))

    write(range(20))
    run(names)
    write(lines)
    with pytest.raises(DataError, match=message):
        run(names)


def test_a_source_that_has_grown_by_whole_shards_is_refused(run, folder, tmp_path):
    names = tmp_path / "names.txt"
    picture = next(folder.glob("a/*.png"))
    names.write_text(f"{picture}\n" * 16)
    run(names)
    names.write_text(f"{picture}\n" * 24)
    with pytest.raises(DataError, match="the source has more pictures"):
        run(names)


def test_two_runs_at_once_are_refused(run, tmp_path):
    with (
        output_at(str(tmp_path / "out")).locked(),
        pytest.raises(DataError, match="another run writes to it"),
    ):
        run()
    run()


def test_a_full_disk_is_one_error_and_the_run_resumes(run, monkeypatch, tmp_path, expected):
    def full(target, **options):
        if target.name == "part-000001.parquet":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(target, **options)

    real = output.atomic_file
    monkeypatch.setattr(output, "atomic_file", full)
    message = r"part-000001.parquet: can't be written \(No space left on device\); make room"
    with pytest.raises(DataError, match=message):
        run()
    monkeypatch.undo()
    before = contents(tmp_path / "out")
    assert "part-000000.parquet" in before
    found = run()
    check(found.rows, expected)
    assert before.items() <= contents(tmp_path / "out").items()


def test_a_storage_that_does_not_answer_is_one_error_not_many_rows(run, monkeypatch, expected):
    def stale(path):
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_bytes", stale)
        with pytest.raises(DataError, match=r"its storage doesn't answer \(Stale file handle\)"):
            run()
    check(run().rows, expected)


def test_a_folder_that_cannot_be_listed_is_a_row_with_an_error(run, monkeypatch, expected):
    from tl_core.extraction import walk

    real = walk.entries

    def entries(folder):
        if folder.rstrip("/").endswith("c d"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(walk, "entries", entries)
    found = run()
    others = {name: row for name, row in expected.items() if "c d" not in name}
    rows = dict(zip(found.rows["source"], found.rows["error"], strict=True))
    assert list(rows) == sorted([*others, "b/c d/"])
    assert rows["b/c d/"].startswith("b/c d/: a folder that can't be listed")
    assert found.done.errors == 2


@pytest.mark.parametrize("kind", ["cut", "empty", "text"])
def test_a_damaged_shard_is_named_and_extracted_again_once_deleted(run, kind, expected):
    first = run()
    path = first.files[1]
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"x" * 99}[kind])
    with pytest.raises(DataError, match=r"part-000001\.parquet: not a whole file of features"):
        run()
    path.unlink()
    check(run().rows, expected)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("threads", "replicas", "device", "expected"),
    [(2, None, "cpu", 5), (1, None, "cpu", None), (2, 3, "cpu", 3), (2, None, "gpu", None)],
    ids=["the same", "other threads", "set", "gpu"],
)
def test_replicas_are_those_of_the_first_worker(folder, threads, replicas, device, expected):
    settings = Settings(threads=threads, workers=replicas, device=device)
    like = {"threads": 2, "replicas": 5}
    job = workers_job(folder, settings, like)
    assert job.as_first().workers == expected


def workers_job(folder, settings, like):
    source = find_source(str(folder))
    return workers.Job(source, output_at("out"), settings, like=like)


def test_a_picture_that_every_machine_must_see_is_the_first_that_is_there(folder, tmp_path):
    source = find_source(str(folder))
    assert source.visible(["gone.png", "a/0.png", "a/3.png"]) == str(folder / "a/0.png")
    assert source.visible(["gone.png"]) is None
    (tmp_path / "x.parquet").touch()
    rows = replace(source, kind="parquet", base=str(tmp_path))
    assert rows.visible(["x.parquet#7"]) == str(tmp_path / "x.parquet")


def test_a_source_without_pictures_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures in it; expected at least one file"):
        run(tmp_path / "empty")


def test_memory_is_that_of_the_shards_in_progress(folder, backbone, tmp_path, monkeypatch):
    """However many shards a worker gets, without a pause, it holds few."""
    held = []

    class Watched(workers.Pictures):
        def take(self, *arguments):
            held.append(len(self.rows))
            return super().take(*arguments)

    monkeypatch.setattr(workers, "Pictures", Watched)
    source, settings = find_source(str(folder)), FakeSettings(model=str(backbone))
    with output_at(str(tmp_path / "out")).locked():
        worker = workers.Worker(workers.Job(source, output_at(str(tmp_path / "out")), settings))
        futures = [worker.submit(Shard(number, ("a/0.png",) * 8)) for number in range(50)]
        assert [future.result().number for future in futures] == list(range(50))
        worker.close()
    assert max(held) <= 5


#: Runs forks of itself to their ends, each with a point at which it dies.
DRIVER = """
    import os, sys
    from pathlib import Path
    from fake_backbone import FakeSettings
    from tl_core.extraction import extract, find_source

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {"ray", "tensorflow"}:
                raise ModuleNotFoundError(name)

    sys.meta_path.insert(0, Blocked())
    folder, place, *points = sys.argv[1:]
    for number, point in enumerate(points):
        backbone = Path(place) / str(number) / "backbone"
        backbone.mkdir(parents=True)
        (backbone / "dies").write_text(point)
        child = os.fork()
        if not child:
            settings = FakeSettings(model=str(backbone))
            extract(find_source(folder), str(backbone.parent / "out"), settings)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9, point
"""
POINTS = {
    "while it reads": ("read 8.png", 0),
    "between write and rename": ("rename part-000001.parquet", 1),
    "before the first shard": ("rename part-000000.parquet", 0),
    "before the manifest": ("rename _manifest.json", 0),
}


@pytest.fixture(scope="module")
def killed(folder, tmp_path_factory):
    """Outputs of runs that were killed, by point."""
    place = tmp_path_factory.mktemp("killed")
    points = [point for point, _ in POINTS.values()]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER), folder, place, *points],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name: place / str(number) / "out" for number, name in enumerate(POINTS)}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_was_killed_leaves_whole_shards_and_resumes(killed, point, run, expected):
    place = killed[point]
    before = contents(place)
    assert len(before) >= POINTS[point][1]
    parts = list(place.glob(".*.part"))
    assert bool(parts) == ("reads" not in point)
    found = run(output=place)
    check(found.rows, expected)
    assert before.items() <= contents(place).items()
    assert list(place.glob(".*.part")) == []
    assert found.done.extracted == 21 - 8 * len(before)
