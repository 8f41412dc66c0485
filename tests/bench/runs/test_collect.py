"""Files, folders and machines become runs; what is none is said."""

import datetime as dt
import json

import pytest

from tlbench.runs.collect import collect
from tlbench.runs.read import ResultError, read_file


def test_a_folder_is_searched_and_runs_come_in_the_order_of_time(write_run, tmp_path):
    write_run("m/b.json", day=2)
    write_run("m/deep/a.json", day=1)
    found = collect([str(tmp_path / "results")])
    assert [run.path.name for run in found.runs] == ["a.json", "b.json"]
    assert found.runs[0].when == dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    assert found.skipped == ()


def test_a_machine_is_found_by_its_name(write_run, tmp_path):
    write_run("amd/a.json")
    write_run("intel/b.json")
    found = collect(["intel"], tmp_path / "results")
    assert [run.path.name for run in found.runs] == ["b.json"]


def test_a_name_that_is_nothing_is_refused_with_the_machines_there_are(write_run, tmp_path):
    write_run("amd/a.json")
    write_run("studies/b.json")
    with pytest.raises(ResultError, match=r"nowhere: no such file .* \(amd\)"):
        collect(["nowhere"], tmp_path / "results")
    with pytest.raises(ResultError, match=r"adm: no such file .* \(did you mean amd\?\)"):
        collect(["adm"], tmp_path / "results")


def test_studies_and_schemas_are_no_runs(write_run, tmp_path):
    for folder in ("schema", "studies/gates"):
        write_run(f"{folder}/a.json")
    assert collect([str(tmp_path / "results")]).runs == ()


def test_a_file_named_twice_is_one_run(write_run, tmp_path):
    path = write_run("a.json")
    assert len(collect([str(path), str(tmp_path / "results")]).runs) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not a readable JSON file"),
        ("[]", "no list under 'benchmarks'"),
        ('{"benchmarks": []}', "no benchmark of this suite"),
        ('{"benchmarks": [{"name": "x"}]}', "missing required field"),
    ],
    ids=["cut off", "a list", "empty", "a stranger's"],
)
def test_what_is_no_run_is_passed_over_in_a_folder_and_refused_by_name(
    text, says, write_run, tmp_path
):
    write_run("a.json")
    bad = tmp_path / "results" / "bad.json"
    bad.write_text(text, encoding="utf-8")
    found = collect([str(tmp_path / "results")])
    assert len(found.runs) == 1
    assert len(found.skipped) == 1
    assert says in found.skipped[0]
    with pytest.raises(ResultError, match=says):
        collect([str(bad)])


@pytest.mark.parametrize("rate", [0, -1, None, "fast", True])
def test_a_rate_that_is_none_is_refused(rate, write_run):
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    run["benchmarks"][0]["extra_info"]["images_per_s"] = rate
    path.write_text(json.dumps(run), encoding="utf-8")
    with pytest.raises(ResultError, match="images_per_s"):
        collect([str(path)])


def test_not_a_number_is_read_as_pytest_benchmark_writes_it(write_run):
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    run["benchmarks"][0]["stats"]["iqr"] = float("nan")
    path.write_text(json.dumps(run), encoding="utf-8")
    assert len(collect([str(path)]).runs) == 1


def test_rows_are_the_files_own(write_run):
    path = write_run("a.json", faster=1.5)
    (run,) = collect([str(path)]).runs
    assert run.rows == read_file(path).rows
    stored = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    for row, benchmark in zip(run.rows, stored, strict=True):
        for name, value in benchmark["extra_info"].items():
            assert getattr(row, name) == value


def test_only_the_latest_run_of_a_machine_setup_and_job_keeps_its_details(write_run, tmp_path):
    for number, day in enumerate((2, 1, 3, 0)):
        write_run(f"{number}.json", day=day, correct="AAAA")
    write_run("other.json", engine="litert", correct="AAAA")
    write_run("int8.json", precision="int8", correct="AAAA")
    runs = collect([str(tmp_path / "results")]).runs
    detailed = [run.path.stem for run in runs if all(row.correct for row in run.rows)]
    assert sorted(detailed) == ["2", "int8", "other"]
    assert sum(any(row.correct for row in run.rows) for run in runs) == 3


@pytest.mark.parametrize(
    "stranger",
    [{}, None, {"model": {"name": "x"}, "threads": "many"}],
    ids=["nothing told", "null", "other kinds of what we tell"],
)
def test_benchmarks_of_other_suites_are_passed_over(stranger, write_run):
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    own = len(run["benchmarks"])
    run["benchmarks"].insert(0, {"name": "x", "extra_info": stranger, "stats": {"data": [1.0]}})
    path.write_text(json.dumps(run), encoding="utf-8")
    assert len(collect([str(path)]).runs[0].rows) == own


@pytest.mark.parametrize(
    ("where", "wrong", "says"),
    [
        (("benchmarks", 0, "extra_info", "accuracy"), "high", "extra_info.accuracy"),
        (("benchmarks", 0, "extra_info", "threads"), None, "extra_info.threads"),
        (("benchmarks", 0, "stats", "data"), [], "stats.data"),
        (("benchmarks", 0, "stats", "data", 0), 0.0, "stats.data"),
        (("machine_info", "tlbench"), "fast", "machine_info.tlbench"),
        (("datetime",), "yesterday", "datetime"),
    ],
    ids=["accuracy", "threads", "no rounds", "no time", "machine", "date"],
)
def test_what_is_of_another_kind_is_refused_with_its_place(where, wrong, says, write_run):
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    *outer, last = where
    place = run
    for step in outer:
        place = place[step]
    place[last] = wrong
    path.write_text(json.dumps(run), encoding="utf-8")
    with pytest.raises(ResultError, match=says):
        collect([str(path)])


def test_commits_are_told_and_whether_there_were_changes(write_run):
    path = write_run("a.json", commit="0123456789abcdef")
    assert collect([str(path)]).runs[0].commit == "0123456789ab"
    run = json.loads(path.read_text(encoding="utf-8"))
    run["commit_info"]["dirty"] = True
    path.write_text(json.dumps(run), encoding="utf-8")
    assert collect([str(path)]).runs[0].commit == "0123456789ab+"
    run["commit_info"] = {}
    path.write_text(json.dumps(run), encoding="utf-8")
    assert collect([str(path)]).runs[0].commit is None


@pytest.mark.parametrize("isolated", [None, False, True])
def test_a_run_says_whether_each_benchmark_had_a_process_of_its_own(isolated, write_run):
    """Files of version 1 say nothing of it: then there was one process for all."""
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    about = {"version": 2, "not_measured": {"test_x": "why"}, "isolated": isolated}
    run.pop("tlbench", None)
    if isolated is not None:
        run["tlbench"] = about
    path.write_text(json.dumps(run), encoding="utf-8")
    (found,) = collect([str(path)]).runs
    assert found.isolated is bool(isolated)
    assert found.not_measured == ({} if isolated is None else {"test_x": "why"})


def test_a_run_of_the_fastest_recipe_alone_has_that_ones_job(write_run):
    path = write_run("a.json", stage="time_to_accuracy", track=None, train_size=77)
    run = json.loads(path.read_text(encoding="utf-8"))
    del run["benchmarks"][1:]
    path.write_text(json.dumps(run), encoding="utf-8")
    (found,) = collect([str(path)]).runs
    assert dict(found.job)["train_size"] == 77
