"""What is ready for the day a GPU is there runs from end to end without one."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench.studies import gpu
from bench.studies.files import ROOT
from bench.studies.gpu import SMALL, Sizes, parts, repeated, run, table
from tl_core.data import Split
from tl_core.sources import ArraySource


@pytest.mark.slow
def test_the_whole_study_runs_in_small_where_cpus_stand_for_gpus(tmp_path, tiny_model):
    file, results = tmp_path / "gpu.json", tmp_path / "results"
    command = [
        *(sys.executable, "-m", "bench.studies.gpu", str(file), "--stand-in", "--small"),
        *("--results", str(results), "--image-size", "32", "--train-size", "400"),
        *("--test-size", "60", "--model", tiny_model, "--chunk", "16"),
    ]
    environment = os.environ | {"TLBENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(file.read_text(encoding="utf-8"))
    assert (found["stands in"], found["left out"]) == (True, [])
    assert list(found["failed"]) == ["onnxruntime fp32"], found["failed"]
    assert "expected CUDAExecutionProvider" in found["failed"]["onnxruntime fp32"]
    figures = found["parts"]
    assert figures["gpus"]["devices"] == ["CPU:0", "CPU:1"]
    assert set(figures["resizing"]["differing values"].values()) == {0}
    assert len(figures["resizing"]["differing values"]) == 10
    for engine in ("tensorflow", "tensorflow-xla"):
        for precision in ("fp32", "bf16", "fp16"):
            cell = figures[f"{engine} {precision}"]
            assert {chunk: len(rates) for chunk, rates in cell["images_per_s"].items()} == {
                "8": 3, "16": 3
            }  # fmt: skip
            assert cell["cosine"] > 0.95
            assert (cell["accuracy_kept"] is None) == (precision == "fp32")
    assert [each["accuracy"] > 0.1 for each in figures["job"]["runs"]] == [True] * 3
    assert (figures["job"]["train"], figures["job"]["test"]) == (SMALL.train, SMALL.test)
    assert figures["job"]["chunk"] == 16
    assert len(figures["cached"]["images_per_s"]) == 6
    assert {each["kind"] for each in figures["peaks"]["probes"]} == {"matmul", "bandwidth"}
    # The classifier of the tiny model is untrained, and only the workload's own job has a recipe.
    last = figures["suite"]["printed"][-1]
    assert "1 failed, 8 passed, 1 skipped" in last, figures["suite"]
    (result,) = results.rglob("*.json")
    rows = [each["extra_info"] for each in json.loads(result.read_text())["benchmarks"]]
    assert {row["device"] for row in rows} == {"gpu"}
    assert len(rows) == 8
    (extract,) = (row for row in rows if row["stage"] == "extract")
    assert [each["devices"] for each in extract["scaling"]] == [1, 2]
    assert "tensorflow-xla bf16" in done.stdout.replace("  ", " ")


def arguments(**changes):
    given = {"limit": 100.0, "small": True, "stand_in": False, "file": None, "results": "r"}
    return SimpleNamespace(**given | changes)


@pytest.fixture
def processes(monkeypatch):
    """Stands for the parts' processes; a clock that they move by 30 s each."""
    clock = SimpleNamespace(now=0.0, tasks=[], fails=())

    def run_fresh(module, task, timeout_s):
        clock.tasks.append((task["part"], timeout_s))
        clock.now += 30
        if task["part"] in clock.fails:
            raise RuntimeError("it broke")
        return {"accuracy_kept": None, "images_per_s": {"8": [1.0, 3.0, 2.0]}}

    monkeypatch.setattr(gpu, "run_fresh", run_fresh)
    monkeypatch.setattr(gpu, "suite", lambda *_: {"exit": 0})
    monkeypatch.setattr(gpu, "perf_counter", lambda: clock.now)
    return clock


def test_parts_without_time_are_named_and_what_there_is_is_kept(processes, tmp_path):
    outcome = run(arguments(limit=125.0, file=tmp_path / "f.json"), {})
    assert [name for name, _ in processes.tasks] == ["gpus", "resizing", "job", "cached"]
    assert [timeout for _, timeout in processes.tasks] == [125, 95, 65, 35]
    assert outcome["left out"][:3] == ["suite", "peaks", "tensorflow fp32"]
    assert json.loads((tmp_path / "f.json").read_text()) == outcome


def test_a_part_that_fails_does_not_end_the_others(processes):
    processes.fails = ("job", "peaks")
    outcome = run(arguments(limit=10_000.0), {})
    assert set(outcome["failed"]) == {"job", "peaks"}
    assert {"cached", "tensorflow fp16", "suite"} <= set(outcome["parts"])


def test_a_machine_without_a_gpu_ends_it_at_once(processes):
    processes.fails = ("gpus",)
    with pytest.raises(SystemExit, match="it broke"):
        run(arguments(), {})
    assert len(processes.tasks) == 1


def test_every_engine_of_gpus_is_measured_in_each_of_its_precisions():
    names = [name for name, _ in parts({}, Sizes())]
    assert names[:5] == ["gpus", "resizing", "job", "cached", "peaks"]
    for engine in ("tensorflow", "tensorflow-xla"):
        assert {f"{engine} {each}" for each in ("fp32", "bf16", "fp16")} <= set(names)
    assert not [name for name in names if name.startswith(("litert", "openvino"))]


def test_the_table_has_the_median_rate_of_each_chunk():
    cell = {"accuracy_kept": 0.991, "images_per_s": {"8": [1.0, 300.0, 2.0], "16": [5.0]}}
    lines = table({"parts": {"job": {}, "tensorflow bf16": cell}})
    assert [line.split() for line in lines[1:]] == [
        ["tensorflow", "bf16", "8", "2", "99.1%"],
        ["tensorflow", "bf16", "16", "5", "99.1%"],
    ]


def test_images_are_repeated_up_to_the_size_of_the_job():
    pixels = np.arange(3, dtype=np.uint8).repeat(12).reshape(3, 2, 2, 3)
    split = repeated(Split(ArraySource(pixels), np.array([5, 6, 7])), 7)
    assert split.labels.tolist() == [5, 6, 7, 5, 6, 7, 5]
    assert split.images.pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
