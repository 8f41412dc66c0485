"""``pytest --gate``: a benchmark that became slower has a red test, and only such a one."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

# Kept loaded: pytester forgets what a run imports, and compiled packages can't be imported twice.
import tlbench.plugin.stored_gate
import tlbench.report.gate_text  # noqa: F401 - for its imports
from tlbench.gate.baseline import Baseline, write_baseline
from tlbench.machine.fingerprint import fingerprint
from tlbench.report.text import WIDTH
from tlbench.runs.answers import pack, unpack

FILE = "bench_sort.py"
#: A stranger's benchmarks on a clock of their own, so that each takes what it is told to.
SUITE = """
import pytest
class Clock:
    now = 0.0
    def __call__(self):
        return Clock.now
def pass_time(seconds):
    Clock.now += seconds
def run(benchmark, seconds):
    rounds = iter([seconds * share for share in (1.0, 0.99, 1.01, 1.005, 0.995)])
    benchmark.pedantic(lambda: pass_time(next(rounds)), rounds=5)
timed = pytest.mark.benchmark(timer=Clock())
"""
SORT = """
@timed
def test_sort(benchmark):
    run(benchmark, {sort})
"""
OTHER = """
@timed
def test_other(benchmark):
    run(benchmark, 2.0)
"""
#: Runs of the baseline: medians that differ by about one percent.
RUNS = (1.0, 1.01, 0.99, 1.005, 0.995)


def rounds(median):
    return [median * share for share in (1.0, 0.99, 1.01, 1.005, 0.995)]


@pytest.fixture
def baseline(pytester, make_run):
    """Write a baseline of ``test_sort`` (1 s) and others, by name in the file: b.json."""

    def write(others=("test_other",), runs=RUNS, **how):
        made = []
        for run in runs:
            names = {f"{FILE}::test_sort": rounds(run)}
            names |= {f"{FILE}::{name}": rounds(2 * run) for name in others}
            made.append(make_run(names, **how))
        write_baseline(pytester.path / "b.json", Baseline((FILE,), tuple(made)))

    return write


@pytest.fixture
def gate(pytester):
    """Run a stranger's file with ``--gate``; its result."""

    def run(text, *options, gate=("--gate", "b.json"), file=True):
        (pytester.path / FILE).write_text(SUITE + text)
        arguments = ("-p", "no:cacheprovider", "--junit-xml=j.xml", *gate, *options)
        return pytester.runpytest_inprocess(*([FILE] if file else []), *arguments)

    return run


def changed(pytester, change):
    """Change the stored runs."""
    path = pytester.path / "b.json"
    whole = json.loads(path.read_text())
    for run in whole["runs"]:
        change(run)
    path.write_text(json.dumps(whole))


def junit(pytester):
    """Message of each test that failed, by name."""
    cases = ET.parse(pytester.path / "j.xml").getroot().iter("testcase")
    failures = {case.get("name"): case.find("failure") for case in cases}
    return {name: each.get("message") for name, each in failures.items() if each is not None}


def words(done):
    """Verdict by benchmark, from the section at the end."""
    lines = done.outlines
    start = next(i for i, line in enumerate(lines) if re.match(r"-+ gate: ", line))
    found = {}
    for line in lines[start:]:
        match = re.search(r"^(test_\w+) .* (PASS|FAIL|INCONCLUSIVE|NOT COMPARABLE)$", line)
        if match:
            found[match[1]] = match[2].lower()
    return found


def test_what_did_not_change_passes(gate, baseline, pytester):
    baseline()
    done = gate(SORT.format(sort=1.0) + OTHER)
    assert done.ret == 0
    assert words(done) == {"test_sort": "pass", "test_other": "pass"}
    assert junit(pytester) == {}
    done.stdout.fnmatch_lines(
        ["gate: b.json, 5 runs", "this run against 5 runs of b.json", "2 pass", "verdict: PASS"]
    )


def test_what_became_slower_is_red_itself_and_in_junit(gate, baseline, pytester):
    baseline()
    done = gate(SORT.format(sort=1.2) + OTHER)
    assert done.ret == 1
    done.assert_outcomes(passed=1, failed=1)
    assert words(done) == {"test_sort": "fail", "test_other": "pass"}
    (message,) = junit(pytester).values()
    assert "test_sort: fail: slower by 20 %, beyond the tolerance of 5 % (20.0 % slower" in message
    assert "n 5, tolerance 5 %" in message
    assert "p = " in message
    text = done.stdout.str()
    assert "bench/gate" not in text, "no traceback through our code"
    assert "Traceback" not in text


def test_what_became_faster_passes(gate, baseline):
    baseline()
    assert words(gate(SORT.format(sort=0.5) + OTHER))["test_sort"] == "pass"


def test_what_cannot_be_told_is_inconclusive_green_and_loud(gate, baseline):
    baseline(runs=(1.0, 1.2, 0.9, 1.1, 0.8))
    done = gate(SORT.format(sort=1.1) + OTHER, "--color=yes")
    assert done.ret == 0
    text = done.stdout.str()
    (line,) = (line for line in text.splitlines() if "test_sort" in line and "INCONCLUSIVE" in line)
    assert line.startswith("\x1b[33m")
    flat = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    assert "a 5 % slowdown could be neither confirmed nor ruled out" in flat
    assert "the smallest slowdown that would have been detected" in flat
    assert "tlbench gate, which measures both" in flat


def test_how_many_more_runs_would_do_is_said(gate, baseline):
    baseline(runs=(1.0, 1.015, 0.985), others=())
    done = gate(SORT.format(sort=1.0))
    assert words(done) == {"test_sort": "inconclusive"}
    flat = " ".join(done.stdout.str().split())
    assert re.search(r"unchanged code would pass with \d+ more baseline runs?", flat)


@pytest.mark.parametrize(
    ("options", "marker", "word"),
    [
        ((), "", "fail"),
        (("--tolerance", "50%"), "", "pass"),
        (("--tolerance=0.5",), "", "pass"),
        (("-o", "tlbench_tolerance=50%"), "", "pass"),
        (("--tolerance", "1%", "-o", "tlbench_tolerance=50%"), "", "fail"),
        ((), "@pytest.mark.tolerance(0.5)", "pass"),
        ((), "@pytest.mark.tolerance('50%')", "pass"),
        ((), "@pytest.mark.tolerance(share='50%')", "pass"),
        (("--tolerance", "1%"), "@pytest.mark.tolerance('50%')", "pass"),
        (("--tolerance", "50%"), "@pytest.mark.tolerance('1%')", "fail"),
        (("--tolerance", "50%"), "@pytest.mark.tolerance(accuracy=0.1)", "pass"),
    ],
)
def test_a_marker_beats_an_option_that_beats_a_setting(gate, baseline, options, marker, word):
    baseline()
    done = gate(marker + SORT.format(sort=1.2) + OTHER, "--strict-markers", *options)
    assert words(done)["test_sort"] == word


def accurate(accuracy, correct=None):
    text = f"accuracy={accuracy}, test_size=500, data_fingerprint='x'"
    text += "" if correct is None else f", correct={correct!r}"
    return SORT.format(sort=1.0) + f"    benchmark.extra_info.update({text})\n"


RIGHT = np.arange(500) < 450


@pytest.mark.parametrize(
    ("head", "options", "word"),
    [
        (accurate(0.9, pack(RIGHT)), (), "pass"),
        (accurate(0.87, pack(np.arange(500) < 435)), (), "fail"),
        (accurate(0.87, pack(np.arange(500) < 435)), ("--accuracy-tolerance", "5%"), "pass"),
        (accurate(0.87, pack(np.arange(500) < 435)), ("-o", "tlbench_accuracy_tolerance=.05"),
         "pass"),
        ("@pytest.mark.tolerance(accuracy='5%')" + accurate(0.87, pack(np.arange(500) < 435)), (),
         "pass"),
        (accurate(0.87), (), "inconclusive"),  # which images isn't known: as two samples
        (accurate(0.70), (), "fail"),
        (SORT.format(sort=1.0), (), "not comparable"),
        (accurate(0.9).replace("'x'", "'y'"), (), "not comparable"),
        (accurate(90), (), "not comparable"),
    ],
)  # fmt: skip
def test_a_lost_accuracy_is_red_at_any_speed(gate, baseline, head, options, word):
    info = {"accuracy": 0.9, "test_size": 500, "data_fingerprint": "x", "correct": pack(RIGHT)}
    baseline(others=(), info=info)
    done = gate(head, *options)
    assert words(done) == {"test_sort": word}
    assert done.ret == (0 if word in ("pass", "inconclusive") else 1)


SLOW_TOO = accurate(0.7).replace("benchmark, 1.0", "benchmark, 1.2")


@pytest.mark.parametrize(
    ("head", "kept"), [(accurate(0.7), []), (SLOW_TOO, []), (accurate(0.9), ["test_sort"])]
)
def test_a_speed_at_a_lost_accuracy_stays_out_of_the_files(gate, baseline, pytester, head, kept):
    baseline(others=(), info={"accuracy": 0.9, "test_size": 500, "data_fingerprint": "x"})
    gate(head, "--benchmark-json=own.json")
    own = json.loads((pytester.path / "own.json").read_text())
    assert [row["name"] for row in own["benchmarks"]] == kept


def test_a_speed_that_was_only_slow_stays_in_the_files(gate, baseline, pytester):
    baseline(others=())
    assert gate(SORT.format(sort=1.2), "--benchmark-json=own.json").ret == 1
    own = json.loads((pytester.path / "own.json").read_text())
    assert own["machine_info"]["tlbench"] == json.loads(json.dumps(fingerprint()))
    assert [row["name"] for row in own["benchmarks"]] == ["test_sort"]


CPU = {"cpu": "Other 9000"}
PACKAGE = {"packages": {**fingerprint()["packages"], "numpy": "1.0"}}


@pytest.mark.parametrize(
    ("facts", "options", "message"),
    [
        (CPU, (), "another machine (cpu: Other 9000 -> "),
        (CPU, ("--allow-changed", "cpu"), "another machine (cpu"),
        (PACKAGE, (), "other software (packages.numpy: 1.0 -> "),
        (PACKAGE, (), "allow it by name with --allow-changed"),
        (PACKAGE, ("--allow-changed", "packages.num"), "packages.numpy: 1.0"),
        (PACKAGE, ("--allow-changed", "packages.numpy"), None),
        (PACKAGE, ("--allow-changed", "os, packages"), None),
        (PACKAGE, ("-o", "tlbench_allow_changed=packages"), None),
    ],
)
def test_another_machine_or_software_is_not_compared(gate, baseline, facts, options, message):
    baseline(others=(), facts=fingerprint() | facts)
    done = gate(SORT.format(sort=1.0), *options)
    if message is None:
        assert done.ret == 0
        assert words(done) == {"test_sort": "pass"}
    else:
        assert done.ret == 1
        assert words(done) == {"test_sort": "not comparable"}
        assert message in " ".join(done.stdout.str().split())


@pytest.mark.parametrize("key", ["engine", "threads", "data_fingerprint", "images"])
def test_another_job_is_not_compared(gate, baseline, key):
    job = {"stage": "train", "engine": "tensorflow", "threads": 2, "images": 9}
    baseline(others=(), info=job)
    for info, word in ((job, "pass"), (job | {key: "other"}, "not comparable")):
        done = gate(SORT.format(sort=1.0) + f"    benchmark.extra_info.update({info})\n")
        assert words(done) == {"test_sort": word}
    assert f"another job ({key} {job.get(key)} -> other)" in " ".join(done.stdout.str().split())


@pytest.mark.parametrize(("isolated", "word"), [(True, "not comparable"), (False, "pass")])
def test_processes_of_their_own_are_not_compared_with_one(gate, baseline, isolated, word):
    """Of our rows only: a stranger's file says nothing of it."""
    baseline(others=(), info={"stage": "train"}, isolated=isolated)
    done = gate(SORT.format(sort=1.0) + "    benchmark.extra_info.update(stage='train')\n")
    assert words(done) == {"test_sort": word}
    baseline(others=(), isolated=isolated)
    assert words(gate(SORT.format(sort=1.0))) == {"test_sort": "pass"}


def test_one_foreign_run_among_the_baselines_is_found(gate, baseline, pytester):
    baseline(others=())
    whole = json.loads((pytester.path / "b.json").read_text())
    whole["runs"][-1]["machine_info"]["tlbench"]["cpu"] = "Other"
    (pytester.path / "b.json").write_text(json.dumps(whole))
    assert words(gate(SORT.format(sort=1.0))) == {"test_sort": "not comparable"}


def test_a_new_benchmark_is_red_unless_allowed(gate, baseline):
    baseline(others=())
    text = SORT.format(sort=1.0) + OTHER
    done = gate(text)
    assert done.ret == 1
    done.assert_outcomes(passed=1, failed=1)
    assert words(done)["test_other"] == "not comparable"
    assert "make a new one with tlbench baseline" in " ".join(done.stdout.str().split())
    for options in (("--allow-new",), ("-o", "tlbench_allow_new=true")):
        done = gate(text, *options)
        assert done.ret == 0
        done.stdout.fnmatch_lines(["note: *test_other is new: not judged"])


def test_a_vanished_benchmark_fails_the_session(gate, baseline):
    baseline()
    done = gate(SORT.format(sort=1.0))
    done.assert_outcomes(passed=1)
    assert done.ret == 1
    assert words(done) == {"test_sort": "pass", "test_other": "not comparable"}
    done.stdout.fnmatch_lines(["test_other: vanished*"])


def test_when_all_vanished_it_fails_too(gate, baseline):
    baseline()
    assert gate("").ret == 1
    assert gate("def test_unit(): pass").ret == 1


@pytest.mark.parametrize(
    "options", [("-k", "test_sort"), ("--deselect", f"{FILE}::test_other"), ("-m", "not slow")]
)
def test_what_was_not_asked_for_is_only_a_note(gate, baseline, options):
    baseline()
    other = "@pytest.mark.slow" + OTHER
    done = gate(SORT.format(sort=1.0) + other, *options, "-W", "ignore")
    assert done.ret == 0
    assert words(done) == {"test_sort": "pass"}
    done.stdout.fnmatch_lines(["note: 1 of the baseline's 2 benchmarks not run"])


def test_a_test_named_by_its_id_is_judged_alone(gate, baseline, pytester):
    baseline()
    done = gate(SORT.format(sort=1.0) + OTHER, f"{FILE}::test_other", file=False)
    assert done.ret == 0
    assert words(done) == {"test_other": "pass"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    pytest.skip('no such device')", "not measured now: no such device"),
        ("    assert benchmark is None", "its own test failed"),
        ("    benchmark.disabled = True; benchmark(int)", "nothing was measured"),
    ],
)
def test_what_was_asked_for_and_not_measured_fails(gate, baseline, body, message):
    baseline()
    done = gate(OTHER + f"\ndef test_sort(benchmark):\n{body}\n", "-k", "test_")
    assert done.ret == 1
    assert message in " ".join(done.stdout.str().split())


def test_after_a_stop_nothing_is_called_vanished(gate, baseline):
    baseline()
    done = gate("def test_a(): assert 0\n" + SORT.format(sort=1.0) + OTHER, "-x")
    assert "vanished: " not in done.stdout.str()
    done.stdout.fnmatch_lines(["note: 2 of the baseline's 2 benchmarks not run"])


def test_other_tests_are_left_alone(gate, baseline):
    baseline(others=())
    text = SORT.format(sort=1.0) + "\ndef test_unit(): pass\ndef test_bad(): assert 0\n"
    done = gate(text)
    done.assert_outcomes(passed=2, failed=1)
    assert words(done) == {"test_sort": "pass"}


def test_more_is_rejected_when_all_benchmarks_are_known(gate, baseline):
    """Alone among 2 it isn't significant; once the other has failed, it is: Holm's second step."""
    baseline(runs=(1.0, 1.04, 0.97, 1.02, 0.98))
    # p of 0.0063 by itself: above 0.01 / 2, below 0.01.
    done = gate(SORT.format(sort=1.135) + OTHER.replace("2.0", "9.0"))
    assert done.ret == 1
    assert words(done) == {"test_sort": "fail", "test_other": "fail"}
    done.assert_outcomes(passed=1, failed=1)
    done = gate(SORT.format(sort=1.135) + OTHER)
    assert done.ret == 0
    assert words(done)["test_sort"] == "inconclusive"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gate", "none.json"), "none.json: not a readable baseline"),
        (("--gate", "b.json", "--tolerance", "5"), "--tolerance 5: expected a share"),
        (("--gate", "b.json", "--tolerance", "test_sort=5%"), "for one benchmark, mark it with"),
        (("--gate", "b.json", "--accuracy-tolerance", "x"), "--accuracy-tolerance x: expected"),
        (("--gate", FILE), "not a readable baseline"),
    ],
)
def test_bad_options_are_usage_errors(gate, baseline, options, message):
    baseline()
    done = gate(SORT.format(sort=1.0), gate=options)
    assert done.ret == 4
    assert message in done.stderr.str()


def test_a_bad_marker_is_told_before_anything_runs(gate, baseline):
    baseline(others=())
    for marker in ("tolerance(5)", "tolerance(0.1, 0.2)", "tolerance(speed=0.1)"):
        done = gate(f"@pytest.mark.{marker}" + SORT.format(sort=1.0))
        assert done.ret == 4
        assert "test_sort: marker tolerance: " in done.stderr.str()


@pytest.mark.parametrize("runs", [(), (1.0,), (1.0, 1.01)])
def test_fewer_than_3_runs_are_refused(gate, baseline, runs):
    baseline(runs=runs)
    done = gate(SORT.format(sort=1.0))
    assert done.ret == 4
    assert f"{len(runs)} run(s), expected at least 3" in done.stderr.str()
    assert "--add" in done.stderr.str()


def test_a_truncated_baseline_is_refused(gate, baseline, pytester):
    baseline()
    path = pytester.path / "b.json"
    path.write_text(path.read_text()[:-50])
    done = gate(SORT.format(sort=1.0))
    assert done.ret == 4
    assert "not a readable baseline" in done.stderr.str()


def test_a_benchmark_of_too_few_runs_is_not_comparable(gate, baseline, pytester):
    baseline(others=())
    whole = json.loads((pytester.path / "b.json").read_text())
    for run in whole["runs"][2:]:
        run["benchmarks"] = []
    (pytester.path / "b.json").write_text(json.dumps(whole))
    done = gate(SORT.format(sort=1.0))
    assert words(done) == {"test_sort": "not comparable"}
    assert "in only 2 runs of the baseline" in " ".join(done.stdout.str().split())


def test_a_setting_gates_benchmarks_and_leaves_unit_tests_alone(gate, baseline, pytester):
    baseline()
    pytester.makeini("[pytest]\ntlbench_gate = b.json")
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub" / "test_unit.py").write_text("def test_unit(): pass")
    done = gate("", "sub", gate=(), file=False)
    assert done.ret == 0
    assert "- gate:" not in done.stdout.str()
    done = gate(SORT.format(sort=1.2) + OTHER, gate=())
    assert done.ret == 1
    assert words(done) == {"test_sort": "fail", "test_other": "pass"}
    assert gate(SORT.format(sort=1.2), gate=("--gate=", "-o", "tlbench_gate=")).ret == 0


def test_the_root_is_not_where_the_baseline_lies(gate, baseline, pytester, tmp_path_factory):
    """An option's path is taken for a test's before pytest knows the option."""
    baseline()
    folder = tmp_path_factory.mktemp("elsewhere")
    (pytester.path / "b.json").rename(folder / "b.json")
    done = gate(SORT.format(sort=1.0) + OTHER, gate=("--gate", str(folder / "b.json")))
    assert done.ret == 0
    assert words(done) == {"test_sort": "pass", "test_other": "pass"}


def test_every_line_fits_80_columns(gate, baseline):
    name = "test_" + "long_" * 20 + "name"
    baseline(others=("test_other", name))
    text = OTHER.replace("test_other", name).replace("2.0", "200.0")
    done = gate(SORT.format(sort=1.02) + text + OTHER.replace("test_other", "test_new"))
    start = next(i for i, line in enumerate(done.outlines) if "- gate: " in line)
    end = next(i for i, line in enumerate(done.outlines) if line.startswith("verdict: "))
    assert max(map(len, done.outlines[start : end + 1])) <= WIDTH


def test_without_the_option_nothing_of_it_is_loaded(pytester):
    text = SUITE + SORT.format(sort=1.0) + OTHER.replace("@timed", "@pytest.mark.tolerance(0.1)")
    text += "\ndef test_clean():\n    import sys\n"
    text += "    gates = [n for n in sys.modules if n.startswith('tlbench.gate')]\n"
    text += "    assert not gates + [n for n in ('scipy', 'numpy') if n in sys.modules]\n"
    (pytester.path / FILE).write_text(text)
    options = ("-p", "no:cacheprovider", "--strict-markers", "-W", "error")
    done = pytester.runpytest_subprocess(FILE, *options, "-o", "markers=tolerance: the gate's")
    assert done.ret == 0
    assert "gate" not in done.stdout.str()


@pytest.mark.slow
def test_a_strangers_suite_from_baseline_to_verdict(tmp_path):
    """In processes of their own, with real seconds: what a person types."""
    (tmp_path / FILE).write_text(
        "import os, time\n"
        "def test_sleep(benchmark):\n"
        "    seconds = 0.02 * float(os.environ.get('SLOWER', '1'))\n"
        "    benchmark.pedantic(time.sleep, (seconds,), rounds=5)\n"
        "def test_no_tensorflow():\n"
        "    import sys\n"
        "    assert 'tensorflow' not in sys.modules\n"
    )

    def run(module, *arguments, **environment):
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
            env=os.environ | environment,
        )  # fmt: skip

    options = ("-p", "no:cacheprovider", FILE)
    done = run("tlbench", "baseline", "-o", "b.json", "--runs", "3", "--", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    # Sleeping on a machine that is shared: only what is far off is certain.
    loose = (*options, "--gate", "b.json", "--tolerance", "90%")
    done = run("pytest", *loose)
    assert done.returncode == 0, done.stdout
    assert "gate: not comparable" not in done.stdout
    done = run("pytest", *loose, SLOWER="20")
    assert done.returncode == 1, done.stdout
    assert "beyond the tolerance of 90 %" in " ".join(done.stdout.split())
    failed = run("tlbench", "baseline", "-o", "c.json", "--", *options, SLOWER="none")
    assert failed.returncode == 1
    assert not (tmp_path / "c.json").exists()


SMALL = ("--train-size", "400", "--test-size", "60", "--image-size", "40", "--budget", "10")


@pytest.fixture(scope="module")
def own_runs(tmp_path_factory, tiny_model):
    """Our own suite: a run that nobody judges; then one judged by an unfair baseline."""
    folder = tmp_path_factory.mktemp("own")

    def run(*options, **environment):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--benchmark"]
        return subprocess.run(
            [*command, *SMALL, "--model", tiny_model, "-k", "resize or cached", *options],
            cwd=folder, capture_output=True, text=True, timeout=300, check=False,
            env=os.environ | environment,
        )  # fmt: skip

    def only_run(results):
        (path,) = (folder / results).rglob("*.json")
        return json.loads(path.read_text())

    first = run("--no-isolate", "--results=first")
    assert first.returncode == 0, first.stdout
    runs = [only_run("first") for _ in range(3)]
    for day, stored in enumerate(runs, start=1):
        stored["datetime"] = f"2026-11-0{day}T00:00:00+00:00"  # else they are copies of one run
        stored["tlbench"]["isolated"] = True  # not so, but quicker, and nothing here depends on it
        for row in stored["benchmarks"]:
            if row["extra_info"]["stage"] == "resize":
                # A round of milliseconds takes many times as long beside other work: only what no
                # machine can do is surely faster, and by figures that are the same every time.
                count = len(row["stats"]["data"])
                row["stats"]["data"] = [1e-6 * (1 + i / 100) for i in range(count)]
            else:  # every image right
                row["extra_info"]["correct"] = pack(np.ones(60, bool))
                row["extra_info"]["accuracy"] = 1.0
    write_baseline(folder / "b.json", Baseline((), tuple(runs)))
    # In a way that a benchmark's own process is told too, which must not obey.
    judged = run("--results=second", PYTEST_ADDOPTS="--gate b.json")
    return only_run("first"), judged, only_run("second")


@pytest.mark.slow
def test_our_rows_say_which_images_were_right(own_runs):
    rows = {row["name"]: row["extra_info"] for row in own_runs[0]["benchmarks"]}
    assert rows["test_resize"]["correct"] is None
    trained = rows["test_train_cached"]
    assert unpack(trained["correct"], 60).mean() == trained["accuracy"]


@pytest.mark.slow
def test_our_suite_is_isolated_where_it_is_judged(own_runs):
    assert own_runs[0]["tlbench"]["isolated"] is False
    assert own_runs[2]["tlbench"]["isolated"] is True


@pytest.mark.slow
def test_our_benchmark_that_is_slower_is_red_and_keeps_its_timing(own_runs):
    _, judged, run = own_runs
    assert judged.returncode == 1
    text = " ".join(judged.stdout.split())
    assert re.search(
        r"test_resize: fail: (slower by \S+ %|\S+x slower), beyond the tolerance of 5 %", text
    )
    assert [row["name"] for row in run["benchmarks"]] == ["test_resize"]
    assert "test_resize" not in run["tlbench"]["not_measured"]


@pytest.mark.slow
def test_our_benchmark_that_lost_accuracy_keeps_none(own_runs):
    _, judged, run = own_runs
    text = " ".join(judged.stdout.split())
    assert re.search(
        r"test_train_cached: fail: accuracy fell from 1.0000 to 0\.\d+ on the same", text
    )
    assert "test_train_cached" in run["tlbench"]["not_measured"]


def test_a_session_without_benchmarks_names_the_fixture(gate, baseline):
    baseline()
    done = gate("def test_plain():\n    pass\n", "--allow-new")
    assert "no test uses pytest-benchmark's fixture 'benchmark'" in " ".join(
        done.stdout.str().split()
    )
