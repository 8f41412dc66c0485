"""``tlbench fleet`` on a cluster of two nodes of this machine: one has 1 CPU for Ray, one has 2."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from tl_core import cluster as cluster_module
from tlbench.cli.main import main

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
#: Seconds that a command may take on a machine that is busy.
LIMIT = 400
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Where the stand-in for the suite reads what to do."""
    path = tmp_path_factory.mktemp("fake") / "plan.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_SUITE", str(path))
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{HERE}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield path


@pytest.fixture(scope="module")
def address(plan):
    """The address of the cluster, whose nodes inherit the variables of this process."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    on_sigterm = signal.getsignal(signal.SIGTERM)
    size = {"object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **size})
    try:
        cluster.add_node(num_cpus=1, **size)
        cluster.wait_for_nodes()
        signal.signal(signal.SIGTERM, on_sigterm)  # the head node sets another one
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.fixture
def start(address, plan, tmp_path):
    """Start the command with the stand-in: what it does by threads, then further arguments."""

    def run(what, *arguments):
        for old in plan.parent.glob("pid-*"):
            old.unlink()
        plan.write_text(json.dumps(what))
        command = [sys.executable, "-m", "tlbench", "fleet", "--ray", address, *arguments]
        return subprocess.Popen(
            [*command, "--", "-p", "fake_suite"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run


@pytest.fixture
def fleet(start):
    """Run the command to its end; returns its exit code, and what it printed on both streams."""

    def run(what, *arguments):
        process = start(what, *arguments)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    return run


def files(tmp_path):
    return sorted(tmp_path.glob("results/*/*/*.json"))


@slow
def test_the_node_with_fewer_threads_is_slower(fleet, tmp_path):
    code, out, err = fleet({}, "--runs", "3")
    assert code == 1, out + err
    assert "2 nodes alike, 3 runs each" in out
    assert re.search(
        r"is slower than its like: pipeline \(recompute\) 0\.(4[6-9]|5[0-4]) times", out
    )
    assert out.splitlines()[-1] == "2 nodes, 1 slower, 0 failed, 6 result files in results/"
    assert err.count("run 3 of 3: ") == 2
    folders = {path.parent for path in files(tmp_path)}
    assert [len(files(tmp_path)), len(folders)] == [6, 2]
    compared = CliRunner().invoke(main, ["compare", *map(str, sorted(folders))])
    assert compared.exit_code == 0, compared.output
    assert compared.output.count("3 runs on") == 2


@slow
def test_threads_that_were_given_hold_on_every_node(fleet, tmp_path):
    code, out, err = fleet({}, "--threads", "2", "--json", "--results", "elsewhere")
    assert code == 0, out + err
    record = json.loads(out)
    nodes = record["groups"][0]["nodes"]
    assert [each["verdict"] for each in nodes] == ["no significant difference"] * 2
    assert (record["slower"], record["failed"]) == ([], [])
    for each in nodes:
        (file,) = each["files"]
        (row, *_) = json.loads((tmp_path / file).read_text())["benchmarks"]
        assert row["extra_info"]["threads"] == 2


@slow
@pytest.mark.parametrize(
    ("what", "problem", "count"),
    [
        pytest.param("floor", "exit code 1: FAILED .* below its floor", 2, id="accuracy"),
        pytest.param("worker", "it was lost", 1, id="killed"),
        pytest.param("broken", "its result file is not valid: not a readable JSON", 1, id="file"),
        pytest.param("sleep", "a run took longer than 25 s", 1, id="too slow"),
    ],
)
def test_a_node_that_fails_is_one_line_and_the_other_is_kept(fleet, tmp_path, what, problem, count):
    code, out, err = fleet({"1": what}, "--timeout", "25" if what == "sleep" else "300")
    assert code == 1, out + err
    assert "Traceback" not in out + err
    assert re.search(problem, " ".join(out.split())), out
    assert f"2 nodes, 0 slower, 1 failed, {count} result file" in out
    assert len(files(tmp_path)) == count


@slow
def test_if_nothing_was_measured_the_exit_code_is_4(fleet):
    code, out, err = fleet({"1": "broken", "2": "broken"})
    assert code == 4, out + err
    assert err.splitlines()[-1] == "Error: nothing was measured on any node"


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_ends_the_suites_of_all_nodes(start, plan, tmp_path, number):
    process = start({"1": "sleep", "2": "sleep"})
    pids = [plan.parent / f"pid-{threads}" for threads in (1, 2)]
    deadline = time.monotonic() + LIMIT
    while not all(path.exists() and path.read_text() for path in pids):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    suites = [psutil.Process(int(path.read_text())) for path in pids]
    time.sleep(1)  # they tell the kernel that they end with their parents
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT)
    _, alive = psutil.wait_procs(suites, timeout=60)
    assert alive == []
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert err.splitlines()[-1] == "interrupted: 0 result files in results/"


def invoke(*arguments):
    return CliRunner().invoke(main, ["fleet", *arguments])


def test_without_ray_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster_module, "find_spec", lambda name: None)
    done = invoke("--ray", "local")
    assert done.exit_code == 2
    assert done.output.splitlines() == [
        "Error: a cluster needs Ray, which isn't installed: pip install 'tlbench[ray]'"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--ray'"),
        (("--ray", "nowhere"), "cluster address 'nowhere': expected local, auto or HOST:PORT"),
        (("--ray", "local", "--runs", "0"), "--runs 0: expected a whole number from 1"),
        (("--ray", "local", "--train-size", "x"), "--train-size x: expected a whole number"),
        (("--ray", "local", "--results", "file"), "file"),
    ],
)
def test_bad_options_are_one_line(monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    done = invoke(*arguments)
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert message in line


def test_neither_tensorflow_nor_ray_is_imported_before_it_is_needed():
    code = (
        "import sys; from tlbench.cli.fleet import fleet; "
        "sys.exit(bool({'tensorflow', 'ray', 'numba', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_paths_of_model_and_data_hold_in_other_folders(monkeypatch, tmp_path):
    from tlbench.cli.fleet import _absolute

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    command = ("--benchmark", "--data=photos", "--model=efficientnet-lite0", "--engine=photos")
    assert _absolute(command) == (
        "--benchmark", f"--data={tmp_path / 'photos'}", *command[2:],
    )  # fmt: skip
