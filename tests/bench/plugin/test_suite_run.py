"""``pytest --benchmark`` measures, checks and stores; plain ``pytest`` does none of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlbench.report.text import WIDTH

ROOT = Path(__file__).parents[3]
#: The whole suite on a job small enough for a test; with ``--model`` of a tiny one.
SMALL = ("--train-size", "400", "--test-size", "60", "--image-size", "40", "--budget", "2")
STAGES = [
    ("decode", None), ("resize", None), ("extract", None), ("train", "recompute"),
    ("train", "cached"), ("evaluate", None), ("pipeline", "recompute"), ("pipeline", "files"),
]  # fmt: skip
#: DESIGN's result row, as far as this version knows it.
FIELDS = {
    "workload", "stage", "track", "model", "data", "data_fingerprint", "engine", "precision",
    "device", "threads", "batch_size", "image_size", "images", "images_per_s", "accuracy",
    "accuracy_floor", "accuracy_ceiling", "load_s", "first_call_s", "peak_rss_bytes", "noise",
    "rounds", "interval_s", "interval_coverage", "warmed_up",
}  # fmt: skip


def run_pytest(folder, *options, plugin=None):
    """Run pytest as a user would, in a folder of its own."""
    if plugin is not None:
        (folder / "sabotage.py").write_text(plugin)
        options = ("-p", "sabotage", *options)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture
def benchmark_small(tmp_path, tiny_model):
    """Run the suite on the small job."""

    def run(*options, plugin=None):
        return run_pytest(
            tmp_path, "--benchmark", *SMALL, "--model", tiny_model, *options, plugin=plugin
        )

    return run


def stored(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("results/**/*.json"))]


@pytest.fixture(scope="module")
def small_run(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("run")
    # No tiny model knows the portrait's label: see the slow test of the stage classify.
    options = (*SMALL, "--model", tiny_model, "-k", "not classify")
    done = run_pytest(folder, "--benchmark", *options)
    assert done.returncode == 0, done.stdout
    (run,) = stored(folder)
    return folder, done.stdout, run


def rows(run):
    return [benchmark["extra_info"] for benchmark in run["benchmarks"]]


def test_every_stage_is_measured_in_the_jobs_order(small_run):
    assert [(row["stage"], row["track"]) for row in rows(small_run[2])] == STAGES


def test_every_row_has_the_contracts_fields(small_run):
    for row in rows(small_run[2]):
        assert set(row) >= FIELDS
        assert row["data"] == "photo-patches"
        assert row["images_per_s"] > 0
        assert row["peak_rss_bytes"] > 100e6


@pytest.mark.slow
def test_photographs_are_classified_by_the_embedded_model(tmp_path):
    done = run_pytest(tmp_path, "--benchmark", *SMALL, "-k", "classify")
    assert done.returncode == 0, done.stdout
    (run,) = stored(tmp_path)
    (row,) = rows(run)
    assert (row["stage"], row["accuracy"]) == ("classify", None)
    assert row["images_per_s"] > 0


def test_throughput_is_images_over_the_median_round(small_run):
    for benchmark in small_run[2]["benchmarks"]:
        info, stats = benchmark["extra_info"], benchmark["stats"]
        timed = [each["seconds"] for each in info["rounds"] if each["timed"]]
        assert info["images_per_s"] == pytest.approx(info["images"] / np.median(timed))
        # pytest-benchmark's own clock stands around ours.
        assert stats["data"] == pytest.approx(timed, rel=0.01, abs=1e-3)
        assert stats["rounds"] == len(stats["data"])


def test_accuracy_stands_beside_the_speed_of_what_trains(small_run):
    for row in rows(small_run[2]):
        if row["stage"] in ("train", "evaluate", "pipeline"):
            assert row["accuracy_floor"] <= row["accuracy"] <= row["accuracy_ceiling"]
        else:
            assert row["accuracy"] is None


def test_decoding_is_told_in_images_bytes_and_pixels(small_run):
    decode, *others = rows(small_run[2])
    assert decode["decoder"].startswith("simplejpeg ")
    pixels = decode["megapixels_per_s"] * 1e6 / decode["images_per_s"]
    assert pixels == pytest.approx(500 * 375)
    # A photograph of this size has about 50 KB.
    assert 30e3 < decode["megabytes_per_s"] * 1e6 / decode["images_per_s"] < 90e3
    assert "megapixels/s by simplejpeg" in " ".join(small_run[1].split())
    assert {row["decoder"] for row in others} == {None}


def test_one_seed_gives_every_track_the_same_accuracy(small_run):
    accuracies = {
        row["accuracy"] for row in rows(small_run[2])
        if row["accuracy"] is not None and row["track"] != "files"
    }  # fmt: skip
    assert max(accuracies) - min(accuracies) <= 1 / 60


def test_the_machine_is_described(small_run):
    facts = small_run[2]["machine_info"]["tlbench"]
    assert facts["cpus_usable"] >= 1
    assert facts["packages"]["tensorflow"]


def test_the_run_ends_with_a_table_and_the_file(small_run):
    folder, output, _ = small_run
    lines = output.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("stage ")) :]
    assert max(len(line) for line in table if not line.startswith("results:")) <= WIDTH
    for stage, track in STAGES:
        assert any(line.startswith(f"{stage} ({track})" if track else stage) for line in table)
    (kept,) = (line for line in lines if line.startswith("results: "))
    assert Path(kept.removeprefix("results: ")) in set(folder.rglob("*.json"))


def test_the_plan_comes_before_the_stages_end(small_run):
    output = " ".join(small_run[1].split())
    assert output.index("plan: rounds: decode") < output.index("100%")
    assert "400 + 60 images" in output


def test_names_do_not_depend_on_where_pytest_was_started(small_run):
    names = [benchmark["fullname"] for benchmark in small_run[2]["benchmarks"]]
    assert names[:2] == [
        f"bench/suite/test_{stage}.py::test_{stage}" for stage in ("decode", "resize")
    ]


def test_pytest_benchmarks_own_compare_reads_the_file(small_run):
    (path,) = small_run[0].rglob("*.json")
    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "test_pipeline" in done.stdout


SABOTAGE = {
    "range": """
from tl_core.models.module import HubModule
call = HubModule.__call__
def wrong(self, images, training=False):
    import tensorflow as tf
    # Only inside the engine's graph: the check's eager reference stays right.
    return call(self, images if tf.executing_eagerly() else images * 255.0, training)
HubModule.__call__ = wrong
""",
    "channels": """
import tl_core.streaming as streaming
right = streaming.resize_batch
streaming.resize_batch = lambda *a, **k: right(*a, **k)[..., ::-1].copy()
""",
    "filter": """
import tl_core.streaming as streaming
right = streaming.resize_batch
streaming.resize_batch = lambda images, size, method: right(images, size, "nearest")
""",
}


@pytest.mark.parametrize(
    "mistake",
    ["filter", *(pytest.param(name, marks=pytest.mark.slow) for name in ("range", "channels"))],
)
def test_wrong_features_are_red_and_leave_no_timing(tmp_path, benchmark_small, mistake):
    done = benchmark_small("-k", "extract", plugin=SABOTAGE[mistake])
    assert done.returncode == 1
    assert "cosine with the reference" in done.stdout
    assert "not measured: AssertionError: cosine" in done.stdout
    assert stored(tmp_path) == []


@pytest.mark.slow  # the check itself: tests/bench/suite/test_checks.py
@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("fraction", "Pillow has (188, 250, 3)"),
        ("channels", "pixels differ from Pillow's by up to"),
    ],
)
def test_wrong_decoding_is_red(tmp_path, benchmark_small, mistake, message):
    plugin = {
        "fraction": "import tl_core.jpeg as j\nj.SHRINKS = (8, 4)",
        "channels": """
import simplejpeg
right = simplejpeg.decode_jpeg
simplejpeg.decode_jpeg = lambda *a, **k: right(*a, **k)[..., ::-1].copy()
""",
    }[mistake]
    # At 90 pixels a file of 500 x 375 is decoded at half its size.
    done = benchmark_small("-k", "decode", "--image-size", "90", plugin=plugin)
    assert done.returncode == 1
    assert message in done.stdout
    assert stored(tmp_path) == []


@pytest.mark.slow
def test_a_wrong_resize_filter_is_red_in_resizing_too(tmp_path, benchmark_small):
    plugin = "import tl_core.resize as r\nr.FILTERS['lanczos'] = r.FILTERS['bicubic']"
    done = benchmark_small("-k", "resize", plugin=plugin)
    assert done.returncode == 1
    assert "pixels differ from Pillow's" in done.stdout


@pytest.mark.slow  # the check itself: tests/bench/suite/test_precision.py
def test_a_precision_that_loses_accuracy_is_red_and_leaves_no_timing(tmp_path, benchmark_small):
    plugin = """
import tlbench.suite.loaded_workload as loaded_workload
from tlbench.suite.precision import PrecisionAccuracy
loaded_workload.precision_accuracy = lambda *_: PrecisionAccuracy(0.70, 0.80)
"""
    options = ("--engine", "litert", "--precision", "int8", "-k", "resize or extract", "-Werror")
    done = benchmark_small(*options, plugin=plugin)
    assert done.returncode == 1
    reason = "int8 has 87.50 % of the accuracy of single precision (0.7000 of 0.8000)"
    assert reason in done.stdout
    assert f"test_resize: not measured: AssertionError: {reason}" in " ".join(done.stdout.split())
    assert "2 failed" in done.stdout
    assert " error" not in done.stdout.splitlines()[-1]
    assert stored(tmp_path) == []


@pytest.mark.slow
def test_labels_off_by_one_are_red_and_keep_no_timing_of_training(tmp_path, benchmark_small):
    plugin = """
import tlbench.suite.loaded_workload as loaded_workload
original = loaded_workload.open_data
def shifted(*a, **k):
    import dataclasses
    data = original(*a, **k)
    return dataclasses.replace(data, test=dataclasses.replace(
        data.test, labels=(data.test.labels + 1) % 10))
loaded_workload.open_data = shifted
"""
    options = ("-k", "cached or resize", "--benchmark-json", "own.json")
    done = benchmark_small(*options, plugin=plugin)
    assert done.returncode == 1
    assert "is below the floor" in done.stdout
    (run,) = stored(tmp_path)
    for each in (run, json.loads((tmp_path / "own.json").read_text())):  # pytest-benchmark's too
        assert [row["stage"] for row in rows(each)] == ["resize"]
    (reason,) = run["tlbench"]["not_measured"].values()
    assert "is below the floor" in reason


@pytest.mark.slow
def test_an_interrupted_benchmark_leaves_no_half_rounds(tmp_path, benchmark_small):
    plugin = """
import tlbench.timing.rounds as rounds
original, seen = rounds._run, []
def interrupted(stage, *a, **k):
    if stage.images == 80 and k["timed"]:  # a fifth of 400: extraction
        seen.append(stage)
        if len(seen) == 3:
            raise KeyboardInterrupt
    return original(stage, *a, **k)
rounds._run = interrupted
"""
    options = ("-k", "extract or resize", "--benchmark-json", "own.json")
    done = benchmark_small(*options, plugin=plugin)
    assert done.returncode == 2
    own = json.loads((tmp_path / "own.json").read_text())
    for run in (own, *stored(tmp_path)):
        assert [row["stage"] for row in rows(run)] == ["resize"]


@pytest.mark.slow
def test_test_images_in_the_training_set_are_red(tmp_path, benchmark_small):
    plugin = """
import tlbench.suite.loaded_workload as loaded_workload
original = loaded_workload.open_data
def leaked(*a, **k):
    import dataclasses
    data = original(*a, **k)
    return dataclasses.replace(data, test=data.train.head(60))
loaded_workload.open_data = leaked
"""
    done = benchmark_small("-k", "resize", plugin=plugin)
    assert done.returncode == 1
    assert "60 of 60 test images are training images too" in done.stdout


@pytest.mark.slow
def test_benchmarks_need_nothing_that_only_the_tests_need(tmp_path):
    """The tests' own conftest, and packages of the dev extra, are not looked at."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("import a_package_that_is_not_there")
    done = run_pytest(tmp_path, "--benchmark", "--collect-only")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 tests collected" in done.stdout


def test_a_benchmark_file_named_by_hand_is_skipped_without_the_option(tmp_path):
    done = run_pytest(tmp_path, str(ROOT / "bench" / "tlbench" / "suite" / "test_resize.py"))
    assert "1 skipped" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workload", "slow"), "expected one of quick, tutorial, full"),
        (("--train-size", "none"), "expected a whole number"),
        (("--engine", "torch"), "--engine torch: expected one of"),
        (("--device", "tpu"), "--device tpu: expected cpu, gpu or gpu:N"),
        (("--data", "nowhere"), "--data nowhere: no such folder"),
        (("--budget", "soon"), "--budget soon: expected a number from 0.001 to 31,536,000"),
        (("-n", "2"), "benchmarks beside each other measure each other; give -n 0"),
    ],
)
def test_bad_options_are_usage_errors(tmp_path, options, message):
    done = run_pytest(tmp_path, "--benchmark", *options)
    assert done.returncode == 4
    assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--device", "gpu:7"), "device 'gpu:7'", marks=pytest.mark.slow),
        pytest.param(("--data", "cifar10"), "cifar10", marks=pytest.mark.slow),
        pytest.param(
            ("--model", "no-such-model"), "model handle 'no-such-model'", marks=pytest.mark.slow
        ),
    ],
)
def test_what_is_not_there_ends_the_run_in_a_line_and_does_not_fall_back(
    tmp_path, benchmark_small, options, message
):
    done = benchmark_small(*options)
    assert done.returncode == 4
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert "nothing was measured" in done.stdout
    assert stored(tmp_path) == []


@pytest.mark.slow
def test_ini_settings_are_options(tmp_path):
    ini = "[pytest]\ntlbench_train_size = 70\ntlbench_data = digits\ntlbench_results = kept\n"
    (tmp_path / "pytest.ini").write_text(ini)
    done = run_pytest(tmp_path, "--benchmark", "--collect-only", "--test-size", "50")
    assert "on digits, 70 + 50 images" in done.stdout


def test_the_ini_file_is_found_although_an_option_names_a_folder(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "project" / "pytest.ini").write_text("[pytest]\ntlbench_train_size = 70\n")
    options = ("--benchmark", "--collect-only", "--data", str(tmp_path / "photos"))
    done = run_pytest(tmp_path / "project", *options)
    assert "70 + all images" in " ".join(done.stdout.split())
    assert f"rootdir: {tmp_path / 'project'}" in done.stdout
