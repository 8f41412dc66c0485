"""What users have in their pytest settings neither ends a gate nor disturbs its rounds.

An arm's process is started as a gate does, and gets its orders from the test.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from tlbench.gate import arm
from tlbench.gate.arm.overrides import OVERRIDDEN
from tlbench.gate.arm_process import PLUGIN, ArmProcess, limits
from tlbench.gate.interpreters import OLDEST

GUIDE = Path(__file__).parents[3] / "docs" / "gating.md"
#: Two benchmarks, of which the first fails its check, and a test that is none.
PROJECT = {
    "conftest.py": "def pytest_addoption(parser):\n    parser.addoption('--own')\n",
    "test_a.py": """
import time, pytest

def test_none_of_ours():
    assert False

def test_wrong(benchmark):
    benchmark(sorted, [3, 1])
    assert not "right"

@pytest.mark.parametrize("n", [1, 2])
def test_right(benchmark, n, tmp_path, cache):
    assert benchmark(sorted, [n, 1])[0] == 1
    assert benchmark.stats.stats.rounds == 1
    assert benchmark.enabled
""",
}
NAMES = ["test_a.py::test_wrong", "test_a.py::test_right[1]", "test_a.py::test_right[2]"]


@dataclass
class Session:
    """What an arm's process said: notes, and of each benchmark its outcome and message."""

    notes: list[str]
    errors: dict[str, dict[str, str]]
    ends: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The arm's side, where nothing else lies."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(Path(arm.__file__).parent, folder / PLUGIN)
    return folder


@pytest.fixture
def project(tmp_path):
    """Write files into the stranger's folder."""
    folder = tmp_path / "stranger"
    folder.mkdir()

    def write(files=None, ini=""):
        for name, text in {**PROJECT, **(files or {})}.items():
            (folder / name).write_text(text)
        (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
        return folder

    return write


@pytest.fixture
def run(plugin, tmp_path):
    """Run the session of an arm in a folder; nothing may be written there."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    kept |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}

    def run(folder, *arguments, wait_s=0.0, python=sys.executable, **environ):
        before = sorted(folder.rglob("*"))
        side = SimpleNamespace(
            label="side", folder=folder, python=python, environ=kept | environ, options=()
        )
        process = ArmProcess(
            side, arguments, plugin, tmp_path / "log", environ={}, limits=limits(600.0)
        )
        try:
            process.tell(event="settings", loaded=False, left_out=[])
            session = orders(process, wait_s)
            process._process.wait(20)  # other plugins write their files last
        finally:
            process.close()
        assert "Traceback (most recent call last)" not in (tmp_path / "log").read_text()
        assert not list(plugin.rglob("*.json"))
        assert sorted(folder.rglob("*")) == before
        return session

    return run


def orders(process, wait_s):
    """Let each benchmark run two rounds, the second one timed; wait before the very first."""
    while (collected := process.hear("importing", "collected"))["event"] == "importing":
        pass
    names, ends = list(collected["tolerances"]), {}
    process.tell(run=names)
    for name in names:
        message = process.hear("ready", "done")
        if message["event"] == "ready":
            time.sleep(0 if ends else wait_s)
            message = rounds(process)
        ends[name] = (message["outcome"], message["message"])
    process.hear("finished")
    return Session(collected["notes"], collected["errors"], ends)


def rounds(process):
    for timed in (False, True):
        process.tell(do="round", iterations=1, parts=1, timed=timed)
        if process.hear("round", "raised")["event"] == "raised":
            return process.hear("done")
    process.tell(do="finish")
    return process.hear("done")


def outcomes(session):
    return {name: outcome for name, (outcome, _) in session.ends.items()}


def noted(session):
    """Options that the session's note names."""
    return [name for note in session.notes for name in re.findall(r"(?<= )--?[\w-]+", note)]


#: Settings of an ini file, with the options that a note names.
CASES = {
    "nothing": ("", ""),
    "files of pytest-benchmark": (
        """addopts = --benchmark-skip --benchmark-save=it --benchmark-autosave --benchmark-save-data
            --benchmark-json=out.json --benchmark-compare --benchmark-compare-fail=mean:5%
            --benchmark-histogram=plot --benchmark-cprofile=tottime --benchmark-cprofile-dump=it
            --benchmark-cprofile-loops=3 --benchmark-storage=file://./stored""",
        """--benchmark-skip --benchmark-save --benchmark-autosave --benchmark-json
            --benchmark-compare --benchmark-compare-fail --benchmark-histogram
            --benchmark-cprofile --benchmark-cprofile-dump""",
    ),
    "rounds and tables of pytest-benchmark": (
        """addopts = --benchmark-disable --benchmark-only --benchmark-verbose
            --benchmark-min-rounds=40 --benchmark-max-time=30 --benchmark-min-time=1
            --benchmark-warmup=on --benchmark-calibration-precision=100
            --benchmark-group-by=param:k --benchmark-columns=min --benchmark-sort=name""",
        "--benchmark-disable",
    ),
    "the first failure ends it": ("addopts = -x --own=1", "-x"),
    "what failed last": (
        """addopts = --lf --ff --nf --sw --lfnf=none
            cache_dir = /dev/null""",
        "--lf --ff --nf --sw",
    ),
    "a debugger, other folders and files": (
        """addopts = --pdb --trace --basetemp=tmp --junitxml=j.xml --log-file=log.txt
            --setup-show --durations=3 -s
            log_file = log2.txt
            cache_dir = own_cache""",
        "--pdb --trace --junitxml --basetemp",
    ),
    "nothing is to run": (
        "addopts = --collect-only --setup-only --setup-plan",
        "--collect-only --setup-only --setup-plan",
    ),
    "workers": ("addopts = -n 2 --dist=loadscope", "-n"),
    "strictness": (
        """addopts = --strict-markers --strict-config -W error --doctest-modules
            --import-mode=importlib
            filterwarnings = error
            xfail_strict = true
            log_cli = true
            log_cli_level = DEBUG
            minversion = 6.0
            required_plugins = pytest-benchmark
            tlbench_gate = missing.json""",
        "",
    ),
    "no plugin": (
        """addopts = -p no:benchmark -p no:terminal -p no:logging -p no:tlbench -p no:warnings
            -p no:faulthandler -p no:cacheprovider --maxfail=1 --strict-config""",
        "-x",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_settings_that_are_overridden_do_no_harm(run, project, case):
    ini, names = CASES[case]
    files = dict(PROJECT)
    if "no:cacheprovider" in ini:
        files["test_a.py"] = files["test_a.py"].replace(", cache", "")
    # A line that is a setting of its own begins at its first column.
    session = run(project(files, re.sub(r"\n +(?=\w)", "\n", ini)), "test_a.py")
    assert outcomes(session) == dict.fromkeys(NAMES, "passed") | {NAMES[0]: "failed"}, session.ends
    assert noted(session) == names.split()


def test_the_same_options_count_from_the_environment_and_the_command_line(run, project):
    environ = {"PYTEST_ADDOPTS": "--dist=load -n 2", "PYTEST_XDIST_WORKER": "gw0"}
    flags = ("--benchmark-skip", "--gate=missing.json")
    session = run(project(), *flags, "test_a.py", **environ)
    assert outcomes(session)[NAMES[1]] == "passed"
    reason = "benchmarks run one after the other"
    note = f"pytest options that the gate overrides: -n ({reason}), --gate, --benchmark-skip"
    assert session.notes == [note]


def test_plugins_that_are_not_loaded_by_themselves_are(run, project):
    session = run(project(), "test_a.py", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert outcomes(session)[NAMES[1]] == "passed"


def test_benchmarks_are_chosen_as_anywhere(run, project):
    files = {
        "test_b.py": "import pytest\n@pytest.mark.slow\ndef test_b(benchmark):\n    assert 0",
        "test_c.py": "def test_c(benchmark):\n    assert 0",
        "test_d.py": "raise RuntimeError('not here')",
    }
    ini = "addopts = -m 'not slow' --ignore=test_c.py -k 'not wrong'\nmarkers =\n    slow: it is"
    session = run(project(files, ini), "--deselect", NAMES[1], ".")
    assert outcomes(session) == {NAMES[2]: "passed"}
    assert [each["message"] for each in session.errors.values()] == ["RuntimeError: not here"]


HONOURED = """
import gc, time, pytest

COLLECTING = []

def work():
    COLLECTING.append(gc.isenabled())

def check(benchmark):
    benchmark(work)
    assert benchmark._timer is time.process_time
    assert COLLECTING and not any(COLLECTING)

def test_by_options(benchmark):
    check(benchmark)
    assert benchmark.group is None

@pytest.mark.benchmark(timer=time.thread_time, disable_gc=False, group="mine", min_rounds=50)
def test_by_a_marker(benchmark):
    COLLECTING.clear()
    benchmark(work)
    assert benchmark._timer is time.thread_time
    assert all(COLLECTING)
    assert benchmark.group == "mine"
    assert benchmark.stats.stats.rounds == 1
"""


def test_timer_collections_and_groups_are_the_users(run, project):
    ini = "addopts = --benchmark-timer=time.process_time --benchmark-disable-gc"
    session = run(project({"test_h.py": HONOURED}, ini), "test_h.py")
    assert set(session.ends.values()) == {("passed", "")}


COVERED = """
import sys

SEEN = []

def work():
    SEEN.append((sys.gettrace(), sys.getprofile()))

def test_a(benchmark):
    sys.setprofile(lambda *_: None)
    benchmark(work)
    assert set(SEEN) == {(None, None)}
    assert sys.getprofile() is not None
    sys.setprofile(None)
    assert sys.gettrace() is None
"""


def test_coverage_is_off_and_writes_nothing(run, project):
    ini = "addopts = --cov=. --cov-report=term --cov-report=xml --cov-fail-under=100 --cov-branch"
    session = run(project({"test_c.py": COVERED}, ini), "test_c.py")
    assert session.ends == {"test_c.py::test_a": ("passed", "")}
    assert noted(session) == ["--cov"]


SLEEPING = """
import time, pytest

def test_waits(benchmark):
    benchmark(time.sleep, 0)

def test_hangs(benchmark):
    benchmark(time.sleep, 20)

@pytest.mark.timeout(30)
def test_by_a_marker(benchmark):
    benchmark(time.sleep, 2.2)
"""


@pytest.mark.slow
def test_a_limit_stands_still_while_an_arm_waits_and_holds_in_a_round(run, project):
    """And so does pytest's own, for which there is no turn: it is off."""
    ini = "timeout = 60\nfaulthandler_timeout = 2\nfaulthandler_exit_on_timeout = true"
    folder = project({"test_s.py": SLEEPING}, ini)
    session = run(folder, "--timeout=2", "--session-timeout=0.1", "test_s.py", wait_s=2.2)
    assert session.ends == {
        "test_s.py::test_waits": ("passed", ""),
        "test_s.py::test_hangs": ("failed", "Failed: Timeout (>2.0s) from pytest-timeout."),
        "test_s.py::test_by_a_marker": ("passed", ""),
    }


#: Options as of plugins that these tests do without, and what is left of them and of variables.
ABSENT = """
import os

FLAGS = {"forked": "--forked", "json_report": "--json-report", "codspeed": "--codspeed"}
VALUES = {"htmlpath": "--html", "report_log": "--report-log", "reruns": "--reruns"}

def pytest_addoption(parser):
    for dest, name in FLAGS.items():
        parser.addoption(name, dest=dest, action="store_true")
    for dest, name in VALUES.items():
        parser.addoption(name, dest=dest)

def pytest_configure(config):
    assert not any(getattr(config.option, name) for name in (*FLAGS, *VALUES))
    assert not {"CODSPEED_ENV", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE"} & set(os.environ)
"""


def test_other_plugins_options_and_variables_are_overridden(run, project):
    ini = (
        "addopts = --forked --json-report --codspeed --html=a.html --report-log=a.log --reruns=2"
        " --pastebin=all"
    )
    variables = {"CODSPEED_ENV": "1", "COVERAGE_PROCESS_START": "a", "COV_CORE_SOURCE": "a"}
    session = run(project({"conftest.py": ABSENT}, ini), "test_a.py", **variables)
    assert outcomes(session)[NAMES[1]] == "passed"
    assert sorted(noted(session)) == [
        "--codspeed", "--forked", "--html", "--json-report", "--pastebin", "--report-log",
        "--reruns",
    ]  # fmt: skip


#: What pytest-codspeed times, and what it times as the gate does.
CODSPEED = """
import pytest

@pytest.fixture
def codspeed_benchmark():
    return lambda function: function()

@pytest.mark.benchmark
def test_marked():
    pass

def test_other_fixture(codspeed_benchmark):
    codspeed_benchmark(int)

@pytest.mark.benchmark(group="both")
def test_timed(benchmark):
    benchmark(int)
"""


def test_benchmarks_for_codspeed_alone_are_noted(run, project):
    session = run(project({"test_c.py": CODSPEED}), "test_c.py")
    assert outcomes(session) == {"test_c.py::test_timed": "passed"}
    (note,) = session.notes
    assert note.startswith("2 tests aren't timed, such as test_marked: the gate ignores pytest-cod")


#: A plugin that runs each failed test again, and one that nobody has heard of.
AGAIN = """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    for _ in range(3):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if all(each.passed for each in reports):
            break
        reports[1].outcome = "rerun"
    return True
"""


@pytest.mark.parametrize("name", ["flaky", "unheard_of"])
def test_a_failed_benchmark_is_not_run_again(run, project, name):
    folder = project({f"{name}.py": AGAIN})
    flags = ("-p", name, "--strict-markers")
    session = run(folder, *flags, "test_a.py", PYTHONPATH=str(folder))
    assert session.ends[NAMES[0]][0] == "failed"
    assert session.ends[NAMES[1]] == ("passed", "")


#: What may be installed in an arm's environment, oldest first.
ENVIRONMENTS = {
    "oldest": [
        f"{name}=={OLDEST[name][0]}.{OLDEST[name][1]}.*"
        for name in ("pytest", "pytest-benchmark", "pluggy")
    ],
    "pytest 7": ["pytest==7.4.*", "pytest-benchmark==4.0.*"],
    "pytest 8": ["pytest==8.4.*", "pytest-benchmark==5.0.*"],
    "plugins": [
        "pytest>=9,<10", "pytest-benchmark>=5.2,<6", "pytest-randomly", "pytest-rerunfailures",
        "pytest-codspeed", "pytest-forked", "pytest-html", "pytest-random-order", "aspectlib",
    ],
}  # fmt: skip
WOVEN = """
import sys

def target():
    return 1

def test_woven(benchmark_weave):
    module = sys.modules[__name__]
    benchmark_weave(module.target)
    assert module.target() == 1
"""


@pytest.mark.index
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_other_versions_and_plugins_do(run, project, tmp_path, name):
    """The file of ``--benchmark-json`` is emptied by older versions as soon as they start."""
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *ENVIRONMENTS[name]], check=True)
    ini, files = "addopts = -x --benchmark-json=out.json --benchmark-autosave", {"out.json": "{}"}
    names = ["test_a.py"]
    if name == "plugins":
        ini += " --reruns=2 --codspeed --forked --html=a.html --random-order"
        ini += " --benchmark-precision=0.01"
        files, names = files | {"test_w.py": WOVEN}, [*names, "test_w.py"]
    folder = project(files, ini)
    session = run(folder, *names, python=python)
    failed = {key for key, outcome in outcomes(session).items() if outcome != "passed"}
    assert failed == {NAMES[0]}, session.ends
    assert len(session.ends) == 2 + len(names)
    assert (folder / "out.json").read_text() == "{}"


@pytest.mark.slow
def test_a_whole_gate_says_what_it_switched_off(project, tmp_path):
    text = PROJECT["test_a.py"].replace("rounds == 1", "rounds >= 1")
    folder = project({"test_a.py": text}, "addopts = -n auto -x --cov --benchmark-json=out.json")
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    environ |= {"TLBENCH_CACHE": str(tmp_path / "cache"), "GITHUB_STEP_SUMMARY": ""}
    command = [sys.executable, "-m", "tlbench", "gate", "--base", ".", "--budget", "0.01"]
    done = subprocess.run(
        [*command, "--json", "--", "test_a.py"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert [each["verdict"] for each in report["benchmarks"]].count("inconclusive") == 2
    end = ": -n (benchmarks run one after the other), --cov, -x, --benchmark-json"
    assert [note.endswith(end) for note in report["notes"]].count(True) == 1
    assert {each.name for each in folder.iterdir()} <= {*PROJECT, "pytest.ini", "__pycache__"}


def test_the_guide_has_each_option_that_is_overridden():
    text = GUIDE.read_text(encoding="utf-8")
    section = text.partition("## Your pytest settings")[2].partition("\n## ")[0]
    table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    missing = {name for name in OVERRIDDEN if f"`{name}`" not in table}
    assert not missing
    tests = Path(__file__).read_text(encoding="utf-8")
    tried = set(re.findall(r"(?<=[ \"'])--?[a-z][\w-]*", tests))
    assert set(re.findall(r"`(--?[a-z][\w-]*)`", table)) <= tried
