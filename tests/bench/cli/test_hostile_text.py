"""Text from strangers reaches the terminal, and files, without what a terminal obeys."""

import csv
import itertools
import json
import xml.etree.ElementTree as ET

import click
import pytest
from click.testing import CliRunner

from tl_core.models.notes import NOTES_FILE
from tlbench.cli import baseline as baseline_command
from tlbench.cli import predict as predict_command
from tlbench.cli.main import SHORT_HELPS, main
from tlbench.escapes import printable
from tlbench.gate.verdict import Report, Verdict
from tlbench.report.gate_junit import gate_junit
from tlbench.report.gate_markdown import gate_markdown
from tlbench.report.gate_text import COLOURS, gate_table
from tlbench.suite.prediction import Answer
from tlbench.terminal import show

FORGED = "verdict: PASS"
#: Renames the window, hides what follows, erases the screen (C1), turns the direction of text
#: around, and forges a line.
HOSTILE = f"a\x1b]0;owned\x07\x1b[8mb\x9b2Jc\u202ed\u200be\r\n{FORGED}"
COMMANDS = {name: main.get_command(click.Context(main), name) for name in SHORT_HELPS}
#: What a command needs before it looks at its other options.
FURTHER = {"gate": ("--base", "colour=red")}


def tlbench(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def assert_harmless(text):
    assert printable(text, keep="\n") == text
    assert not any(line.startswith(FORGED) for line in text.splitlines())


def is_text(parameter):
    return not isinstance(
        parameter.type, click.types.IntParamType | click.types.FloatParamType
    ) and not (getattr(parameter, "is_flag", False))


def typed(name, parameter):
    """A command's arguments: a hostile text for one parameter, and all that it must have."""
    command = COMMANDS[name]
    options = [
        (each.opts[-1], HOSTILE)
        for each in command.params
        if isinstance(each, click.Option) and (each is parameter or each.required)
    ]
    # At least one argument, of which there is none such: else some commands would begin their work.
    positional = [HOSTILE for each in command.params if isinstance(each, click.Argument)]
    further = FURTHER.get(name, ()) if parameter.name != "base" else ()
    return [*itertools.chain(*options), *further, "--", *positional]


def parameters():
    return [
        pytest.param(name, parameter, id=f"{name} {parameter.opts[-1]}")
        for name, command in COMMANDS.items()
        for parameter in command.params
        if is_text(parameter)
    ]


@pytest.mark.parametrize(("name", "parameter"), parameters())
def test_no_argument_reaches_the_terminal_raw(name, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(baseline_command, "run_child", lambda *_, **__: (4, HOSTILE))
    done = tlbench(name, *typed(name, parameter))
    assert done.exit_code != 0
    assert isinstance(done.exception, SystemExit), done.exception
    assert_harmless(done.output)


def test_an_unknown_command_or_option_is_quoted_harmlessly():
    for arguments in ([HOSTILE], [f"--{HOSTILE}"], ["check", f"--{HOSTILE}"]):
        done = tlbench(*arguments)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert_harmless(done.output)


#: Fields of a row with a name, as far as files may have any text there.
FIELDS = ("model", "data", "engine", "decoder", "energy_source")
SHOWS = {
    "check": ("check",),
    "check --json": ("check", "--json"),
    "compare": ("compare",),
    "compare --json": ("compare", "--json"),
    "history": ("history",),
    "history --json": ("history", "--json"),
}


@pytest.fixture(scope="module")
def hostile_runs(write_shared_run):
    """Runs with hostile text in every field that has a name, and files and folders named so."""
    texts = dict.fromkeys(FIELDS, HOSTILE)
    for day in range(3):
        name = f"{HOSTILE}/{HOSTILE}{day}.json"
        run = write_shared_run(
            name,
            day=day,
            faster=1 + day / 5,
            facts={"cpu": HOSTILE, "os_name": f"{day}{HOSTILE}", "instance_type": HOSTILE},
            commit=f"{day}{HOSTILE}",
            **texts,
        )
        whole = json.loads(run.read_text())
        whole["benchmarks"][0]["name"] = f"{HOSTILE}"
        whole["tlbench"] = {"version": 1, "not_measured": {HOSTILE: HOSTILE}}
        run.write_text(json.dumps(whole))
    other = write_shared_run("other.json", facts={"cpu": f"other {HOSTILE}"}, **texts)
    (other.parent / f"broken {HOSTILE}.json").write_text("{" + HOSTILE)
    return other.parent


@pytest.mark.parametrize("arguments", SHOWS.values(), ids=SHOWS)
def test_no_text_of_a_result_file_reaches_the_terminal_raw(arguments, hostile_runs):
    done = tlbench(*arguments, hostile_runs)
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert "owned" in done.output
    assert_harmless(done.output)
    if "--json" in arguments:
        json.loads(done.stdout)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "x"), "expected one of"),
        (("--price", "x=1"), "no run is of this machine"),
        (("--prices", "{prices}"), "names no machine"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_names_that_an_error_proposes_are_harmless(options, message, hostile_runs, tmp_path):
    prices = tmp_path / "prices"
    prices.write_text(f"{json.dumps(HOSTILE + 'x')} = 1.0")
    done = tlbench("compare", hostile_runs, *(each.format(prices=prices) for each in options))
    assert done.exit_code == 2
    assert message in done.stderr
    assert_harmless(done.output)


def test_files_that_a_comparison_writes_are_harmless(hostile_runs, tmp_path):
    page, table = tmp_path / "page.md", tmp_path / "table.csv"
    done = tlbench("compare", hostile_runs, "--markdown", page, "--csv", table)
    assert done.exit_code == 2, done.output  # of the file that is skipped
    assert_harmless(page.read_text(encoding="utf-8"))
    with table.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) > 2


def test_a_prices_file_that_is_none_is_quoted_harmlessly(hostile_runs, tmp_path):
    prices = tmp_path / HOSTILE
    for text in (f"{HOSTILE} = ", f"{json.dumps(HOSTILE)} = {json.dumps(HOSTILE)}"):
        prices.write_text(text)
        done = tlbench("compare", hostile_runs, "--prices", prices)
        assert done.exit_code == 2
        assert_harmless(done.output)


def report():
    verdicts = (
        Verdict(f"bench_{HOSTILE}.py::test_x", "fail", HOSTILE),
        Verdict(f"bench_x.py::test_x[{HOSTILE}]", "not comparable", HOSTILE),
    )
    return Report(HOSTILE, HOSTILE, verdicts, notes=(HOSTILE, f"x: {HOSTILE}"))


def test_a_gates_report_is_harmless_on_the_terminal(capsys):
    show(gate_table(report()), COLOURS)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert printable(text, keep="\n") == text
    assert [line for line in lines if line.startswith("verdict:")] == lines[-1:]


def test_a_gates_report_is_harmless_as_markdown_and_xml():
    assert_harmless(gate_markdown(report()))
    text = gate_junit(report())
    assert_harmless(text)
    assert len(ET.fromstring(text).findall(".//testcase")) == 2


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_classes_and_files_that_a_prediction_names_are_harmless(monkeypatch, options, tmp_path):
    answers = [Answer(HOSTILE, (), HOSTILE)]
    monkeypatch.setattr(predict_command, "_answers", lambda *_: (answers, [HOSTILE]))
    done = tlbench("predict", "x", "y", "--csv", tmp_path / "table.csv", *options)
    assert done.exit_code == 1
    assert "owned" in done.output
    assert_harmless(done.output)


def test_classes_of_a_saved_model_are_named_harmlessly(tmp_path):
    (tmp_path / NOTES_FILE).parent.mkdir()
    (tmp_path / NOTES_FILE).write_text(json.dumps({"version": 1, "class_names": [HOSTILE, "b"]}))
    done = tlbench("classify", "--model", tmp_path)
    assert done.exit_code == 2
    assert "Use tlbench predict" in done.stderr
    assert_harmless(done.output)


def test_class_folders_are_named_harmlessly(tmp_path):
    for name in (HOSTILE, f"b{HOSTILE}"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{HOSTILE}.txt").touch()
    done = tlbench("train", tmp_path)
    assert done.exit_code == 2
    assert "too few pictures" in done.stderr
    assert "left out" in done.stderr
    assert_harmless(done.output)
