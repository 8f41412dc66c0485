"""A baseline is several whole runs that fit together, or there is none."""

import json
import math
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tlbench.cli import baseline as baseline_command
from tlbench.cli.main import main
from tlbench.gate.baseline import (
    LEAST_RUNS,
    Baseline,
    BaselineError,
    disagreement,
    other_job,
    read_baseline,
    write_baseline,
)

NAME = "bench_sort.py::test_sort"
OURS = {"stage": "train", "workload": "quick", "engine": "tensorflow", "test_size": 10}


@pytest.fixture
def run(make_run):
    return make_run({NAME: [0.1, 0.2, 0.3]})


def test_what_is_written_is_read(tmp_path, run):
    baseline = Baseline(("bench_sort.py",), (run, run))
    write_baseline(tmp_path / "new" / "b.json", baseline)
    assert read_baseline(tmp_path / "new" / "b.json") == baseline


def test_a_benchmarks_past_is_its_medians(make_run):
    runs = [make_run({NAME: [x, 2 * x, 9 * x], "other": [1.0]}) for x in (0.1, 0.2, 0.4)]
    stored = Baseline((), tuple(runs)).benchmarks()
    assert stored[NAME].logs == pytest.approx([math.log(2 * x) for x in (0.1, 0.2, 0.4)])
    assert min(stored[NAME].errors) > 0
    assert stored["other"].errors == (0, 0, 0)


def test_a_pasts_accuracy_is_the_middle_ones(make_run):
    runs = [
        make_run({NAME: [1.0]}, info=OURS | {"accuracy": accuracy, "rounds": [1] * 99})
        for accuracy in (0.9, 0.5, 0.8)
    ]
    info = Baseline((), tuple(runs)).benchmarks()[NAME].info
    assert info["accuracy"] == 0.8
    assert "rounds" not in info


def broken(run, *keys, value=None):
    """A copy of a run with the value at a place replaced, or the place gone."""
    copy = json.loads(json.dumps(run))
    place = copy
    for key in keys[:-1]:
        place = place[key]
    if value is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ([], "tlbench_baseline: None, expected 1"),
        ({"benchmarks": []}, "the file of a single run is not a baseline"),
        ({"tlbench_baseline": 2, "command": [], "runs": []}, "tlbench_baseline: 2, expected 1"),
        ({"tlbench_baseline": True, "command": [], "runs": []}, "True, expected 1"),
        ({"tlbench_baseline": 1, "command": []}, "expected lists under 'command' and 'runs'"),
        ({"tlbench_baseline": 1, "command": [], "runs": [7]}, r"runs\[0\]: no list under"),
    ],
)
def test_another_file_is_no_baseline(tmp_path, whole, message):
    (tmp_path / "b.json").write_text(json.dumps(whole))
    with pytest.raises(BaselineError, match=f"b.json: .*{message}"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("machine_info", "tlbench"), None, "machine_info.tlbench: missing"),
        (("machine_info",), None, "machine_info.tlbench: missing"),
        (("benchmarks",), {}, "no list under 'benchmarks'"),
        (("benchmarks", 0), 7, r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "fullname"), None, r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "extra_info"), [], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats"), None, r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), None, r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), [], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), ["fast"], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), [0.0], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), [-1.0], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), [math.nan], r"benchmarks\[0\]: expected fullname"),
        (("benchmarks", 0, "stats", "data"), [math.inf], r"benchmarks\[0\]: expected fullname"),
    ],
)
def test_a_run_that_lacks_something_is_named_with_the_place(tmp_path, run, keys, value, message):
    write_baseline(tmp_path / "b.json", Baseline((), (run, broken(run, *keys, value=value))))
    with pytest.raises(BaselineError, match=rf"b.json: runs\[1\]: {message}"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, run, share):
    path = tmp_path / "b.json"
    write_baseline(path, Baseline((), (run,)))
    text = path.read_text()
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(BaselineError, match="not a readable baseline"):
        read_baseline(path)


def test_an_absent_file_says_how_to_make_one(tmp_path):
    with pytest.raises(BaselineError, match="make one with tlbench baseline"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({}, None),
        ({"rounds": {NAME: [9.0]}}, None),
        ({"facts": {"cpu": "Other"}}, "another machine"),
        ({"rounds": {"other": [1.0]}}, "other benchmarks .*test_sort, other in only one"),
        ({"isolated": True}, "the baseline is not isolated, this run is isolated"),
        ({"info": OURS | {"engine": "litert"}}, "another job .*engine tensorflow -> litert"),
    ],
)
def test_runs_of_one_baseline_fit_together(make_run, new, message):
    usual = {"rounds": {NAME: [1.0]}, "info": OURS}
    found = disagreement(make_run(**usual), make_run(**(usual | new)))
    if message is None:
        assert found is None
    else:
        assert re.search(message, found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1" * 16, "2" * 16, f"another job (model_fingerprint {'1' * 16} -> {'2' * 16})"),
        ("1" * 16, "1" * 16, None),
        (None, "1" * 16, None),
        ("1" * 16, None, None),
    ],
)
def test_a_models_fingerprint_counts_where_both_runs_have_it(old, new, message):
    before, now = (OURS | ({"model_fingerprint": each} if each else {}) for each in (old, new))
    assert other_job(before, now) == message


class FakePytest:
    """Stands for ``run_child``: what each run of pytest does, in order."""

    def __init__(self, *runs):
        self.runs, self.commands = list(runs), []

    def __call__(self, command, *, env, **_):
        self.commands.append(command)
        self.paths = env.get("PYTHONPATH", "").split(os.pathsep)
        run = self.runs.pop(0)
        if run is KeyboardInterrupt:
            raise KeyboardInterrupt
        if isinstance(run, tuple):
            status, output = run
            return status, output
        if run is not None:
            (where,) = (
                each for each in command if each.startswith(("--results=", "--benchmark-j"))
            )
            path = where.partition("=")[2]
            path = Path(path if path.endswith(".json") else f"{path}/run.json")
            path.write_text(json.dumps(run))
        return 0, ""


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """Run ``tlbench baseline -o b.json`` with pytest replaced: its result, and the fake."""

    def invoke(*runs, options=(), arguments=("bench_sort.py",)):
        fake = FakePytest(*runs)
        monkeypatch.setattr(baseline_command, "run_child", fake)
        whole = ["baseline", "-o", str(tmp_path / "b.json"), *options]
        done = CliRunner().invoke(main, [*whole, *(("--", *arguments) if arguments else ())])
        return done, fake

    return invoke


def stored(tmp_path):
    return read_baseline(tmp_path / "b.json")


def test_all_runs_are_stored_with_the_command(tmp_path, baseline, run):
    arguments = ("bench_sort.py", "-k", "sort", "--gate=x")
    done, fake = baseline(*[run] * 4, options=("--runs", "4"), arguments=arguments)
    assert done.exit_code == 0, done.output
    assert stored(tmp_path) == Baseline(arguments, (run,) * 4)
    assert "run 4 of 4: 1 benchmark, " in done.stderr
    for command in fake.commands:
        assert command[3:7] == list(arguments)
        assert "--tlbench-describe-machine" in command
        assert "--benchmark" not in command
        # Whatever the arguments or settings say, a baseline isn't judged.
        assert command[-3:] == ["--tlbench-gate=", "-o", "tlbench_gate="]


def test_without_arguments_it_is_our_suite_isolated(tmp_path, baseline, run):
    options = ("--runs", "3", "--workload", "tutorial", "--train-size", "40", "--engine=tensorflow")
    done, fake = baseline(run, run, run, options=options, arguments=())
    assert done.exit_code == 0, done.output
    expected = [
        "--benchmark", "--isolate", "--workload=tutorial", "--engine=tensorflow", "--train-size=40"
    ]  # fmt: skip
    assert sorted(stored(tmp_path).command) == sorted(expected)
    assert fake.commands[0][3:8] == list(stored(tmp_path).command)


def test_few_runs_are_stored_with_a_warning(baseline, run):
    done, _ = baseline(run, options=("--runs", "1"))
    assert done.exit_code == 0
    assert "a gate needs at least 3 runs" in done.output


@pytest.mark.parametrize(
    "case",
    [
        ((1, "E  assert 1 == 2"), (1, "nothing written:\n  E  assert 1 == 2\n")),
        ((3, "INTERNALERROR"), (1, "tests failed")),
        ((2, "error while collecting"), (1, "tests failed")),
        ((4, "no such option"), (2, "pytest refused its options")),
        ((5, "no tests ran"), (4, "pytest found no tests")),
        (None, (4, "nothing was measured")),
        ({"benchmarks": []}, (4, "nothing was measured")),
        ({"benchmarks": [7]}, (4, "can't be part of a baseline: machine_info")),
        (KeyboardInterrupt, (130, "interrupted: nothing was written")),
    ],
)
@pytest.mark.parametrize("old", [False, True], ids=["none before", "one before"])
def test_a_run_that_did_not_end_well_leaves_the_old_file_or_none(
    tmp_path, baseline, run, case, old
):
    last, (code, message) = case
    if old:
        write_baseline(tmp_path / "b.json", Baseline(("old",), (run,)))
    done, _ = baseline(run, last)
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"] * old
    if old:
        assert stored(tmp_path).command == ("old",)


def test_a_run_of_other_software_does_not_fit(tmp_path, baseline, make_run, run):
    facts = run["machine_info"]["tlbench"] | {"python": "3.99"}
    done, _ = baseline(run, make_run({NAME: [1.0]}, facts=facts))
    assert done.exit_code == 4
    assert "doesn't match the first: other software (python:" in done.stderr
    assert not (tmp_path / "b.json").exists()


def test_scripts_are_told_where_the_baseline_is_and_whether_it_is_enough(tmp_path, baseline, run):
    done, _ = baseline(run, run, options=("--runs", "2", "--json"))
    told = json.loads(done.stdout)
    assert told == {
        "baseline": str(tmp_path / "b.json"),
        "runs": 2,
        "runs_needed": LEAST_RUNS,
        "benchmarks": [NAME],
    }


def test_add_appends(tmp_path, baseline, make_run, run):
    write_baseline(tmp_path / "b.json", Baseline(("old",), (run,)))
    new = make_run({NAME: [7.0]})
    done, _ = baseline(new, new, options=("--add", "--runs", "2"))
    assert done.exit_code == 0, done.output
    assert stored(tmp_path).runs == (run, new, new)


def test_add_to_another_machines_baseline_measures_nothing(tmp_path, baseline, make_run):
    other = make_run({NAME: [1.0]}, facts={"cpu": "Other"})
    write_baseline(tmp_path / "b.json", Baseline((), (other,)))
    done, fake = baseline(options=("--add",))
    assert done.exit_code == 4
    assert "another machine (cpu: Other ->" in done.stderr
    assert fake.commands == []
    assert stored(tmp_path).runs == (other,)


def test_add_of_other_benchmarks_is_refused(tmp_path, baseline, make_run, run):
    write_baseline(tmp_path / "b.json", Baseline((), (run,)))
    done, _ = baseline(make_run({"other": [1.0]}), options=("--add",))
    assert done.exit_code == 4
    assert "other benchmarks" in done.stderr
    assert stored(tmp_path).runs == (run,)


def test_add_to_what_is_no_baseline_is_bad_input(tmp_path, baseline):
    (tmp_path / "b.json").write_text("{")
    done, _ = baseline(options=("--add",))
    assert done.exit_code == 2
    assert "not a readable baseline" in done.stderr


def test_an_interruption_stores_complete_runs(tmp_path, baseline, run):
    done, _ = baseline(run, run, KeyboardInterrupt)
    assert done.exit_code == 130
    assert "complete runs are stored; add more with --add" in done.stderr
    assert stored(tmp_path).runs == (run, run)


@pytest.mark.parametrize("says", ["!!! KeyboardInterrupt !!!", "Exit: interrupted"])
def test_an_interrupted_pytest_is_an_interruption(tmp_path, baseline, run, says):
    done, _ = baseline(run, run, (2, says))
    assert "complete runs are stored" in done.stderr
    assert stored(tmp_path).runs == (run, run)


def test_an_interrupted_replacement_leaves_the_old_baseline(tmp_path, baseline, run):
    write_baseline(tmp_path / "b.json", Baseline(("old",), (run,) * 5))
    done, _ = baseline(run, run, KeyboardInterrupt)
    assert "nothing was written" in done.stderr
    assert stored(tmp_path).command == ("old",)


def test_an_interrupted_addition_stores_complete_runs(tmp_path, baseline, run):
    write_baseline(tmp_path / "b.json", Baseline(("old",), (run,) * 3))
    baseline(run, KeyboardInterrupt, options=("--add",))
    assert len(stored(tmp_path).runs) == 4


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        (("--engine", "tensorflow"), ("bench_sort.py",), "an option of the built-in suite"),
        (("--workload", "quick"), ("bench_sort.py",), "an option of the built-in suite"),
        (("--train-size", "no"), (), "expected a whole number"),
        (("--workload", "slow"), (), "'slow' is not one of"),
        (("--runs", "0"), (), "--runs"),
    ],
)
def test_bad_options_measure_nothing(baseline, options, arguments, message):
    done, fake = baseline(options=options, arguments=arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert fake.commands == []


def test_a_place_that_cannot_be_written_is_found_before_measuring(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(baseline_command, "run_child", lambda *_, **__: pytest.fail("measured"))
    path = tmp_path / "file" / "b.json"
    done = CliRunner().invoke(main, ["baseline", "-o", str(path), "--", "x.py"])
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr


def test_help_has_an_example():
    done = CliRunner().invoke(main, ["baseline", "--help"])
    assert "Example: tlbench baseline -o" in done.output
    assert "days" in done.output


@pytest.mark.parametrize("backend", ["hatchling.build", "maturin"])
def test_packages_of_the_checkout_are_imported_as_by_the_gate(
    tmp_path, baseline, run, monkeypatch, backend
):
    """Of what has to be built, the installed copy is."""
    top, here = tmp_path / "repo", tmp_path / "repo" / "part"
    for folder in (top / ".git", top / "src", here / "src"):
        folder.mkdir(parents=True)
    settings = f'[build-system]\nbuild-backend = "{backend}"\n[project]\nname = "it"\n'
    (top / "pyproject.toml").write_text(settings)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", "mine")
    _, fake = baseline(run)
    folders = [str(each) for each in (here, here / "src", top, top / "src")]
    assert fake.paths == [*(folders if backend == "hatchling.build" else []), "mine"]


def test_without_a_benchmark_the_fixture_is_named(baseline):
    done, _ = baseline(None)
    assert "no test uses pytest-benchmark's fixture 'benchmark'" in done.stderr
