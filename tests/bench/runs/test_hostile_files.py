"""One bad file of results takes no other along: it is named and skipped, and the exit code is 2."""

import copy
import json
import math
import os

import msgspec
import pytest
from click.testing import CliRunner

from bench.studies import result_schema
from tlbench.cli.main import main
from tlbench.runs.check import problems
from tlbench.runs.collect import collect
from tlbench.runs.read import ResultError, read_file
from tlbench.runs.row import MOST_ROUNDS, Row
from tlbench.text_files import MOST_BYTES, MOST_LEVELS

DEEP = "[" * 5000 + "]" * 5000


@pytest.fixture
def run(write_run):
    """A good run's content."""
    return json.loads(write_run("good.json").read_text(encoding="utf-8"))


def at(run, *keys, value):
    """A copy of a run with another value at a place."""
    place = whole = copy.deepcopy(run)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return whole


def row(run, **fields):
    info = run["benchmarks"][0]["extra_info"] | fields
    return at(run, "benchmarks", 0, "extra_info", value=info)


def facts(run, **values):
    return at(run, "machine_info", "tlbench", value=run["machine_info"]["tlbench"] | values)


def rounds(count, **fields):
    one = {
        "order": 0, "timed": True, "started_at": 1.7e9, "seconds": 1.0, "unfinished_s": 0.0,
        "noise": None, "joules": None,
    }  # fmt: skip
    return [one | fields] * count


def raw(text):
    """The text of a run with a part that Python wouldn't write."""
    return lambda run: json.dumps(at(run, "extra", value="HERE")).replace('"HERE"', text)


#: What a file may hold, made from a good run: an object, or text, or bytes.
BAD_CONTENTS = {
    "empty": lambda run: "",
    "cut off": lambda run: json.dumps(run)[:-9],
    "a list": lambda run: [],
    "no benchmarks": lambda run: run | {"benchmarks": []},
    "benchmarks of others only": lambda run: at(
        run, "benchmarks", value=[each | {"extra_info": {}} for each in run["benchmarks"]]
    ),
    "not UTF-8": lambda run: json.dumps(row(run, model="X")).encode().replace(b'"X"', b'"\xff"'),
    "UTF-16": lambda run: json.dumps(run).encode("utf-16"),
    "half a surrogate pair": lambda run: row(run, model="\ud800"),
    "half a pair in the machine": lambda run: facts(run, cpu="\udfff"),
    "nested deep": lambda run: DEEP,
    "nested deep in a benchmark": lambda run: json.dumps(row(run, model="X")).replace('"X"', DEEP),
    "nested deep in the machine": lambda run: json.dumps(facts(run, x="X")).replace('"X"', DEEP),
    "nested in the machine": lambda run: json.dumps(facts(run, x="X")).replace(
        '"X"', "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1)
    ),
    "too many rounds": lambda run: row(run, rounds=rounds(MOST_ROUNDS + 1)),
    "a round of no time": lambda run: row(run, rounds=rounds(2, seconds=1e-320)),
    "a round of all time": lambda run: row(run, rounds=rounds(2, seconds=1e300)),
    "energy that is infinite": lambda run: row(run, rounds=rounds(2, joules=math.inf)),
    "a spread that is no number": lambda run: row(run, spread=math.nan),
    "a rate beyond floats": lambda run: json.dumps(row(run, images_per_s="X")).replace(
        '"X"', "1e999"
    ),
    "an integer of 400 digits": lambda run: row(run, images=10**400),
    "an integer of 5,000 digits": lambda run: json.dumps(row(run, images="X")).replace(
        '"X"', "9" * 5000
    ),
    "an integer beyond 2^63": lambda run: row(run, peak_rss_bytes=2**63),
    "memory of 400 digits": lambda run: facts(run, memory_bytes=10**400),
    "memory that is no number": lambda run: facts(run, memory_bytes=math.nan),
    "an instance type that is a list": lambda run: facts(run, instance_type=["a"]),
    "GPUs that are a number": lambda run: facts(run, gpus=5),
    "a CPU's family that is a list": lambda run: facts(run, cpu_id=[1]),
    "no number of CPUs": lambda run: facts(run, cpus_usable=None),
    "no date": lambda run: run | {"datetime": "yesterday"},
    "a date before clocks": lambda run: run | {"datetime": "0001-01-01T00:00:00+23:59"},
    "a date after charts": lambda run: run | {"datetime": "9999-12-31T23:59:59-23:59"},
}


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("case", BAD_CONTENTS)
def test_a_bad_file_is_skipped_and_named_and_check_refuses_it(case, run, tmp_path):
    bad = write(tmp_path / "results" / "bad.json", BAD_CONTENTS[case](run))
    found = collect([str(tmp_path / "results")])
    assert [each.path.name for each in found.runs] == ["good.json"]
    (line,) = found.skipped
    assert line.startswith(f"{bad}: ")
    assert "\n" not in line
    assert len(line) < 600 + len(str(bad))
    assert all(each.startswith(f"{bad}: ") for each in problems(bad))
    assert problems(bad)


def fifo(path):
    os.mkfifo(path)


def unreadable(path):
    if os.geteuid() == 0:
        pytest.skip("the superuser reads everything")
    path.touch(mode=0)


def large(path):
    path.touch()
    os.truncate(path, MOST_BYTES + 1)  # of zeros that take no space


BAD_KINDS = {
    "a pipe": (fifo, "a pipe; expected a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device or socket; expected"),
    "a folder": (lambda path: path.mkdir(), "a folder; expected a regular file"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "a link to nothing": (lambda path: path.symlink_to("none"), "No such file"),
    "unreadable": (unreadable, "Permission denied"),
    "too large": (large, "32.0 MB; expected at most 32 MB"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other kinds of files")
@pytest.mark.parametrize("kind", BAD_KINDS)
def test_what_is_no_readable_file_is_skipped_and_never_waited_for(kind, write_run, tmp_path):
    write_run("good.json")
    bad = tmp_path / "results" / "bad.json"
    make, message = BAD_KINDS[kind]
    make(bad)
    found = collect([str(tmp_path / "results")])
    assert len(found.runs) == 1
    assert message in found.skipped[0]
    assert message in problems(bad)[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_that_is_named_is_one_line(tmp_path):
    fifo(tmp_path / "pipe")
    done = CliRunner().invoke(main, ["compare", str(tmp_path / "pipe")])
    assert done.exit_code == 2
    assert done.stderr == f"Error: {tmp_path / 'pipe'}: a pipe; expected a regular file\n"


def numbers_of(kind, path=()):
    """Where a type has numbers: names of fields, and positions in lists."""
    if isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        yield path
    elif isinstance(kind, msgspec.inspect.UnionType):
        for each in kind.types:
            yield from numbers_of(each, path)
    elif isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            yield from numbers_of(field.type, (*path, field.encode_name))
    elif isinstance(kind, msgspec.inspect.VarTupleType):
        yield from numbers_of(kind.item_type, (*path, 0))
    elif isinstance(kind, msgspec.inspect.TupleType):
        for place, each in enumerate(kind.item_types):
            yield from numbers_of(each, (*path, place))


def test_every_number_of_a_row_has_bounds():
    """Also those of fields that are yet to come."""
    parts = result_schema.schema()["$defs"]
    unbounded = [
        f"{name}.{field}"
        for name, part in parts.items() if name != "About"
        for field, kind in part["properties"].items()
        for each in (kind, *kind.get("anyOf", ()), kind.get("items") or {})
        if each.get("type") in ("number", "integer")
        and not {"minimum", "maximum"} <= each.keys()
    ]  # fmt: skip
    assert unbounded == []
    assert len(list(numbers_of(msgspec.inspect.type_info(Row)))) > 60


OUT_OF_RANGE = (math.nan, math.inf, -math.inf, 1e300, -1e300, 10**30, 10**400, 1e-320)


@pytest.mark.parametrize(
    "name", [name for (name,) in filter(lambda p: len(p) == 1, numbers_of(
        msgspec.inspect.type_info(Row)))]
)  # fmt: skip
def test_a_number_out_of_range_is_refused_by_reader_and_check_alike(name, run, tmp_path):
    for value in OUT_OF_RANGE:
        bad = write(tmp_path / "bad.json", row(run, **{name: value}))
        lines = problems(bad)
        if not lines:  # amounts, which may also be 0, are multiplied and never divided by
            assert value == 1e-320
            read_file(bad)
            continue
        assert any(name in line or "more than 64 bits" in line for line in lines), lines
        with pytest.raises(ResultError):
            read_file(bad)


def compare(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.mark.parametrize("command", ["compare", "history", "report"])
def test_the_rest_is_shown_and_the_exit_code_says_that_something_was_skipped(
    command, write_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("tlbench.report.html.page.picture", lambda _: "")
    for day, engine in enumerate("ab"):
        write_run(f"{engine}.json", day=day, engine=engine)
    arguments = [command, tmp_path / "results"]
    arguments += ["-o", tmp_path / "page.html"] * (command == "report")
    whole = compare(*arguments)
    assert whole.exit_code == 0, whole.output
    (tmp_path / "results" / "bad.json").write_text("{")
    rest = compare(*arguments)
    assert rest.exit_code == 2
    assert rest.stdout == whole.stdout
    assert rest.stderr.startswith(f"skipped: {tmp_path / 'results' / 'bad.json'}: not a readable")


def test_copies_of_a_run_count_once_and_their_number_is_said(write_run, tmp_path):
    for name in ("a.json", *(f"copy-{number}.json" for number in range(5))):
        write_run(name, engine="a")
    write_run("again.json", engine="a", day=1)
    write_run("b.json", engine="b")
    path = write_run("otherwise.json", engine="b")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2))
    found = collect([str(tmp_path / "results")])
    assert sorted(each.path.name for each in found.runs) == ["a.json", "again.json", "b.json"]
    assert (found.copies, found.skipped) == (6, ())
    done = compare("compare", tmp_path / "results", "--json")
    assert done.exit_code == 0
    assert done.stderr == "6 copies of runs left out\n"
    (table,) = json.loads(done.stdout)["comparisons"]
    assert [len(each["files"]) for each in table["entries"]] == [2, 1]


def test_a_run_that_is_named_twice_is_still_compared_with_itself(write_run):
    path = write_run("a.json")
    done = compare("compare", path, path)
    assert done.exit_code == 0
    assert done.stderr == ""
