"""``tlbench gate`` on a stranger's benchmarks, with real processes and a clock that is theirs."""

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import psutil
import pytest
from click.testing import CliRunner

from tlbench.cli.main import main

#: A pytest-benchmark file that has nothing to do with images. Its time passes only when work is
#: done, so that every ratio is exact; environment variables say what it does.
SUITE = """
import os, random, time
import pytest

class Clock:
    now = 0.0
    def __call__(self):
        return self.now

CLOCK = Clock()
COST = float(os.environ.get("COST", "1"))

@pytest.fixture
def benchmark(benchmark):
    benchmark._timer = CLOCK
    return benchmark

def work(number=1):
    CLOCK.now += COST
    with open("../order.txt", "a") as file:  # outside of what is compared
        file.write(os.environ.get("ARM", "?"))
    return number

def test_plain(benchmark):
    assert benchmark(work) == 1

@pytest.mark.tolerance("20%")
def test_lenient(benchmark):
    seen = []
    result = benchmark.pedantic(work, setup=lambda: ((len(seen),), {}), teardown=seen.append)
    assert seen == list(range(len(seen))) and result == seen[-1]
"""
#: Benchmarks that do what ``ODD`` says, such as ``base_fails:fail``, and one with an accuracy on
#: 1,000 images.
ODD = """
CASES = "base_fails", "candidate_fails", "base_skips", "candidate_skips", "both_skip"
ODD = dict(each.split(":") for each in os.environ.get("ODD", "").split())

@pytest.mark.parametrize("case", CASES)
def test_odd(benchmark, case):
    if ODD.get(case) == "skip":
        pytest.skip("not today")
    benchmark(work)
    assert ODD.get(case) != "fail", "wrong answer"

def test_classifier(benchmark):
    import base64
    benchmark(work)
    right = int(os.environ.get("RIGHT", "800"))
    packed = base64.b64encode(int(("1" * right).ljust(1000, "0"), 2).to_bytes(125, "big")).decode()
    benchmark.extra_info.update(
        accuracy=right / 1000, correct=packed, test_size=1000, data_fingerprint="0" * 16
    )
"""
#: A benchmark that becomes faster where the others become slower.
INVERSE = """
def test_inverse(benchmark):
    def other_work():
        CLOCK.now += COST**-2
    benchmark(other_work)
"""
#: A process that ends in the middle of a benchmark.
DYING = """
def test_dying(benchmark):
    if "DIE" in os.environ:
        os._exit(7)
    benchmark(work)
"""


@pytest.fixture
def suite(tmp_path):
    """The stranger's folder."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "bench_words.py").write_text(SUITE)
    return folder


@pytest.fixture
def start(suite, tmp_path):
    """Start ``tlbench gate`` in that folder."""
    # The interpreter starts without this process's coverage or pytest settings.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environ = kept | {"TLBENCH_CACHE": str(tmp_path / "cache"), "GITHUB_STEP_SUMMARY": ""}
    processes = []

    def start(*arguments, profile=False):
        if not {"--base", "--head", "--aa"}.intersection(arguments):
            arguments = ("--base", ".", *arguments)
        if not profile:
            arguments = ("--no-profile", *arguments)
        command = [sys.executable, "-m", "tlbench", "gate", *arguments, "--", "bench_words.py"]
        process = subprocess.Popen(
            command, cwd=suite, env=environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def gate(start):
    """Run ``tlbench gate`` in that folder to its end."""

    def gate(*arguments, **how):
        process = start(*arguments, **how)
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return gate


def verdicts(done):
    return {
        each["name"].rpartition("::")[2]: (each["verdict"], each["reason"])
        for each in json.loads(done.stdout)["benchmarks"]
    }


def add(suite, text):
    path = suite / "bench_words.py"
    path.write_text(path.read_text() + text)


def test_what_is_slower_fails_by_its_own_tolerance_and_what_is_faster_says_so(
    gate, suite, tmp_path
):
    add(suite, INVERSE)
    junit, markdown = tmp_path / "junit.xml", tmp_path / "summary.md"
    files = (f"--junit={junit}", f"--markdown={markdown}")
    done = gate("--head", "env.COST=1.1", "--json", "--tolerance", "test_inverse=0.1%", *files)
    assert done.returncode == 1, done.stderr
    assert verdicts(done) == {
        "test_plain": ("fail", "slower by 10 %, beyond the tolerance of 5 %"),
        "test_lenient": ("pass", "a slowdown of 20 % or more is ruled out"),
        "test_inverse": ("pass", "a slowdown of 0.1 % or more is ruled out"),
    }
    plain, _, inverse = json.loads(done.stdout)["benchmarks"]
    assert plain["estimate"]["ratio"] == pytest.approx(1.1)
    assert "plain +10.0 %" in done.stderr
    assert inverse["estimate"]["ratio"] == pytest.approx(1.1**-2)
    # One of them becoming faster as surely as others slower, it takes a look more to be sure.
    assert (plain["estimate"]["n"], plain["faster"], inverse["faster"]) == (10, False, True)
    red = ET.parse(junit).findall(".//failure/..")
    assert [each.get("name") for each in red] == ["test_plain"]
    assert "FAIL" in markdown.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_fail_names_the_function_that_became_slower(gate):
    """By real profiles; all of the work is in one function, which takes half as long again."""
    done = gate("--head", "env.COST=1.5", "--json", profile=True)
    assert done.returncode == 1, done.stderr
    for each in json.loads(done.stdout)["benchmarks"]:
        assert each["verdict"] == "fail"
        assert each["profile"]["functions"][0]["name"] == "work"
        assert each["profile"]["functions"][0]["file"] == "bench_words.py"
    assert "profiling slower benchmarks in both sides, about 16 s" in done.stderr


def test_unchanged_code_passes_after_six_pairs_in_which_arms_take_turns(gate, suite, tmp_path):
    """And who begins is drawn anew for each pair. With a thread, both never run at once."""
    add(
        suite,
        "import threading\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n",
    )
    arms, saved = ("--base", "env.ARM=b", "--head", "env.ARM=h"), tmp_path / "gate.json"
    done = gate(*arms, "--seed", "1", "--json", f"--save={saved}")
    assert done.returncode == 0, done.stderr
    assert {status for status, _ in verdicts(done).values()} == {"pass"}
    assert {each["estimate"]["n"] for each in json.loads(done.stdout)["benchmarks"]} == {6}
    assert "pair 6" in done.stderr
    assert "pair 7" not in done.stderr
    order = (suite.parent / "order.txt").read_text()
    (timed,) = json.loads(saved.read_text(encoding="utf-8"))["gates"]
    counts = [len(each["base"]) for pair in timed["pairs"] for each in pair["benchmarks"].values()]
    # Two benchmarks per pair. Five turns in the first pair, and 25 in the others, since rounds are
    # over in no time; fewer where the machine is so busy that their time is up.
    assert counts[:2] == [5, 5]
    assert len(counts) == 12
    assert max(counts[2:]) == 25
    # An untimed round of each arm comes before, since rounds are long.
    lengths = [2 * (1 + turns) for turns in counts]
    assert len(order) == sum(lengths)
    firsts = []
    for length in lengths:
        part, order = order[:length], order[length:]
        first, second = part[0], part[1]
        firsts.append(first)
        turns = [part[i : i + 2] for i in range(0, length, 2)]
        even, odd = first + second, second + first
        assert turns == [even] + [(even, odd)[i % 2] for i in range(len(turns) - 1)]
    assert firsts[::2] == firsts[1::2]
    assert set(firsts) == {"b", "h"}


def test_failed_skipped_vanished_and_less_accurate_benchmarks_are_loud(gate, suite):
    add(suite, ODD)
    keep(suite)
    text = (suite / "bench_words.py").read_text()
    (suite / "bench_words.py").write_text(text.replace("test_lenient", "test_strict"))
    done = gate(
        "--base", "ref=HEAD,env.ODD=base_fails:fail base_skips:skip both_skip:skip",
        "--head", "env.ODD=candidate_fails:fail candidate_skips:skip both_skip:skip,env.RIGHT=770",
        "--json",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = verdicts(done)
    assert found.pop("test_plain")[0] == "pass"
    status, reason = found.pop("test_classifier")
    assert status == "fail"
    assert "accuracy fell from 0.8000 to 0.7700 on the same 1,000 images" in reason
    # Of an assertion's message pytest says more, depending on its version.
    firsts = {
        name: (status, text.partition(" answer")[0]) for name, (status, text) in found.items()
    }
    assert firsts == {
        "test_odd[base_fails]": ("not comparable", "raises in the base: AssertionError: wrong"),
        "test_odd[candidate_fails]": (
            "fail", "raises in the candidate: AssertionError: wrong",
        ),
        "test_odd[base_skips]": (
            "not comparable", "skipped in the base only: Skipped: not today",
        ),
        "test_odd[candidate_skips]": (
            "not comparable", "skipped in the candidate only: Skipped: not today",
        ),
        "test_lenient": ("not comparable", "vanished: only the base has it"),
    }  # fmt: skip
    new, skipped = json.loads(done.stdout)["notes"]
    assert "test_strict: new, only the candidate has it" in new
    assert "test_odd[both_skip]: skipped in both" in skipped
    assert git(suite, "worktree", "list").count("\n") == 1


def keep(folder):
    """Commit everything."""
    (folder / ".gitignore").write_text("__pycache__\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it was")


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.slow
def test_a_process_that_dies_fails_its_benchmark_alone(gate, suite):
    add(suite, DYING + ODD)
    done = gate("--head", "env.DIE=1", "--json")
    assert done.returncode == 1, done.stderr
    statuses = verdicts(done)
    assert statuses.pop("test_dying") == (
        "fail", "the candidate's process ended with exit code 7",
    )  # fmt: skip
    assert {status for status, _ in statuses.values()} == {"pass"}
    assert "test_classifier" in statuses


@pytest.mark.slow
def test_too_small_a_budget_is_inconclusive_and_says_what_it_takes(gate):
    done = gate("--budget", "0.01")
    assert done.returncode == 3, done.stderr
    assert "2 benchmarks: only 1 process pair: at least 6 are needed" in done.stdout
    assert "verdict: INCONCLUSIVE" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "env.A=1", "--tolerance", "much"), "much"),
        (("--base", "env.A=1", "--tolerance", "test_plain=-1%"), "-1%"),
        (("--head", "colour=red"), "colour"),
        (("--head", "threads=0"), "threads"),
        (("--engine", "tensorflow"), "put pytest's options after --"),
    ],
)
def test_bad_input_is_one_line(suite, monkeypatch, arguments, message):
    monkeypatch.chdir(suite)
    before = signal.getsignal(signal.SIGTERM)
    done = CliRunner().invoke(main, ["gate", *arguments, "--", "bench_words.py"])
    signal.signal(signal.SIGTERM, before)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_marker_that_is_no_share_is_named(gate, suite):
    path = suite / "bench_words.py"
    path.write_text(SUITE.replace('"20%"', '"lots"'))
    done = gate()
    assert done.returncode == 2
    assert "test_lenient: marker tolerance" in done.stderr


@pytest.mark.parametrize(
    ("options", "pairs", "line"),
    [
        pytest.param(
            ("--aa", "1", "--budget", "0.01"), [1],
            "0 false alarms in 1 gate of unchanged code (0.0 % to 97.5 %, exact 95 % interval); "
            "1 inconclusive",
            id="a pair",
        ),
        pytest.param(
            ("--aa", "2"), [6, 6],
            "0 false alarms in 2 gates of unchanged code (0.0 % to 84.2 %, exact 95 % interval); "
            "0 inconclusive",
            id="two gates", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_against_itself_alarms_are_counted_and_pairs_saved(gate, tmp_path, options, pairs, line):
    saved = tmp_path / "pairs.json"
    done = gate(*options, "--head", "env.COST=2", "--save", str(saved))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == line
    gates = json.loads(saved.read_text())["gates"]
    assert [len(each["pairs"]) for each in gates] == pairs
    assert gates[0]["pairs"][0]["benchmarks"]["bench_words.py::test_plain"]["head"][0] == 2


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


def started_pairs(process, suite):
    """Wait until two pairs are in the journal, and say which processes run then."""
    journals = suite.parent / "cache" / "gate" / "journals"
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, "nothing happened in a minute"
        texts = [path.read_text() for path in journals.glob("*.jsonl")]
        running = children(process) if texts and texts[0].count("\n") >= 3 else []
        if running:
            return running
        time.sleep(0.05)


def interrupted(process, suite, number):
    """What the gate says when it gets this signal after two pairs; its processes are gone."""
    running = started_pairs(process, suite)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(running, timeout=20)
    assert not alive
    return err


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        *(pytest.param(s, marks=pytest.mark.slow) for s in (signal.SIGTERM, signal.SIGKILL)),
    ],
    ids=lambda number: number.name,
)
def test_an_interrupted_gate_leaves_no_process_and_is_resumed(start, gate, suite, number):
    keep(suite)
    arms = ("--base", "ref=HEAD")
    err = interrupted(start(*arms), suite, number)
    if number != signal.SIGKILL:  # nobody can clear up after that one, but the next gate does
        assert git(suite, "worktree", "list").count("\n") == 1
        assert "resume with --resume" in err
        done = gate(*arms, "--resume", "--budget", "0.01")
        assert "nothing to resume for these arms and options, starting over" in done.stderr
    done = gate(*arms, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert "resuming after 2 pairs" in done.stderr or "resuming after 3 pairs" in done.stderr
    assert {each["estimate"]["n"] for each in json.loads(done.stdout)["benchmarks"]} == {6}
    assert git(suite, "worktree", "list").count("\n") == 1


@pytest.mark.slow
def test_without_resume_a_gate_starts_over(start, gate, suite):
    keep(suite)
    interrupted(start(), suite, signal.SIGINT)
    done = gate()
    assert "resuming" not in done.stderr
    assert "pair 6" in done.stderr
    assert not list((suite.parent / "cache" / "gate" / "journals").glob("*.jsonl"))


@pytest.mark.slow
def test_outside_a_repository_an_interrupted_gate_cannot_be_resumed(start, suite):
    process = start()
    err = interrupted(process, suite, signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert "resuming needs a git repository" in err


def test_without_sides_a_gate_says_what_it_compares():
    done = CliRunner().invoke(main, ["gate", "--", "bench_words.py"])
    assert done.exit_code == 2
    assert done.output == (
        "Error: a gate compares a candidate, by default the working tree, with a base; name the "
        "base, such as --base ref=main\n"
    )


def test_explain_says_what_verdicts_mean_and_runs_nothing():
    done = CliRunner().invoke(main, ["gate", "--explain"])
    assert done.exit_code == 0
    assert "\nINCONCLUSIVE: a slowdown, or a loss of accuracy, could be neither" in done.output
