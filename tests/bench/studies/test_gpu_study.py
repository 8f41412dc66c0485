"""What is ready for the day a GPU is there runs from end to end without one."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench.studies import gpu, gpu_parts
from bench.studies.files import ROOT
from bench.studies.gpu import SMALL, parts, run, table
from bench.studies.gpu_parts import Sizes, repeated
from tl_core.data import Split
from tl_core.sources import ArraySource


@pytest.mark.slow
def test_the_whole_study_runs_in_small_where_cpus_stand_for_gpus(tmp_path, tiny_model):
    file, results = tmp_path / "gpu.json", tmp_path / "results"
    command = [
        *(sys.executable, "-m", "bench.studies.gpu", str(file), "--stand-in", "--small"),
        *("--precisions", "fp32", "bf16"),  # fp16 is the same work once more
        *("--results", str(results), "--image-size", "32", "--model", tiny_model),
    ]
    environment = os.environ | {"TLBENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(file.read_text(encoding="utf-8"))
    assert (outcome["stands in"], outcome["left out"]) == (True, [])
    assert list(outcome["failed"]) == ["onnxruntime fp32"], outcome["failed"]
    assert "expected CUDAExecutionProvider" in outcome["failed"]["onnxruntime fp32"]
    figures = outcome["parts"]
    assert figures["gpus"]["devices"] == ["CPU:0", "CPU:1"]
    assert set(figures["resizing"]["differing values"].values()) == {0}
    assert len(figures["resizing"]["differing values"]) == 10
    for engine in ("tensorflow", "tensorflow-xla"):
        for precision in ("fp32", "bf16"):
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
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["engine", "precision", "chunk", "images/s", "accuracy", "kept"] in lines
    assert ["tensorflow-xla", "bf16", "16"] in [line[:3] for line in lines]


def arguments(**changes):
    given = {
        "within": 100.0,
        "small": True,
        "precisions": gpu.PRECISIONS,
        "stand_in": False,
        "file": None,
        "results": "r",
    }
    return SimpleNamespace(**given | changes)


@pytest.fixture
def processes(monkeypatch):
    """Stands for the parts' processes; a clock that they move by 40 s each."""
    clock = SimpleNamespace(now=0.0, tasks=[], fails={})

    def took(part, seconds):
        clock.tasks.append((part, seconds))
        clock.now += 40
        if part in clock.fails:
            raise clock.fails[part]

    def run_fresh(module, task, timeout_s):
        took(task["part"], timeout_s)
        if task["part"] == "rates":
            assert task["limit_s"] < timeout_s
        return {"accuracy_kept": None, "images_per_s": {"8": [1.0, 3.0, 2.0]}}

    def suite(options, sizes, results, seconds, stands_in):
        took("suite", seconds)
        return {"exit": 0}

    monkeypatch.setattr(gpu, "run_fresh", run_fresh)
    monkeypatch.setattr(gpu, "suite", suite)
    monkeypatch.setattr(gpu, "perf_counter", lambda: clock.now)
    return clock


def test_parts_without_time_are_named_and_what_there_is_is_kept(processes, tmp_path):
    outcome = run(arguments(within=190.0, file=tmp_path / "f.json"), {})
    assert processes.tasks == [
        ("gpus", 150), ("job", 150), ("cached", 110), ("rates", 70), ("rates", 30)
    ]  # fmt: skip
    left = outcome["left out"]
    assert left[-1] == "tensorflow-xla fp16"
    assert {"suite", "peaks", "resizing", "tensorflow bf16"} <= set(left)
    assert json.loads((tmp_path / "f.json").read_text()) == outcome


def test_a_part_that_fails_or_takes_too_long_does_not_end_the_others(processes):
    late = subprocess.TimeoutExpired("x", 5)
    processes.fails = {"job": RuntimeError("a\nb: it broke"), "peaks": late, "suite": late}
    outcome = run(arguments(within=10_000.0), {})
    assert set(outcome["failed"]) == {"job", "peaks", "suite"}
    assert outcome["failed"]["job"] == "b: it broke"
    assert "5 seconds" in outcome["failed"]["peaks"]
    assert {"cached", "tensorflow fp16", "resizing"} <= set(outcome["parts"])
    assert outcome["left out"] == []


def test_a_machine_without_a_gpu_ends_it_at_once(processes):
    processes.fails = {"gpus": RuntimeError("no GPU")}
    with pytest.raises(SystemExit, match=r"^no GPU$"):
        run(arguments(), {})
    assert len(processes.tasks) == 1


def test_the_suite_has_the_options_and_is_interrupted_in_time(monkeypatch):
    """An interrupted suite writes what it has."""
    told = {}

    class Process:
        returncode = 2

        def __init__(self, command, **_):
            told["command"], told["calls"] = command, []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def send_signal(self, number):
            told["calls"].append(number)

        def communicate(self, timeout):
            told["calls"].append(timeout)
            if len(told["calls"]) == 1:
                raise subprocess.TimeoutExpired("x", timeout)
            return "a\nb\n", None

    monkeypatch.setattr(gpu.subprocess, "Popen", Process)
    options = {"device": "gpu", "workload": "tutorial", "image_size": "96"}
    outcome = gpu.suite(options, Sizes(), "there", 100.0, stands_in=False)
    assert outcome == {"exit": 2, "printed": ["a", "b"]}
    assert told["calls"] == [80.0, signal.SIGINT, gpu.GRACE_S]
    words = " ".join(told["command"])
    assert "--device gpu --workload tutorial --image-size 96 --budget 70 --results there" in words
    assert "stand_in" not in words


class Chunked:
    """An extractor whose GPU holds 300 images, and takes a second for each call."""

    image_size, chunk = 224, 0

    def __init__(self, monkeypatch):
        self.network, self.seen, self.now = self, [], 0.0
        monkeypatch.setattr(gpu_parts, "_chunked", lambda extractor: self)
        monkeypatch.setattr(gpu_parts, "perf_counter", lambda: self.now)

    @property
    def images_per_call(self):
        return 2 * self.chunk

    def extract(self, images, batch_size):
        assert batch_size == self.chunk
        self.seen.append(self.chunk)
        self.now += len(images) / self.images_per_call
        if self.chunk > 300:
            self.chunk //= 2


def test_chunks_that_are_too_large_have_no_rate_and_calls_are_full(monkeypatch):
    extractor = Chunked(monkeypatch)
    split = Split(ArraySource(np.zeros((10, 2, 2, 3), np.uint8)), np.zeros(10, np.int64))
    sizes = {"chunks": [32, 256, 512, 2048], "images": 640}
    rates = gpu_parts._by_chunk(extractor, split, sizes, 1000.0)
    # 2,048 images of 224 pixels are more than TensorFlow counts; 512 don't fit.
    assert extractor.seen == [32, 256, 512, 256, 32, 32, 256, 256, 32]
    assert rates == {"32": [64.0] * 3, "256": [512.0] * 3, "512": []}
    extractor.now = 990.0
    cut = gpu_parts._by_chunk(extractor, split, sizes, 1017.0)
    assert cut == {"32": [], "256": [512.0], "512": []}


def test_every_engine_of_gpus_is_measured_in_each_of_its_precisions():
    names = [name for name, _ in parts({}, Sizes())]
    assert names[:4] == ["gpus", "job", "cached", "tensorflow fp32"]
    assert names.index("suite") < names.index("tensorflow bf16") < names.index("tensorflow fp16")
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
