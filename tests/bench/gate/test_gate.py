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

#: A pytest-benchmark file that has nothing to do with images. Its time passes only when work is
#: done, so that every ratio is exact; what it does is told by environment variables.
SUITE = """
import os, random, time
import pytest

class Clock:
    now = 0.0
    def __call__(self):
        return self.now

CLOCK = Clock()
COST = float(os.environ.get("COST", "1"))
ODD = os.environ.get("ODD", "")

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

def test_odd(benchmark):
    if ODD == "skip":
        pytest.skip("not today")
    if ODD == "die":
        os._exit(7)
    if ODD == "slow":
        time.sleep(60)
    benchmark(work)
    assert ODD != "fail", "wrong answer"
"""


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "bench_words.py").write_text(SUITE)
    return folder


@pytest.fixture
def environ(tmp_path):
    # The interpreter starts without this process's coverage or pytest settings.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return kept | {"TLBENCH_CACHE": str(tmp_path / "cache"), "GITHUB_STEP_SUMMARY": ""}


@pytest.fixture
def start(suite, environ):
    started = []

    def start(*arguments):
        command = [
            sys.executable,
            "-m",
            "tlbench",
            "gate",
            *arguments,
            "--",
            "bench_words.py",
        ]
        process = subprocess.Popen(
            command,
            cwd=suite,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def gate(start):
    def gate(*arguments):
        process = start(*arguments)
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return gate


def verdicts(done):
    return {
        each["name"].rpartition("::")[2]: (each["verdict"], each["reason"])
        for each in json.loads(done.stdout)["benchmarks"]
    }


def test_a_slower_head_fails_by_its_own_tolerances(gate, tmp_path):
    junit, markdown = tmp_path / "junit.xml", tmp_path / "summary.md"
    files = (f"--junit={junit}", f"--markdown={markdown}")
    done = gate("--head", "env.COST=1.1", "--json", *files)
    assert done.returncode == 1, done.stderr
    found = verdicts(done)
    assert found["test_plain"] == ("fail", "slower by 10 %, beyond the tolerance of 5 %")
    assert found["test_lenient"] == ("pass", "a slowdown of 20 % or more is ruled out")
    whole = json.loads(done.stdout)
    assert whole["benchmarks"][0]["estimate"]["ratio"] == pytest.approx(1.1)
    assert whole["benchmarks"][0]["estimate"]["n"] == 8
    red = ET.parse(junit).findall(".//failure/..")
    assert [each.get("name") for each in red] == ["test_plain", "test_odd"]
    assert "FAIL" in markdown.read_text(encoding="utf-8")


def test_an_unchanged_head_passes_after_six_pairs(gate):
    done = gate("--json")
    assert done.returncode == 0, done.stderr
    assert {word for word, _ in verdicts(done).values()} == {"pass"}
    assert {each["estimate"]["n"] for each in json.loads(done.stdout)["benchmarks"]} == {6}
    assert "pair 6" in done.stderr
    assert "pair 7" not in done.stderr


def test_a_faster_head_passes_and_is_said_to_be_faster(gate):
    done = gate("--head", "env.COST=0.8", "--json", "--tolerance", "test_odd=0.1%")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["benchmarks"][0]
    assert first["estimate"]["ratio"] == pytest.approx(0.8)
    assert (first["faster"], first["estimate"]["n"]) == (True, 8)


def test_the_arms_take_turns_and_a_coin_says_who_begins(gate, suite):
    done = gate("--base", "env.ARM=b", "--head", "env.ARM=h", "--seed", "1")
    assert done.returncode == 0, done.stderr
    order = (suite.parent / "order.txt").read_text()
    # Three benchmarks a pair, each with an untimed round of each arm, since rounds are long; five
    # turns in the first pair, and three in the others, since rounds without noise need no more.
    lengths = [2 * (1 + turns) for turns in (5, 5, 5, *[3] * 15)]
    assert len(order) == sum(lengths)
    firsts = []
    for length in lengths:
        part, order = order[:length], order[length:]
        first, second = part[0], part[1]
        firsts.append(first)
        turns = [part[i : i + 2] for i in range(0, length, 2)]
        even, odd = first + second, second + first
        assert turns == [even] + [(even, odd)[i % 2] for i in range(len(turns) - 1)]
    coins = firsts[::3]
    assert firsts == [coin for coin in coins for _ in range(3)]
    assert set(coins) == {"b", "h"}


@pytest.mark.parametrize(
    ("arms", "code", "word", "reason"),
    [
        (
            ("", "env.ODD=fail"),
            1,
            "fail",
            "its own check fails in the candidate: AssertionError: wrong",
        ),
        (("env.ODD=fail", ""), 4, "not comparable", "fails in the base: AssertionError: wrong"),
        (
            ("", "env.ODD=skip"),
            4,
            "not comparable",
            "skipped in the candidate only: Skipped: not today",
        ),
        (("env.ODD=skip", ""), 4, "not comparable", "skipped in the base only: Skipped: not today"),
    ],
)
def test_a_benchmark_that_an_arm_cannot_time(gate, arms, code, word, reason):
    base, head = arms
    done = gate("--base", base, "--head", head, "--json")
    assert done.returncode == code, done.stderr
    found = verdicts(done)
    assert found["test_odd"][0] == word
    assert found["test_odd"][1].startswith(reason)
    assert found["test_plain"][0] == "pass"


def test_one_that_both_skip_is_only_a_note(gate):
    done = gate("--base", "env.ODD=skip", "--head", "env.ODD=skip", "--json")
    assert done.returncode == 0, done.stderr
    assert "test_odd" not in verdicts(done)
    assert "skipped in both" in json.loads(done.stdout)["notes"][0]


#: As fast in both arms; its accuracy on 1,000 images is told by a variable.
CLASSIFIER = (
    SUITE
    + """

def test_classifier(benchmark):
    import base64
    benchmark(work)
    right = int(os.environ.get("RIGHT", "800"))
    bits = ("0" * int(os.environ.get("SKIPPED", "0")) + "1" * right).ljust(1000, "0")
    packed = base64.b64encode(int(bits, 2).to_bytes(125, "big")).decode()
    benchmark.extra_info.update(
        accuracy=right / 1000, correct=packed, test_size=1000, data_fingerprint="0" * 16
    )
"""
)


@pytest.mark.parametrize(
    ("right", "options", "code"),
    [
        pytest.param(800, (), 0, id="the same"),
        pytest.param(795, (), 0, id="half a point, within the tolerance of one"),
        pytest.param(770, (), 1, id="three points"),
        pytest.param(770, ("--accuracy-tolerance", "5%"), 0, id="three points, five allowed"),
        pytest.param(830, (), 0, id="better"),
    ],
)
def test_lost_accuracy_fails_although_the_speed_is_the_same(gate, suite, right, options, code):
    (suite / "bench_words.py").write_text(CLASSIFIER)
    done = gate("--head", f"env.RIGHT={right}", "--json", *options)
    assert done.returncode == code, done.stderr
    word, reason = verdicts(done)["test_classifier"]
    assert word == ("fail" if code else "pass")
    if code:
        assert "accuracy fell from 0.8000 to 0.7700 on the same 1,000 images" in reason
        assert verdicts(done)["test_plain"][0] == "pass"


def test_an_accuracy_that_may_be_lower_by_chance_is_inconclusive(gate, suite):
    """30 images lost and 18 won: more than a point, but a coin does as badly in one of 18 tries."""
    (suite / "bench_words.py").write_text(CLASSIFIER)
    done = gate("--head", "env.RIGHT=788,env.SKIPPED=30", "--json")
    assert done.returncode == 3, done.stderr
    word, reason = verdicts(done)["test_classifier"]
    assert word == "inconclusive"
    assert "accuracy fell from 0.8000 to 0.7880 on the same 1,000 images" in reason
    assert "which may be chance" in reason


def test_benchmarks_that_vanish_or_are_new_are_loud(gate, suite):
    keep(suite)
    (suite / "bench_words.py").write_text(SUITE.replace("test_odd", "test_even"))
    done = gate("--base", "ref=HEAD", "--json")
    assert done.returncode == 4, done.stderr
    assert verdicts(done)["test_odd"] == ("not comparable", "vanished: only the base has it")
    assert verdicts(done)["test_plain"][0] == "pass"
    assert "test_even: new, only the candidate has it" in json.loads(done.stdout)["notes"][0]
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


def test_an_arm_that_dies_is_told_with_its_last_words(gate):
    done = gate("--head", "env.ODD=die")
    assert done.returncode == 4
    assert "env.ODD=die: pytest ended early (exit 7)" in done.stderr


def test_too_small_a_budget_is_inconclusive_and_says_what_it_takes(gate):
    done = gate("--budget", "0.01", "--json")
    assert done.returncode == 3, done.stderr
    assert verdicts(done)["test_plain"] == (
        "inconclusive",
        "only 1 process pair: at least 6 are needed",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tolerance", "much"), "much"),
        (("--tolerance", "test_plain=-1%"), "-1%"),
        (("--head", "colour=red"), "colour"),
        (("--engine", "tensorflow"), "give pytest's options after --"),
    ],
)
def test_bad_input_is_one_line(gate, arguments, said):
    done = gate(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_marker_that_is_no_share_is_named(gate, suite):
    path = suite / "bench_words.py"
    path.write_text(SUITE.replace('"20%"', '"lots"'))
    done = gate()
    assert done.returncode == 2
    assert "test_lenient: marker tolerance" in done.stderr


def test_against_itself_alarms_are_counted_with_an_exact_interval(gate, tmp_path):
    saved = tmp_path / "pairs.json"
    done = gate("--aa", "2", "--head", "env.COST=2", "--save", str(saved))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "0 false alarm(s) in 2 gates of unchanged code (0.0% to 84.2%, exact 95 % interval); "
        "0 inconclusive"
    )
    gates = json.loads(saved.read_text())["gates"]
    assert [len(each["pairs"]) for each in gates] == [6, 6]
    assert gates[0]["pairs"][0]["benchmarks"]["bench_words.py::test_plain"]["base"] == [2.0] * 5


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "nothing happened in a minute"
        time.sleep(0.05)
    return found


def started_pairs(process, suite):
    """Wait until two pairs are in the journal."""
    journals = suite.parent / "cache" / "gate" / "journals"

    def enough():
        texts = [path.read_text() for path in journals.glob("*.jsonl")]
        return texts and texts[0].count("\n") >= 3 and children(process)

    return wait_for(enough)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_gate_leaves_no_process_and_goes_on_where_it_was(start, gate, suite, number):
    keep(suite)
    arms = ("--base", "ref=HEAD")
    process = start(*arms)
    running = started_pairs(process, suite)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(running, timeout=20)
    assert not alive
    if number != signal.SIGKILL:  # nobody can clear up after that one, but the next gate does
        assert git(suite, "worktree", "list").count("\n") == 1
    done = gate(*arms, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert "resuming after 2 pairs" in done.stderr or "resuming after 3 pairs" in done.stderr
    assert {each["estimate"]["n"] for each in json.loads(done.stdout)["benchmarks"]} == {6}
    assert git(suite, "worktree", "list").count("\n") == 1


def test_without_resume_a_gate_begins_anew(start, gate, suite):
    keep(suite)
    process = start()
    started_pairs(process, suite)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "resume with --resume" in err
    done = gate()
    assert "resuming" not in done.stderr
    assert not list((suite.parent / "cache" / "gate" / "journals").glob("*.jsonl"))


def test_a_gate_of_something_else_is_not_gone_on_with(start, gate, suite):
    process = start()
    started_pairs(process, suite)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    done = gate("--resume", "--tolerance", "4%")
    assert "nothing to resume for these arms and options, starting over" in done.stderr


def test_outside_a_repository_an_interrupted_gate_does_not_promise_to_go_on(start, suite):
    process = start()
    started_pairs(process, suite)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "it can't be resumed" in err
