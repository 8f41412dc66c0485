"""SIGTERM ends a run as Ctrl-C does, and children end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tlbench.interruption import TERMINATED, Terminated, run_child, terminable, was_terminated

#: In a session of few tests: these start many processes, or read what may harm one.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT)}
#: A benchmark that says who runs it, and takes a minute.
SLEEPS = """
import os, time
from pathlib import Path

def test_sleep(benchmark, tmp_path):
    Path(os.environ["PIDS"]).write_text(str(os.getpid()))
    benchmark.pedantic(time.sleep, (60,))
"""
#: Starts an arm's line in a child process that then does nothing.
HOLDS_AN_ARM = """
import os, subprocess, sys
theirs_in, ours_out = os.pipe()
ours_in, theirs_out = os.pipe()
os.write(ours_out, b'{"event": "settings"}\\n')
code = (
    "import os, sys, time; from pathlib import Path; from tlbench.gate.arm.line import Line;"
    "line = Line(sys.argv[1]); Path(os.environ['PIDS']).write_text(str(os.getpid()));"
    "time.sleep(60)"
)
pipes = f"{theirs_in},{theirs_out}"
subprocess.run([sys.executable, "-c", code, pipes], pass_fds=(theirs_in, theirs_out))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child")


@pytest.fixture
def start(tmp_path):
    """Start a program, and wait until the process that it runs has said its id."""
    pids = tmp_path / "pids"
    started = []

    def run(*command):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRON | {"PIDS": str(pids), "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        deadline = time.monotonic() + 90
        while not (pids.exists() and pids.read_text()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process, psutil.Process(int(pids.read_text()))

    yield run
    for process in started:
        process.kill()
        process.communicate()


def is_gone(child):
    _, alive = psutil.wait_procs([child], timeout=30)
    return not alive


def test_the_first_sigterm_is_raised_and_further_ones_are_ignored():
    cleaned = False
    with pytest.raises(Terminated), terminable():
        assert not was_terminated()
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned = was_terminated()
    assert cleaned
    assert not was_terminated()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert issubclass(Terminated, KeyboardInterrupt)
    assert TERMINATED == 143


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interruption_in_a_destructor_is_not_lost(number):
    class Interrupted:
        def __del__(self):
            signal.raise_signal(number)

    hook = sys.unraisablehook
    expected = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}[number]
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught, terminable():
        Interrupted()
        time.sleep(20)
    assert time.monotonic() - start < 15
    assert caught.type is expected
    assert sys.unraisablehook is hook


def test_a_handler_of_somebody_else_stays(monkeypatch):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with terminable():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [1]


def test_a_childs_output_and_exit_code_are_returned():
    code = "import sys; print('é', end=''); sys.exit(3)"
    assert run_child([sys.executable, "-X", "utf8", "-c", code]) == (3, "é")


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_baseline_ends_with_its_child_and_leaves_nothing(start, tmp_path, number):
    (tmp_path / "bench_sleep.py").write_text(SLEEPS)
    command = ("baseline", "-o", "x.json", "--", "bench_sleep.py", "-p", "no:cacheprovider")
    process, child = start(sys.executable, "-m", "tlbench", *command)
    assert child.pid != process.pid
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert is_gone(child)
    if number == signal.SIGTERM:
        assert process.returncode == TERMINATED
        assert err.splitlines() == ["run 1 of 5: ...", "interrupted: nothing was written"]
        assert not list(tmp_path.glob("tlbench-*"))
    assert not (tmp_path / "x.json").exists()


def test_a_pytest_session_that_measures_ends_by_sigterm_with_exit_code_143(start, tmp_path):
    (tmp_path / "bench_sleep.py").write_text(SLEEPS)
    options = ("--tlbench-describe-machine", "-p", "no:cacheprovider")
    process, _ = start(sys.executable, "-m", "pytest", *options, "bench_sleep.py")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == TERMINATED
    assert "Terminated" in out
    assert "no tests ran" in out


#: A test that makes another error of an interruption, and the next one.
NATIVE = """
import os, time
from pathlib import Path

def test_native():
    Path(os.environ["PIDS"]).write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except BaseException:
        raise RuntimeError("unknown exception") from None

def test_next():
    Path("next").touch()
"""


def test_sigterm_ends_a_session_whatever_a_test_makes_of_it(start, tmp_path):
    (tmp_path / "test_native.py").write_text(NATIVE)
    options = ("--tlbench-describe-machine", "-p", "no:cacheprovider", "--rootdir", ".")
    process, _ = start(sys.executable, "-m", "pytest", *options, "test_native.py")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == TERMINATED
    assert "1 failed" in out
    assert not (tmp_path / "next").exists()


#: A hook that says who runs it, and takes a minute.
HOOK_SLEEPS = """
import os, time
from pathlib import Path

def {hook}():
    Path(os.environ["PIDS"]).write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("hook", "number", "code"),
    [
        ("pytest_sessionfinish", signal.SIGTERM, TERMINATED),
        ("pytest_sessionfinish", signal.SIGINT, 2),
        ("pytest_unconfigure", signal.SIGTERM, 5),
    ],
)
def test_a_pytest_session_is_interrupted_at_its_end_in_a_line(start, tmp_path, hook, number, code):
    """Results are written then; with all of them there, the exit code is that of the tests."""
    (tmp_path / "conftest.py").write_text(HOOK_SLEEPS.format(hook=hook))
    options = ("--tlbench-describe-machine", "-p", "no:cacheprovider", "--rootdir", ".")
    process, _ = start(sys.executable, "-m", "pytest", *options)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err == ("Exit: interrupted\n" if hook == "pytest_sessionfinish" else "")


@linux
def test_an_arm_ends_with_its_gate_in_the_middle_of_a_round(start):
    process, child = start(sys.executable, "-c", HOLDS_AN_ARM)
    process.kill()
    process.wait()  # not for its pipes, which the child has, too
    assert is_gone(child)
