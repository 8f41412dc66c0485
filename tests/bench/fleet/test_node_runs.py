"""A node runs the suite as it was told, and says in one line what went wrong."""

import json
import os
import subprocess
import sys

import pytest

from tlbench.fleet import entry, node_runs
from tlbench.fleet.messages import Message, decoded
from tlbench.interruption import run_child


@pytest.fixture
def suite(monkeypatch):
    """Stands for the suite: its exit code, what it prints, and its result file; keeps commands."""
    commands = []

    def set_up(status, output="", content=None):
        def run(command, *, cwd, **options):
            commands.append((command, options))
            if isinstance(status, Exception):
                raise status
            if content is not None:
                (cwd / "results" / "machine").mkdir(parents=True)
                (cwd / "results" / "machine" / "run.json").write_text(content)
            return status, output

        monkeypatch.setattr(node_runs, "run_child", run)
        return commands

    return set_up


def messages(runs=1, arguments=("--benchmark",), cpus=64):
    return list(map(decoded, node_runs.measured(arguments, runs, 60, cpus)))


def test_each_run_is_a_message_with_its_file(suite):
    commands = suite(0, "one\n\ntwo\n", "{}")
    assert (
        messages(2)
        == [Message(state="measured", output="one\ntwo", name="run.json", content=b"{}")] * 2
    )
    assert commands[0][0][1:4] == ["-m", "pytest", "--benchmark"]
    assert commands[0][1]["limit_s"] == 60


@pytest.mark.parametrize(
    ("status", "output", "problem"),
    [
        (0, "", "the suite measured nothing"),
        (1, "x\nFAILED a.py::test_train - AssertionError: 0.1\n== 1 failed ==",
         "the suite ended with exit code 1: FAILED a.py::test_train - AssertionError: 0.1"),
        (4, "ERROR: no such option\n", "the suite ended with exit code 4: ERROR: no such option"),
        (4, "!!! _pytest.outcomes.Exit: tlbench: no model !!!\n== no tests ran ==",
         "the suite ended with exit code 4: _pytest.outcomes.Exit: tlbench: no model"),
        (3, "", "the suite ended with exit code 3: it printed nothing"),
        (-9, "x", "the suite was ended by signal 9 (out of memory?)"),
        (-11, "x", "the suite was ended by signal 11"),
        (subprocess.TimeoutExpired("x", 60), "", "a run took longer than 60 s"),
    ],
)  # fmt: skip
def test_a_run_that_fails_is_one_line_and_the_last(suite, status, output, problem):
    suite(status, output)
    (message,) = messages(3)
    assert (message.state, message.problem) == ("failed", problem)


def test_a_run_that_fails_sends_what_it_measured(suite):
    suite(1, "FAILED x", "{}")
    (message,) = messages()
    assert (message.state, message.content) == ("failed", b"{}")


@pytest.mark.parametrize(
    ("cpus", "arguments", "option"),
    [
        (1, [], ["--tlbench-threads=1"]),
        (2, [], []),
        (8, [], []),
        (1, ["--threads=2"], []),
        (1, ["--threads", "2"], []),
        (1, ["--tlbench-threads=2"], []),
    ],
)
def test_with_fewer_cpus_in_ray_the_suite_has_as_many_threads(monkeypatch, cpus, arguments, option):
    monkeypatch.setattr(node_runs, "allowed_cpus", lambda: (0, 1))
    assert node_runs._threads(arguments, cpus) == option


def test_another_tlbench_is_one_line():
    (data,) = entry.begin("9.9 (00000000)", [], 1, 1, 1)
    message = decoded(data)
    assert message.state == "failed"
    assert message.problem.startswith(f"tlbench {entry.installed()} at {sys.executable}, expected")


def test_no_tlbench_is_one_line(monkeypatch):
    def absent(name):
        raise entry.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(entry.metadata, "version", absent)
    (data,) = entry.begin("9.9 (00000000)", [], 1, 1, 1)
    assert decoded(data).problem.startswith("no tlbench at ")


def test_what_is_installed_depends_on_the_sources(monkeypatch, tmp_path):
    before = entry.installed()
    assert before == entry.installed()
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(entry, "PACKAGES", (*entry.PACKAGES, "own_package"))
    assert entry.installed().split()[0] == before.split()[0]
    assert entry.installed() != before


@pytest.mark.parametrize(("value", "kept"), [("2", False), ("7", True), (None, False)])
def test_rays_own_threads_are_no_setting_of_the_node(monkeypatch, suite, value, kept):
    suite(0, "", "{}")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if value:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    begun, measured = entry.begin(entry.installed(), [], 1, 1, 2)
    assert json.loads(begun) == {"state": "begun"}
    assert decoded(measured).state == "measured"
    assert ("OMP_NUM_THREADS" in os.environ) == kept


def test_a_child_that_takes_too_long_is_ended():
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run_child([sys.executable, "-S", "-c", code], limit_s=1.5)
    number = int(caught.value.output)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_child_with_a_limit_returns_its_output():
    code = "import time; print(1, flush=True); time.sleep(1.2); print(2)"
    assert run_child([sys.executable, "-S", "-c", code], limit_s=100) == (0, "1\n2\n")
