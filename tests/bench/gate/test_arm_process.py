"""An arm's process is heard whatever it does, and its end is told from its silence."""

import os
import time
from types import SimpleNamespace

import psutil
import pytest

from tlbench.gate.arm_process import ArmDied, ArmProcess, limits

READY = r"""printf '{"event": "ready", "took_s": 2.5}\n' >&$out"""
ROUND = r"""printf '{"event": "round"}\n' >&$out"""


@pytest.fixture
def start(tmp_path):
    """Start a shell script in place of an interpreter; ``$out`` is its pipe to the gate."""
    processes = []

    def start(script, round_s=20.0):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/bash\nout=$((10#${{TLBENCH_ARM#*,}}))\n{script}\n")
        python.chmod(0o755)
        environ = {"PATH": os.environ["PATH"]}
        arm = SimpleNamespace(
            label="base", folder=tmp_path, python=python, environ=environ, options=()
        )
        process = ArmProcess(
            arm, [], tmp_path, tmp_path / "log", environ={},
            limits={"round": round_s, "rest": 20.0},
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.close()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 0", "ended with exit code 0"),
        ("exit 7", "ended with exit code 7"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("kill -KILL $$", "was ended by SIGKILL (out of memory?)"),
        ("kill -40 $$", "was ended by signal 40"),
        ("echo '+++++ Timeout +++++'; exit 1", "was ended by pytest-timeout"),
        (r"""printf '{"event": "rou' >&$out; exit 3""", "ended with exit code 3"),
        # A child that holds the pipe, and would for long.
        ("sleep 60 & exit 5", "ended with exit code 5"),
    ],
)
def test_how_a_process_ended_is_said(start, script, message):
    process, begin = start(script), time.monotonic()
    heard = process.hear("round", "died")
    assert heard == {"event": "died", "outcome": "died", "message": message}
    assert time.monotonic() - begin < 20.0
    process.tell(do="round")  # and nobody is hurt


def test_a_process_that_is_silent_for_too_long_is_ended(start, tmp_path):
    process = start("sleep 60 & echo $! > child; wait", round_s=1.0)
    heard = process.hear("round", "died")
    assert (heard["outcome"], heard["message"]) == ("hung", "stopped after 1 s")
    assert heard["silent"] == "round"
    assert process.took_s["round"] == 1.0
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 20.0
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_messages_that_come_together_or_in_parts_are_heard_one_by_one(start):
    parts = r"""printf '{"event": "ro' >&$out; sleep 0.2; printf 'und"}\n' >&$out"""
    process = start(f"{READY}; {ROUND}; {parts}")
    assert process.hear("ready")["took_s"] == 2.5
    assert process.hear("round") == {"event": "round"}
    assert process.hear("round") == {"event": "round"}
    assert process.took_s["rest"] == 2.5
    assert 0.0 < process.took_s["round"] < 20.0
    assert process.hear("round", "died")["event"] == "died"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo what went wrong; exit 4", r"base: pytest ended early \(exit 4\):\nwhat went wrong"),
        (READY, "base: sent ready, expected collected"),
        (r"""printf '{"event": "finished"}\n' >&$out; exit 5""", r"ended early \(exit 5\)"),
    ],
)
def test_where_no_end_is_expected_it_ends_the_gate(start, script, message):
    with pytest.raises(ArmDied, match=message):
        start(script).hear("collected")


@pytest.mark.parametrize(
    ("budget_s", "round_s", "rest_s"), [(20, 60, 120), (600, 60, 600), (3600, 360, 3600)]
)
def test_limits_are_of_the_budget(budget_s, round_s, rest_s):
    assert limits(budget_s) == {"round": round_s, "rest": rest_s}
