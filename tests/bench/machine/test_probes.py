"""Probes say what they measured, with how many threads, and stop in time."""

import json
import subprocess
from dataclasses import asdict

import numpy as np
import pytest
import threadpoolctl
from click.testing import CliRunner

from tlbench.cli.machine import facts_table, peak_lines, probe_table
from tlbench.cli.main import main
from tlbench.machine import probes
from tlbench.machine.fact_format import shown
from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.gpu_probes import GpuProbe
from tlbench.machine.probes import Probe, ProbeError, bandwidth, matmul, matmul_numpy, peak
from tlbench.report.text import WIDTH


class Clock:
    """A clock that only work moves on, by what a machine of 100 GFLOP/s would need."""

    def __init__(self, monkeypatch, gflops=100.0):
        self.now, self.gflops, self.sides = 0.0, gflops, []
        monkeypatch.setattr(probes, "perf_counter", lambda: self.now)
        monkeypatch.setattr(probes, "process_time", lambda: self.now * 2)

    def product(self, side):
        def work():
            self.sides.append(side)
            self.now += 2 * side**3 / self.gflops / 1e9

        return work


@pytest.mark.parametrize(
    ("gflops", "side"), [(1, 512), (10, 512), (20, 1024), (100, 1024), (200, 2048), (5000, 4096)]
)
def test_a_matrix_multiply_counts_two_operations_for_each_multiply_add(monkeypatch, gflops, side):
    found = matmul(Clock(monkeypatch, gflops).product, "fake", 2)
    assert found.best == pytest.approx(gflops)
    assert found.median == pytest.approx(gflops)
    assert (found.size, found.threads, found.cpus_busy) == (side, 2, pytest.approx(2))


@pytest.mark.parametrize("gflops", [20, 100, 5000])
def test_a_probe_takes_about_its_budget(monkeypatch, gflops):
    clock = Clock(monkeypatch, gflops)
    found = matmul(clock.product, "fake", 1)
    spent = found.n * 2 * found.size**3 / gflops / 1e9
    assert probes.BUDGET_S - probes.LONGEST_S <= spent <= probes.BUDGET_S
    assert clock.now < 1.2


def test_a_slow_machine_still_repeats(monkeypatch):
    assert matmul(Clock(monkeypatch, 0.1).product, "fake", 1).n == probes.FEWEST


def test_numpy_multiplies_with_the_threads_that_were_set(monkeypatch):
    seen = []

    def product(side):
        def work():
            seen.extend(lib["num_threads"] for lib in threadpoolctl.threadpool_info()
                        if lib["user_api"] == "blas")  # fmt: skip

        return work

    monkeypatch.setattr(probes, "_numpy_product", product)
    monkeypatch.setattr(probes, "BUDGET_S", 0)
    matmul_numpy(1)
    assert set(seen) == {1}


def test_a_blas_that_ignores_its_threads_is_an_error(monkeypatch):
    loaded = [{"user_api": "blas", "num_threads": 7, "filepath": "x", "internal_api": "openblas"}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: loaded)
    with pytest.raises(ProbeError, match="7 threads, expected 1"):
        matmul_numpy(1)


def test_a_copy_copies_everything_and_counts_both_ways(monkeypatch):
    copied = []
    real = np.copyto
    monkeypatch.setattr(np, "copyto", lambda to, of: (copied.append(to.nbytes), real(to, of)))
    monkeypatch.setattr(probes, "BUDGET_S", 0)
    found = bandwidth(3, size=8 * 1000)
    assert sum(copied) == (found.n + 1) * 8 * 1000
    assert len(copied) == (found.n + 1) * 3
    assert found.best >= found.median > 0


def test_a_copy_of_a_gigabyte_in_a_second_is_two_gigabytes_a_second(monkeypatch):
    clock = Clock(monkeypatch)

    def copy(to, of):
        clock.now += to.nbytes / 1e9

    monkeypatch.setattr(np, "copyto", copy)
    assert bandwidth(1, size=10**7).best == pytest.approx(2)


@pytest.mark.slow
def test_tensorflow_multiplies_in_a_process_with_one_thread():
    pytest.importorskip("tensorflow")
    found = probes.matmul_tensorflow(1)
    assert (found.kind, found.by, found.threads) == ("matmul", "tensorflow", 1)
    assert found.best >= found.median > 0
    assert found.cpus_busy < 1.5


def test_without_tensorflow_there_is_no_probe_of_it(monkeypatch):
    monkeypatch.setattr(probes, "find_spec", lambda name: None)
    assert probes.matmul_tensorflow(1) is None


def test_a_probe_that_fails_says_why():
    with pytest.raises(ProbeError, match="ProbeError: 0 threads: expected at least 1"):
        probes.matmul_tensorflow(0)


def made(kind, by, threads, best):
    return Probe(kind, by, threads, best, best * 0.9, 9, float(threads), 2048)


FOUND = (
    made("matmul", "numpy (openblas SkylakeX)", 1, 80.0),
    made("matmul", "tensorflow", 1, 95.5),
    made("bandwidth", "numpy", 1, 12.0),
    made("matmul", "numpy (openblas SkylakeX)", 64, 1234.5),
)


@pytest.mark.parametrize(
    ("threads", "by"), [(1, "tensorflow"), (64, "numpy (openblas SkylakeX)"), (2, None)]
)
def test_the_peak_is_the_faster_library(threads, by):
    best = peak(FOUND, threads)
    assert (best and best.by) == by


# --- the command ---


def tlbench(*arguments):
    return CliRunner().invoke(main, ["machine", *arguments])


def test_the_command_prints_json_in_four_parts(monkeypatch):
    monkeypatch.setattr("tlbench.cli.machine.run_probes", lambda: FOUND)
    whole = json.loads(tlbench("--json").stdout)
    assert list(whole) == ["fingerprint", "state", "probes", "gpu_probes"]
    assert whole["fingerprint"]["cpus_usable"] > 0
    assert whole["state"]["memory_available_bytes"] > 0
    assert whole["probes"][1] == asdict(FOUND[1]) | {"unit": "GFLOP/s", "disturbed": False}


def test_without_probes_none_are_run(monkeypatch):
    monkeypatch.setattr("tlbench.cli.machine.run_probes", lambda: pytest.fail("ran"))
    assert json.loads(tlbench("--json", "--no-probes").stdout)["probes"] == []


def test_the_tables_fit_the_terminal_and_end_with_the_peak(monkeypatch):
    monkeypatch.setattr("tlbench.cli.machine.run_probes", lambda: FOUND)
    lines = tlbench().output.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[-2:] == [
        "peak with 1 thread: 95.5 GFLOP/s by tensorflow",
        "peak with 64 threads: 1,234.5 GFLOP/s by numpy (openblas SkylakeX)",
    ]
    assert probe_table(FOUND).row_count == len(FOUND)


def test_a_probe_that_did_not_get_its_cpus_is_said_to_be_too_low():
    (line,) = peak_lines([Probe("matmul", "tensorflow", 2, 50.0, 40.0, 9, 1.0, 2048)])
    assert line == "peak with 2 threads: 50.0 GFLOP/s by tensorflow; too low: it got only 1.0 CPUs"


#: Of a machine with a GPU whose power limit was reached.
POWER = ("GPU 0: clock held down by power limit",)
OF_GPUS = (
    GpuProbe("matmul", "tf32", "GPU:0", 412_345.6, 400_000.0, 15, 8192, ()),
    GpuProbe("matmul", "bf16", "GPU:0", 789_000.0, 780_000.0, 15, 8192, POWER),
    GpuProbe("bandwidth", None, "GPU:0", 2_950.4, 2_900.0, 15, 2**30, None),
)


@pytest.fixture
def one_gpu(monkeypatch):
    """A machine with one GPU; sets what probing it does."""

    def probing(probe_gpus):
        monkeypatch.setattr("tlbench.cli.machine.run_probes", lambda: FOUND)
        monkeypatch.setattr(
            "tlbench.cli.machine.fingerprint", lambda: fingerprint() | {"gpus": ["NVIDIA H100"]}
        )
        monkeypatch.setattr("tlbench.suite.gpu_peaks.probe_gpus", probe_gpus)

    return probing


def test_gpus_have_a_table_of_their_own(one_gpu):
    one_gpu(lambda count: OF_GPUS * count)
    lines = tlbench().output.splitlines()
    assert max(map(len, lines)) <= WIDTH
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["GPU", "probe"])
    assert lines[start].split() == ["GPU", "probe", "precision", "best", "median", "n", "throttled"]
    gpu_rows = [line.split() for line in lines[start + 1 :] if line]
    assert gpu_rows[0] == ["GPU:0", "matmul", "tf32", "412,346", "400,000", "GFLOP/s", "15", "no"]
    assert gpu_rows[1][:7] == ["GPU:0", "matmul", "bf16", "789,000", "780,000", "GFLOP/s", "15"]
    assert ["GPU:0", "bandwidth", "-", "2,950", "2,900", "GB/s", "15", "unknown"] in gpu_rows
    words = " ".join(word for line in gpu_rows for word in line[(7 if line[0] == "GPU:0" else 0) :])
    assert POWER[0] in words


def test_gpu_probes_are_in_the_json_with_their_units(one_gpu):
    one_gpu(lambda count: OF_GPUS * count)
    probes = json.loads(tlbench("--json").stdout)["gpu_probes"]
    assert [each["unit"] for each in probes] == ["GFLOP/s", "GFLOP/s", "GB/s"]
    assert probes[1]["throttled"] == list(POWER)
    assert json.loads(tlbench("--json", "--no-probes").stdout)["gpu_probes"] == []


def test_gpus_that_cannot_be_measured_are_said_and_no_failure(one_gpu):
    def fail(count):
        raise ProbeError("GPUs: TensorFlow sees no GPU")

    one_gpu(fail)
    done = tlbench()
    assert done.exit_code == 0
    assert done.stderr == "GPUs were not measured: GPUs: TensorFlow sees no GPU\n"


def test_a_process_that_does_not_end_is_a_probe_that_failed(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ProbeError, match="GPUs: no result after 7 s"):
        probes.in_process(["module"], "GPUs", patience_s=7)


def test_a_program_of_the_working_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / "given.py").write_text("import json; print(json.dumps([1]))")
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert probes.in_process(["given"], "nothing", PYTHONPATH=str(tmp_path / "probe")) == [1]


def test_a_failed_probe_is_one_line(monkeypatch):
    def fail():
        raise ProbeError("NumPy's BLAS runs 7 threads, expected 1")

    monkeypatch.setattr("tlbench.cli.machine.run_probes", fail)
    done = tlbench()
    assert done.exit_code == 1
    assert done.stderr == "Error: NumPy's BLAS runs 7 threads, expected 1\n"


def test_help_has_an_example():
    assert "Example: tlbench machine" in tlbench("--help").output


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory_bytes", 25_276_502_016, "25.28 GB"),
        ("caches.L2", 2**20, "1,024 KiB"),
        ("cpus_usable", 1.5, "1.5"),
        ("gpus", [], "none"),
        ("settings.OPENBLAS_CORETYPE", None, "not set"),
        ("packages.openvino", None, "not installed"),
        ("gpus", ["A", "B"], "A, B"),
        ("gpu_memory_bytes", [8e9, 8e9], "8 GB, 8 GB"),
        ("turbo", False, "off"),
        ("uptime_s", 5895.2, "5,895 s"),
        ("gpu_states", [{"clock_mhz": 1980, "power_w": None}], "clock_mhz 1,980 MHz"),
    ],
)
def test_facts_are_shown_with_their_unit(name, value, text):
    assert shown(name, value) == text


def test_the_first_line_names_the_machine_and_facts_have_names_in_words(monkeypatch):
    monkeypatch.setattr("tlbench.cli.machine.machine_name", lambda _: "amd-epyc-turin-2-cpus")
    lines = tlbench("--no-probes").stdout.splitlines()
    assert lines[0] == "name: amd-epyc-turin-2-cpus"
    names = {line.split("  ")[0] for line in lines}
    assert {"memory", "swap used", "CPUs this process may use"} <= names


def test_what_is_not_told_is_left_out():
    facts = {"cpu": "x", "gpus": None, "settings": {"A": None, "B": "1"}}
    assert facts_table("t", facts).row_count == 2
