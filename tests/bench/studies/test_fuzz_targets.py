"""What is fuzzed starts from valid input, which the parsers read without an error of their own."""

import contextlib
import json
import sys
from importlib.util import find_spec

import pytest

from bench.studies import fuzz, fuzz_targets
from bench.studies.fuzz_targets import TARGETS

#: Its SavedModel is never whole, as the target's docstring says.
REFUSED = {"archive"}


@pytest.fixture(autouse=True)
def unsuppressed(monkeypatch, tmp_path):
    """Errors of the parsers themselves are errors here."""
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fuzz_targets, "suppress", lambda *_: contextlib.nullcontext())


@pytest.mark.parametrize("name", sorted(set(TARGETS) - REFUSED))
def test_seeds_are_valid(tmp_path, name):
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds
    for seed in seeds:
        path = tmp_path / "x"
        path.write_bytes(seed)
        target.read(seed, path)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_is_instrumented_is_there(name):
    assert all(find_spec(module) for module in TARGETS[name].modules)


@pytest.fixture
def fuzzed(monkeypatch):
    """Run the study with a stand-in for fuzzing that finds something in one parser."""

    def run(*arguments):
        names = []

        def stand_in(name, seconds, findings):
            del findings
            names.append(name)
            return {"target": name, "seconds": seconds, "exit_code": int(name == "arm")}

        monkeypatch.setattr(fuzz, "fuzz", stand_in)
        monkeypatch.setattr(sys, "argv", ["fuzz", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            fuzz.main()
        return names, end.value.code

    return run


def test_a_finding_of_any_parser_is_the_exit_code(fuzzed):
    assert fuzzed("--target", "arm", "--target", "notes") == (["arm", "notes"], True)
    assert fuzzed("--target", "notes") == (["notes"], False)


def test_a_study_continues_with_what_its_file_lacks(fuzzed, tmp_path):
    path = tmp_path / "fuzz.json"
    fuzzed(path, "--target", "notes", "--seconds", 60)
    names, code = fuzzed(path, "--target", "arm", "--target", "notes", "--seconds", 60)
    assert (names, code) == (["arm"], True)
    assert {row["target"] for row in json.loads(path.read_text())["targets"]} == {"arm", "notes"}
    assert fuzzed(path, "--target", "notes", "--seconds", 120)[0] == ["notes"]
