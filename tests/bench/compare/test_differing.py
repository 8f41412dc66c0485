"""Each fact that entries differ in is told once, with what every entry has."""

import pytest

from tlbench.compare.differing import differing, within
from tlbench.compare.entries import entries_of
from tlbench.machine.fact_format import named
from tlbench.report.comparison_text import letters, spans
from tlbench.runs.collect import collect

CPU = {"cpu": "Other CPU"}
BASE = {"instruction_sets": ["avx", "avx2"], "memory_bytes": 10**10}


@pytest.fixture
def facts(write_run, tmp_path):
    """What differs between machines with these facts, by name."""

    def told(*several):
        for day, each in enumerate(several):
            write_run(f"{day}.json", day=day, engine=f"e{day}", facts=BASE | each)
        found = differing(entries_of(collect([str(tmp_path / "results")]).runs))
        return {each.name: each.values for each in found}

    return told


def test_entries_that_are_alike_differ_in_nothing(facts):
    assert facts({}, {}, {}) == {}


def test_a_fact_has_every_entrys_value(facts):
    assert facts({}, {"python": "3.13.0"}, {}) == {"Python": ("3.11.7", "3.13.0", "3.11.7")}


def test_hardware_comes_before_software(facts):
    assert list(facts({}, {"python": "3.13.0"} | CPU)) == ["CPU", "Python"]


def test_facts_that_tell_entries_apart_alike_are_one_line(facts):
    more = {"physical_cores": 16, "logical_cpus": 16}
    few = {"physical_cores": 2, "logical_cpus": 2}
    assert facts(few, more, few) == {"cores, CPUs": ("2", "16", "2")}


def test_of_lists_only_what_is_not_common_is_told(facts):
    found = facts({}, {"instruction_sets": ["avx", "avx2", "amx_tile"]})
    assert found == {"instructions beyond those all have": ("more: none", "more: amx_tile")}


def test_what_is_equal_but_for_a_little_has_the_value_of_the_first(facts):
    found = facts({}, {"memory_bytes": 10**10 - 10**7}, {"memory_bytes": 2 * 10**10})
    assert found == {"memory": ("10 GB", "10 GB", "20 GB")}


def test_an_entry_whose_runs_differ_says_in_what(write_run, tmp_path):
    for day, python in enumerate(("3.11.7", "3.11.7", "3.13.0")):
        write_run(f"{day}.json", day=day, facts={"python": python}, commit=python * 8)
    (entry,) = entries_of(collect([str(tmp_path / "results")]).runs)
    assert within(entry) == ("Python", "commit of the suite")


@pytest.mark.parametrize(
    ("positions", "told"),
    [([0], "A"), ([0, 1], "A-B"), ([0, 2, 3, 4], "A, C-E"), ([1, 3, 4], "B, D-E"), ([26], "A2")],
)
def test_neighbours_are_told_together(positions, told):
    assert spans(positions, letters(27)) == told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("memory_bytes", "memory"),
        ("packages.numpy", "numpy"),
        ("settings.OMP_NUM_THREADS", "OMP_NUM_THREADS"),
        ("caches.L2", "L2 cache"),
        ("hypervisor", "hypervisor"),
    ],
)
def test_facts_have_names_in_words(name, words):
    assert named(name) == words
