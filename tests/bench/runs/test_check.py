"""A result file that isn't right gets one line that names the file and the field, never a crash."""

import copy
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.studies import result_schema
from tlbench.cli.main import main
from tlbench.runs.check import problems
from tlbench.runs.read import ResultError, read_file
from tlbench.runs.row import CURRENT, OPTIONAL, SINCE_2

ROOT = Path(__file__).parents[3]
ROUND = {
    "order": 0, "timed": True, "started_at": 1.7e9, "seconds": 2.0, "unfinished_s": 0.0,
    "noise": None, "joules": None,
}  # fmt: skip
SAMPLE = {"image": "AAAA", "predicted": "cat", "probability": 1.0}
ROW = {
    "workload": "quick", "stage": "extract", "track": None, "model": "m", "data": "d",
    "data_fingerprint": "0123456789abcdef", "engine": "tensorflow", "precision": "fp32",
    "device": "cpu", "threads": 2, "batch_size": 32, "image_size": 160, "train_size": 9,
    "test_size": 9, "images": 10, "images_per_s": 5.0, "accuracy": None, "accuracy_floor": None,
    "accuracy_ceiling": None, "load_s": 1.0, "first_call_s": 1.0, "peak_rss_bytes": 1000,
    "median_s": 2.0, "interval_s": [2.0, 2.0], "interval_coverage": 0.5, "spread": None,
    "warmed_up": True,
    "noise": {"verdict": "steady", "reasons": [], "seen": None},
    "peak_device_bytes": None, "joules_per_image": None, "cost_per_million_images": None,
    "gflops_per_s": 2.0, "peak_gflops_per_s": 100.0, "peak_fraction": 0.02,
    "rounds": [{**ROUND, "timed": False}, {**ROUND, "order": 1}],
}  # fmt: skip
RUN = {
    "datetime": "2026-11-24T05:00:00+00:00",
    "version": "5.3.1",
    "machine_info": {"tlbench": {"cpu": "x", "packages": {}, "cpus_usable": 2}},
    "benchmarks": [
        {"name": "t", "fullname": "f", "stats": {"data": [2.0]}, "extra_info": ROW},
        {"name": "o", "fullname": "other", "stats": {"data": [1.0]}, "extra_info": {}},
    ],
    "tlbench": {"version": CURRENT, "not_measured": {}},
}


def written(folder, run):
    path = folder / "run.json"
    path.write_text(run if isinstance(run, str) else json.dumps(run))
    return path


def changed(keys, value):
    """A copy of ``RUN`` with the field that ``keys`` lead to set, or taken out (``...``)."""
    run = copy.deepcopy(RUN)
    place = run
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return run


INFO = ("benchmarks", 0, "extra_info")


def test_a_right_file_has_no_problems(tmp_path):
    assert problems(written(tmp_path, RUN)) == []


def test_every_committed_result_is_right():
    """As the committed report lists them: what somebody measured in this checkout isn't among."""
    report = (ROOT / "results" / "report.html").read_text(encoding="utf-8")
    names = re.findall(r'href="([^"#]+\.json)"', report)
    assert len(names) >= 32
    assert [line for name in names for line in problems(ROOT / "results" / name)] == []


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (
            (*INFO, "images_per_s"),
            "fast",
            "benchmarks[0].extra_info.images_per_s: 'fast': Expected `float`",
        ),
        ((*INFO, "images_per_s"), 5.1, "extra_info.images_per_s: 5.1, its rounds say 5"),
        ((*INFO, "images_per_s"), ..., "extra_info: required field 'images_per_s' is missing"),
        ((*INFO, "stage"), "sleep", "extra_info.stage: 'sleep': Invalid enum value"),
        ((*INFO, "accuracy"), 1.5, "extra_info.accuracy: 1.5: Expected `float` <= 1.0"),
        (
            (*INFO, "rounds", 1, "seconds"),
            -1,
            "extra_info.rounds[1].seconds: -1: Expected `float` >= 1e-12",
        ),
        ((*INFO, "rounds", 1, "timed"), False, "extra_info.rounds: 0 timed rounds, stats.data"),
        (
            (*INFO, "noise", "verdict"),
            "fine",
            "extra_info.noise.verdict: 'fine': Invalid enum value",
        ),
        (("benchmarks", 0, "stats", "data"), [], "benchmarks[0].stats.data: []"),
        (("machine_info",), ..., "file: required field 'machine_info' is missing"),
        (("tlbench", "version"), 99, "tlbench.version: 99, expected one of 1, 2"),
        (("tlbench",), ..., "tlbench.version: None, expected one of"),
        (("tlbench", "not_measured"), [], "tlbench.not_measured: []: Expected `object`"),
        (("machine_info", "tlbench", "cpu"), ..., "machine_info.tlbench: required field 'cpu'"),
        (("benchmarks", 1, "stats"), ..., "benchmarks[1]: required field 'stats' is missing"),
        ((*INFO, "median_s"), 3.0, "extra_info.median_s: 3.0, its rounds say 2"),
        ((*INFO, "interval_s"), [2.5, 3.0], "interval_s: 2.5 to 3.0, without the median of its"),
        ((*INFO, "samples"), [SAMPLE | {"image": "?"}], "samples[0].image: '?': Expected base64"),
    ],
)
def test_each_mistake_is_named_with_its_place(tmp_path, keys, value, message):
    path = written(tmp_path, changed(keys, value))
    found = problems(path)
    assert any(line.startswith(f"{path}: ") and message in line for line in found), found
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize("name", SINCE_2)
def test_files_of_version_2_have_all_that_version_1_lacks(tmp_path, name):
    (line,) = problems(written(tmp_path, changed((*INFO, name), ...)))
    assert line.endswith(f"extra_info: required field {name!r} is missing")
    run = changed((*INFO, name), ...)
    run["tlbench"]["version"] = 1
    assert problems(written(tmp_path, run)) == []


def test_every_problem_of_a_file_is_named(tmp_path):
    run = changed((*INFO, "threads"), 0)
    info = run["benchmarks"][0]["extra_info"]
    del info["engine"]
    info["rounds"][0]["seconds"] = info["rounds"][1]["timed"] = None
    info["noise"]["reasons"] = ["", "busy"]
    run["benchmarks"][1]["stats"]["data"] = [0]
    places = [line.split(": ")[1] for line in problems(written(tmp_path, run))]
    row = "benchmarks[0].extra_info"
    assert sorted(places) == sorted([
        row, f"{row}.threads", f"{row}.rounds[0].seconds", f"{row}.rounds[1].timed",
        f"{row}.noise.reasons[0]", "benchmarks[1].stats.data[0]",
    ])  # fmt: skip


def test_a_long_value_is_quoted_in_part(tmp_path):
    (line,) = problems(written(tmp_path, changed((*INFO, "images_per_s"), "fast " * 10_000)))
    assert "images_per_s: 'fast fast" in line
    assert "...: Expected `float`" in line
    assert len(line) < 200 + len(str(tmp_path))


def test_an_accuracy_below_its_floor_is_a_problem(tmp_path):
    run = changed((*INFO, "accuracy"), 0.4)
    run["benchmarks"][0]["extra_info"]["accuracy_floor"] = 0.5
    assert "accuracy: 0.4 is below its floor 0.5" in problems(written(tmp_path, run))[0]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture],
                 deadline=None)  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        children = list(value.items())
    else:
        children = list(enumerate(value)) if isinstance(value, list) else []
    for key, child in children:
        yield from places(child, (*path, key))


@QUICK
@given(st.sampled_from([p for p in places(RUN) if p]), ANYTHING)
def test_a_file_with_any_field_replaced_never_crashes_a_reader(tmp_path, keys, value):
    path = written(tmp_path, changed(keys, value))
    for line in problems(path):
        assert line.startswith(str(path))
        assert "\n" not in line
    read_or_refuse(path)


@QUICK
@given(st.integers(0, len(json.dumps(RUN))))
def test_a_truncated_file_never_crashes_a_reader(tmp_path, length):
    path = written(tmp_path, json.dumps(RUN)[:length])
    if length < len(json.dumps(RUN)):
        (line,) = problems(path)
        assert ("not a readable JSON file" if length else "the file is empty") in line
    read_or_refuse(path)


@QUICK
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_never_crash_a_reader(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    assert problems(path)
    read_or_refuse(path)


def read_or_refuse(path):
    try:
        read_file(path)
    except ResultError as error:
        message = str(error)
    else:
        message = str(path)
    assert message.startswith(str(path))
    assert "\n" not in message


def test_the_published_schema_is_the_one_that_is_checked():
    """Where a type changed: ``python -m bench.studies.result_schema``."""
    published = json.loads(result_schema.TARGET.read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(result_schema.schema()))
    required = set(published["$defs"]["Row"]["required"])
    assert required == set(ROW)
    assert required | OPTIONAL == set(published["$defs"]["Row"]["properties"])


def test_the_command_exits_with_2_and_names_each_problem(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(RUN))
    bad.write_text("{")
    assert CliRunner().invoke(main, ["check", str(good)]).exit_code == 0
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{bad}: not a readable JSON file")
    assert CliRunner().invoke(main, ["check", str(tmp_path / "empty")]).exit_code == 2
