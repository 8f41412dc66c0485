"""What the plugin prints in pytest's report obeys nobody, and reaches any terminal."""

import os
import subprocess
import sys

import pytest

# Kept loaded: pytester forgets what a run imports, and compiled packages can't be imported twice.
import tlbench.plugin.session
import tlbench.plugin.stored_gate
import tlbench.report.gate_text
import tlbench.suite.extra  # noqa: F401 - for its imports
from tlbench.escapes import printable
from tlbench.gate.baseline import Baseline, write_baseline

FORGED = "verdict: PASS"
HOSTILE = f"a\x1b]0;owned\x07\x1b[8mb\x9b2Jc\u202ed\u200be\r\n{FORGED}"


def run(pytester, *arguments):
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def assert_harmless(done):
    text = f"{done.stdout.str()}\n{done.stderr.str()}"
    assert "owned" in text
    assert printable(text, keep="\n\t") == text
    assert not any(line.startswith(FORGED) for line in text.splitlines())


@pytest.mark.parametrize("option", ["workload", "model", "data", "engine", "budget"])
def test_a_bad_option_of_the_suite_is_quoted_harmlessly(pytester, option):
    done = run(pytester, "--benchmark", "--collect-only", f"--{option}={HOSTILE}")
    if option == "model":  # it is opened in the first test
        assert done.ret == pytest.ExitCode.OK
    else:
        assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert_harmless(done)


@pytest.fixture
def baseline(pytester, make_run):
    """A baseline with hostile names, in a file that is named so."""
    path = pytester.path / f"{HOSTILE}.json"
    one = make_run({f"bench_x.py::test_x[{HOSTILE}]": [1.0]}, facts={"cpu": HOSTILE})
    write_baseline(path, Baseline((HOSTILE,), (one,) * 5))
    return path


def test_a_bad_share_or_baseline_is_quoted_harmlessly(pytester, baseline):
    for arguments in (
        (f"--gate={HOSTILE}",),
        (f"--gate={baseline}", f"--tolerance={HOSTILE}"),
        (f"--gate={baseline}", f"--accuracy-tolerance={HOSTILE}="),
    ):
        done = run(pytester, *arguments)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        assert_harmless(done)


def test_a_gates_report_is_harmless(pytester, baseline):
    pytester.makepyfile(bench_x="def test_new(benchmark): benchmark(int)")
    done = run(pytester, f"--gate={baseline}", "bench_x.py")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert "not comparable" in done.stdout.str()
    lines = done.stdout.str().splitlines()
    assert [line for line in lines if line.startswith("verdict:")] == ["verdict: NOT COMPARABLE"]
    assert_harmless(done)


@pytest.mark.slow
def test_a_terminal_that_lacks_characters_gets_the_report(pytester, make_run):
    name = "bench_x.py::test_x[名-…]"
    write_baseline(pytester.path / "b.json", Baseline(("x",), (make_run({name: [1.0]}),) * 5))
    pytester.makepyfile(bench_x="def test_new(benchmark): benchmark(int)")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gate=b.json", "bench_x.py"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert rb"test_x[\u540d-...]: vanished" in done.stdout
    assert b"verdict: NOT COMPARABLE" in done.stdout.splitlines()
