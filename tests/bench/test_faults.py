"""A full disk, a folder that can't be written any more, a cache that vanishes, runs side by side.

Real processes on real, small file systems: one line names the file and what to do, nothing is half
written, and what was finished before is kept.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from tl_core.feature_cache import KEY, RECORDS
from tlbench.cli.main import main
from tlbench.gate.baseline import Baseline, BaselineError, read_baseline, write_baseline
from tlbench.gate.pair_result import Journal
from tlbench.runs.check import problems
from tlbench.runs.files import check_folder, keep, write_file

ROOT = Path(__file__).parents[2]
FULL = "No space left on device"
#: A training of a second or two.
SMALL = ("--train-size", "40", "--test-size", "40", "--epochs", "1", "--engine", "tensorflow")
#: Bytes of an image's record in the cache, of the tiny model.
RECORD = KEY + 4 + 4 * 2048


def train(*arguments):
    """Run the command in this process, which has TensorFlow loaded already."""
    return CliRunner().invoke(main, ["train", "digits", *SMALL, *map(str, arguments)])


def python(*arguments, folder, **variables):
    """Start Python in a folder."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip


def left(*folders):
    """Locks, and temporary files and folders."""
    endings = (".lock", ".part", ".old")
    return [path for each in folders for path in each.rglob("*") if path.suffix in endings]


# --- files that commands write ---


def test_a_page_that_does_not_fit_on_the_disk_is_a_line_and_the_old_one_stays(
    small_disk, write_run, tmp_path
):
    write_run("m/1.json")
    disk = small_disk(40_000)
    page = disk / "page.html"
    page.write_text("old")
    command = ("-m", "tlbench", "report", tmp_path / "results", "-o", page)
    process = python(*command, folder=tmp_path)
    _, err = process.communicate()
    assert process.returncode == 2
    assert err == (
        f"Error: a file can't be read or written: [Errno 28] {FULL}: '{page}'; free space there, "
        "or name another place\n"
    )
    assert list(disk.iterdir()) == [page]
    assert page.read_text() == "old"


def test_a_folder_on_a_full_disk_is_found_before_work_is_done(small_disk):
    disk = small_disk(4096)
    (disk / "other").write_bytes(bytes(4096))
    with pytest.raises(OSError, match=rf"{FULL}: '{disk}'"):
        check_folder(disk)


def test_what_took_long_is_written_elsewhere(small_disk, tmp_path, monkeypatch):
    disk = small_disk(40_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    write_file(disk / "run.json", "old")
    place, problem = keep(disk / "run.json", "x" * 60_000)
    assert place.read_text() == "x" * 60_000
    assert place.parent == tmp_path / "elsewhere"
    assert problem == (
        f"{disk}/run.json can't be written ({FULL}); free space there, or name another place. It "
        f"is in {place}: move it from there"
    )
    assert (disk / "run.json").read_text() == "old"
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    place, problem = keep(disk / "run.json", "x" * 60_000)
    assert (place, FULL in problem) == (None, True)
    assert list(disk.iterdir()) == [disk / "run.json"]
    assert keep(disk / "run.json", "new") == (disk / "run.json", None)


@pytest.mark.parametrize("replaced", [False, True], ids=["read-only", "a file in its place"])
def test_what_took_long_is_written_elsewhere_if_its_folder_cannot_be_used_any_more(
    small_disk, tmp_path, monkeypatch, replaced
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    results = small_disk(40_000) / "results"
    if replaced:
        results.write_text("")
    else:
        results.mkdir()
        subprocess.run(["mount", "-o", "remount,ro", results.parent], check=True)
    place, problem = keep(results / "machine" / "run.json", "content")
    assert place.read_text() == "content"
    assert str(results / "machine" / "run.json") in problem
    assert ("Read-only file system" in problem) != replaced


def test_a_baseline_that_does_not_fit_is_stored_elsewhere(
    small_disk, make_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    disk = small_disk(8192)
    (disk / "other").write_bytes(bytes(8192))
    baseline = Baseline(("x.py",), (make_run({"test_x": [0.1] * 999}),) * 2)
    with pytest.raises(BaselineError, match=rf"b\.json can't be written \({FULL}\)") as raised:
        write_baseline(disk / "b.json", baseline)
    (place,) = (tmp_path / "elsewhere").iterdir()
    assert str(place) in str(raised.value)
    assert read_baseline(place) == baseline
    assert list(disk.iterdir()) == [disk / "other"]


def test_a_journal_on_a_full_disk_is_named(small_disk):
    disk = small_disk(4096)
    (disk / "other").write_bytes(bytes(4096))
    journal = Journal.of(disk, {"base": "a"})
    with pytest.raises(OSError, match=rf"{FULL}: '{re.escape(str(journal.path))}'"):
        journal.start()


# --- training ---


def test_a_model_that_does_not_fit_takes_neither_result_nor_page_along(
    small_disk, tiny_model, tmp_path
):
    disk = small_disk(100_000)
    target, page = disk / "new" / "model", tmp_path / "page.html"
    done = train("--model", tiny_model, "--save", target, "--report", page, "--json")
    assert done.exit_code == 2
    assert 0 < json.loads(done.stdout)["accuracy"] <= 1
    assert page.exists()
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"Error: the model can't be saved in {target}: {target} can't be writ")
    assert FULL in last
    assert last.endswith("Free space there, or name another folder")
    assert [path for path in disk.rglob("*") if path.is_file()] == []


def test_features_that_do_not_fit_are_a_line_and_the_others_stay(
    small_disk, tiny_model, monkeypatch
):
    disk = small_disk(400_000)
    monkeypatch.setenv("TLBENCH_CACHE", str(disk))
    done = train("--model", tiny_model, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    *_, last = done.stderr.splitlines()
    (file,) = disk.rglob(RECORDS)
    assert last.startswith(f"Error: {file} can't be written ({FULL}); expected a folder that can")
    assert last.endswith("Free space there, or set TLBENCH_CACHE to another folder")
    stored, rest = divmod(file.stat().st_size, RECORD)
    assert (0 < stored < 80, rest, left(disk)) == (True, 0, [])
    before = file.read_bytes()
    subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
    assert train("--model", tiny_model, "--json").exit_code == 0
    assert file.read_bytes().startswith(before)
    assert file.stat().st_size == 80 * RECORD


@pytest.mark.slow
def test_a_cache_that_is_removed_again_and_again_costs_at_most_a_line(tiny_model, tmp_path):
    cache, ended = tmp_path / "cache", threading.Event()

    def remove():
        while not ended.wait(0.05):
            shutil.rmtree(cache, ignore_errors=True)

    thread = threading.Thread(target=remove)
    model = ("--model", tiny_model, "--trust", "yes")
    command = ("-m", "tlbench", "train", "digits", *SMALL, *model)
    process = python(*command, folder=tmp_path, TLBENCH_CACHE=str(cache))
    thread.start()
    try:
        _, err = process.communicate()
    finally:
        ended.set()
        thread.join()
    assert process.returncode in (0, 2), err
    assert "Traceback" not in err
    assert (err.splitlines()[-1].startswith("Error: ")) == (process.returncode == 2)


@pytest.fixture(scope="module")
def model_archive(tiny_model, tmp_path_factory):
    """The tiny model as a file that each run has to unpack."""
    path = tmp_path_factory.mktemp("packed") / "tiny.tar.gz"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.add(tiny_model, ".")
    path.write_bytes(content.getvalue())
    return path


@pytest.mark.parametrize(
    "runs",
    [pytest.param(2, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.long)],
)
def test_runs_that_begin_at_once_with_an_empty_cache_give_the_same_and_fill_it_once(
    model_archive, tmp_path, runs
):
    cache = tmp_path / "cache"
    model = ("--model", model_archive, "--trust", "yes")
    command = ("-m", "tlbench", "train", "digits", *SMALL, *model, "--json")
    processes = [
        python(*command, folder=tmp_path, TLBENCH_CACHE=str(cache), TMPDIR=str(tmp_path))
        for _ in range(runs)
    ]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * runs, outputs
    results = [json.loads(out) for out, _ in outputs]
    same = ("accuracy", "epoch_losses", "confusion", "model_fingerprint")
    assert len({json.dumps([result[key] for key in same]) for result in results}) == 1
    assert len(list((cache / "archives").iterdir())) == 1
    (records,) = cache.rglob(RECORDS)
    assert records.stat().st_size == 80 * RECORD, "each image once"
    assert left(cache) == []
    assert [path for path in tmp_path.iterdir() if path.name.startswith("tlbench")] == []


# --- a benchmark run ---

#: Of pytest: refuses batches above 10 images, and spoils the results' disk before the last row.
SPOILS = """
import contextlib, os, subprocess
from tl_core.engines.tensorflow import TensorFlowNetwork
right = TensorFlowNetwork._run
def short(self, pixels):
    if len(pixels) > 10:
        raise MemoryError
    return right(self, pixels)
TensorFlowNetwork._run = short
def pytest_runtest_teardown(item):
    disk = os.environ["DISK"]
    if os.environ["FAULT"] == "full":
        with open(f"{disk}/other", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
"""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("full", FULL, marks=pytest.mark.slow),
        pytest.param("read-only", "Read-only file system", marks=pytest.mark.long),
    ],
)
def test_a_run_whose_results_cannot_be_written_says_where_they_are(
    small_disk, tiny_model, tmp_path, fault, reason
):
    disk = small_disk(400_000)
    (tmp_path / "spoils.py").write_text(SPOILS)
    (tmp_path / "elsewhere").mkdir()
    (disk / "earlier.json").write_text("{}")
    options = ("--train-size", "400", "--test-size", "60", "--image-size", "40", "--budget", "2")
    process = python(
        *("-m", "pytest", "-p", "spoils", "-p", "no:cacheprovider", "--benchmark", *options),
        *("--model", tiny_model, "--engine", "tensorflow", "--results", disk, "-k", "extract"),
        folder=tmp_path, DISK=str(disk), FAULT=fault, TMPDIR=str(tmp_path / "elsewhere"),
    )  # fmt: skip
    out, _ = process.communicate()
    assert process.returncode == 4, out
    assert "Traceback" not in out
    assert "\nextract " in out
    (told,) = (line for line in out.splitlines() if line.startswith("results: "))
    (place,) = (tmp_path / "elsewhere").glob("*.json")
    assert told.startswith(f"results: {disk}/")
    assert told.endswith(
        f"({reason}); free space there, or name another place. It is in {place}: move it from there"
    )
    assert problems(place) == []
    (row,) = (each["extra_info"] for each in json.loads(place.read_text())["benchmarks"])
    assert (row["batch_size"], row["chunk"]) == (32, 8), "what was asked for, and what was run"
    lines = [line for line in out.splitlines() if "don't fit into its memory" in line]
    assert [re.findall(r"\d+", line)[1:] for line in lines] == [["32", "16"], ["16", "8"]]
    assert {path.name for path in disk.rglob("*") if path.is_file()} <= {"earlier.json", "other"}
    assert (disk / "earlier.json").read_text() == "{}"
