"""The study of kills finds what it looks for, and the project's own commands survive it."""

import json
import random
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.studies import kills
from bench.studies.kill_operations import OPERATIONS, Operation, json_problem
from bench.studies.kills import End, measure, trial
from tlbench.cache import temporary_folder
from tlbench.cli.gates import ready
from tlbench.gate.run import Settings

#: Writes a file in two steps, or whole; starts a child that stays; says nothing; leaves a part.
VICTIM = """
import json, os, pathlib, subprocess, sys, time
kind, target = sys.argv[1], pathlib.Path("out/x.json")
target.parent.mkdir(exist_ok=True)
try:
    if kind == "child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    text = json.dumps(list(range(100)))
    part = target if kind == "halves" else target.with_name(f".x{os.getpid()}.part")
    with open(part, "w") as file:
        file.write(text[:9])
    with open(part, "a") as file:
        file.write(text[9:])
    if kind == "waits":
        time.sleep(60)
    part.replace(target)
    if kind == "notes":
        pathlib.Path("out/notes").write_text("saved")
    if kind == "lingers":
        time.sleep(60)
except KeyboardInterrupt:
    if kind != "waits" or "--polite" in sys.argv:
        part.unlink()
    print("interrupted" if "--polite" in sys.argv else "", file=sys.stderr)
    sys.exit(2)
"""


def victim(*arguments):
    def prepare(place):
        (place / "victim.py").write_text(VICTIM)

    return Operation("victim", ("victim", *arguments), ("out/x.json",), json_problem, prepare)


def test_a_file_that_is_written_in_place_is_found():
    problems = trial(victim("halves"), End(signal.SIGKILL, point=3))
    assert any(each.startswith("x.json: ") for each in problems)
    assert trial(victim("halves"), End(signal.SIGKILL, point=2)) == []


def test_a_part_that_nobody_removes_is_found():
    (problem,) = trial(victim("whole"), End(signal.SIGKILL, point=3))
    assert problem.startswith("left behind after running again: out/.x")


def test_what_gates_and_benchmarks_may_leave_is_looked_for_where_they_put_it(tmp_path, monkeypatch):
    """The places are those of the code, not names that were written down once."""
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    commit = ["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(commit, cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    with temporary_folder(), ready(("ref=HEAD", "ref=HEAD"), Settings(()), print):
        places = {str(Path(path).parent) for path in kills._left(tmp_path)}
    assert places == {"cache/temporary", "cache/gate/trees", ".git/worktrees"}
    assert kills._left(tmp_path) == []


def test_a_child_that_lives_on_is_found(monkeypatch):
    monkeypatch.setattr(kills, "GRACE_S", 1.0)
    problems = trial(victim("child"), End(signal.SIGKILL, point=2))
    assert any(each.startswith("a process lives on: ") for each in problems)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--polite"], []), ([], ["it doesn't say that it was interrupted", "left behind: out/.x"])],
    ids=["polite", "silent"],
)
def test_how_a_command_ends_that_was_asked_to(arguments, expected, monkeypatch):
    """Run again, it would take a minute: that is cut short."""
    monkeypatch.setattr(kills, "run", _once(kills.run))
    problems = trial(victim("waits", *arguments), End(signal.SIGINT, after_s=1.5))
    first = [each for each in problems if "again" not in each]
    assert len(first) == len(expected)
    for problem, start in zip(first, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize(("kind", "problem"), [("lingers", ""), ("waits", "exit code -15")])
def test_the_signal_itself_may_only_end_what_had_nothing_left_to_do(kind, problem, monkeypatch):
    monkeypatch.setattr(kills, "run", _once(kills.run))
    problems = trial(victim(kind), End(signal.SIGTERM, after_s=1.5))
    first = [each for each in problems if "again" not in each]
    assert bool(first) == bool(problem)
    assert first == [] or first[0].startswith(problem)


@pytest.mark.parametrize(
    ("number", "says", "expected"),
    [
        (5, "out/x.json: exists already", []),
        (4, "out/x.json: exists already", [2, "no out/x.json"]),
        (5, "x: exists already", [2]),
        (5, "out/x.json: can't be written", [2]),
    ],
    ids=["saved", "not saved", "another place", "another refusal"],
)
def test_only_what_was_saved_may_be_refused(number, says, expected, monkeypatch):
    """The fourth of its writes is the rename, after which its outcome is there."""
    operation = victim("notes")
    refuses = kills.Ended(2, f"--save {says}", early=False)
    first = kills.run
    monkeypatch.setattr(kills, "run", lambda *a: first(*a) if a[2] else refuses)
    problems = trial(
        replace(operation, never_overwritten="out/x.json"), End(signal.SIGKILL, point=number)
    )
    starts = [f"run again: {'exit code 2' if each == 2 else each}" for each in expected]
    again = [each for each in problems if each.startswith("run again")]
    assert [each[: len(start)] for each, start in zip(again, starts, strict=True)] == starts


def _once(run):
    def first(operation, place, end, mark=""):
        return run(operation, place, end, mark) if end else kills.Ended(0, "", early=False)

    return first


@pytest.mark.slow
def test_a_command_survives():
    """A few kills of one command; the study itself has hundreds, of all of them."""
    outcome = measure(OPERATIONS["report"], 2, random.Random(5))
    assert outcome["failed"] == []
    assert outcome["trials"] == 4
    assert outcome["survived"] == 4


def test_a_study_continues_with_the_commands_that_its_file_lacks(monkeypatch, tmp_path):
    measured = []

    def stand_in(operation, trials, draw):
        measured.append((operation.name, trials, draw.random()))
        return {"operation": operation.name, "asked": trials, "failed": []}

    monkeypatch.setattr(kills, "measure", stand_in)
    path = tmp_path / "kills.json"
    for arguments in (["--operation", "train"], [], [], ["--operation", "gate", "--trials", "31"]):
        with pytest.raises(SystemExit) as end:
            kills.main([str(path), *arguments])
        assert end.value.code == 0
    first = ["train", *(name for name in OPERATIONS if name != "train")]
    assert [name for name, _, _ in measured] == [*first, "gate"]
    rows = json.loads(path.read_text())["operations"]
    assert [row["operation"] for row in rows] == list(OPERATIONS)
    assert {row["asked"] for row in rows} == {30, 31}
    assert len({moment for _, _, moment in measured}) == len(OPERATIONS), "moments of its own"
