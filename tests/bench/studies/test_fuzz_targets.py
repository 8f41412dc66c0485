"""What is fuzzed starts from valid input, which the parsers read without an error of their own."""

import contextlib
from importlib.util import find_spec

import pytest

from bench.studies import fuzz_targets
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
