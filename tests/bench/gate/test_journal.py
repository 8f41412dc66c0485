"""A journal gives back the pairs that were written, whatever interrupted the writing."""

import json
from pathlib import Path

import msgspec
import pytest

from tlbench.gate.pair_result import (
    BenchmarkOutcome,
    Journal,
    JournalError,
    Loaded,
    Pair,
    PairedRounds,
)

OUTCOMES = {key: BenchmarkOutcome("passed", "", {"accuracy": 0.5}) for key in ("base", "head")}
TIMED = PairedRounds(
    [1.0, 1.5], [2, 0.5], iterations=3, parts=7, wall_s=4.5, overhead_s=0.5, outcomes=OUTCOMES
)
PAIR = Pair(
    True, {"a.py::test_x": TIMED}, 7.5,
    ("gone",), ("new",), {"a.py::test_x": {"args": ["5%"], "kwargs": {}}},
    errors={"base": {"b.py": BenchmarkOutcome("died", "was ended by SIGSEGV")}, "head": {}},
    loaded={"base": {"pkg": Loaded("/pkg.py", "1", ("pkg._c",))}, "head": {}},
    lost=("c.py::test_y",),
)  # fmt: skip


#: Gates that the first versions saved.
SAVED = Path(__file__).parents[3] / "results" / "studies" / "gates"


@pytest.fixture
def journal(tmp_path):
    return Journal.of(tmp_path / "new" / "journals", {"base": "main", "head": "."})


def test_pairs_that_were_added_are_resumed(journal):
    assert journal.resume() == []
    journal.add(PAIR)
    journal.add(PAIR)
    assert journal.resume() == [PAIR, PAIR]
    assert '"head_first": true' in journal.path.read_text(), "saved gates have this key"


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_a_last_line_that_was_cut_off_is_dropped(journal, cut):
    journal.start()
    journal.add(PAIR)
    whole = journal.path.read_text()
    journal.add(PAIR)
    journal.path.write_text(journal.path.read_text()[:-cut])
    assert journal.resume() == [PAIR]
    assert journal.path.read_text() == whole


def test_starting_over_forgets_pairs_and_the_end_leaves_no_file(journal):
    journal.start()
    journal.add(PAIR)
    journal.start()
    assert journal.resume() == []
    journal.end()
    assert not journal.path.exists()


@pytest.mark.parametrize("line", ["7", "{}", '{"head_first": true}', "no JSON"])
def test_a_line_that_is_none_of_ours_is_named(journal, line):
    journal.start()
    journal.path.write_text(journal.path.read_text() + line + "\n")
    with pytest.raises(JournalError, match=r"can't be resumed .*; delete it to start over"):
        journal.resume()


def test_other_arms_or_options_have_another_file(tmp_path, journal):
    same = Journal.of(tmp_path / "new" / "journals", {"head": ".", "base": "main"})
    other = Journal.of(tmp_path / "new" / "journals", {"base": "main", "head": ".", "folder": "/"})
    assert same.path == journal.path
    assert other.path != journal.path
    journal.start()
    journal.path.rename(other.path)
    with pytest.raises(JournalError, match="belongs to another gate"):
        other.resume()


def test_gates_that_earlier_versions_saved_are_read():
    files = sorted(SAVED.glob("*/*.json"))
    gates = [gate for path in files for gate in json.loads(path.read_text())["gates"]]
    pairs = [msgspec.convert(pair, Pair) for gate in gates for pair in gate["pairs"]]
    assert len(pairs) > 100
    assert all(each.benchmarks and not each.lost and not each.errors for each in pairs)


def test_how_sides_ended_in_earlier_versions_is_read(journal):
    """One that died was ``failed``; nobody noted what a test expected to be raised."""
    ends = {
        "base": {"outcome": "passed", "message": "", "info": {}},
        "head": {"outcome": "failed", "message": "the process was ended by SIGKILL", "info": {}},
    }
    timed = {"base": [], "head": [], "iterations": 1, "wall_s": 0.0, "outcomes": ends}
    line = {"head_first": True, "benchmarks": {"a.py::test_x": timed}, "seconds": 1.0}
    journal.start()
    journal.path.write_text(journal.path.read_text() + json.dumps(line) + "\n")
    (pair,) = journal.resume()
    assert pair.unusable == {"a.py::test_x"}
    assert pair.benchmarks["a.py::test_x"].outcomes["head"].outcome == "failed"
