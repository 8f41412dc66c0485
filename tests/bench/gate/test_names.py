"""A benchmark's name is whole where it fits, else cut where others are the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tlbench.escapes import printable
from tlbench.gate.names import CUT, fitted_names, id_parts, short_names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("d/a.py::test_x", ("d/a.py", (), "test_x")),
        ("d/a.py::A::B::test_x[1]", ("d/a.py", ("A", "B"), "test_x[1]")),
        ("d/a.py::test_x[a::b[c]]", ("d/a.py", (), "test_x[a::b[c]]")),
        ("d[1]/a.py::test_x", ("d[1]/a.py", (), "test_x")),
        ("test_x", ("", (), "test_x")),
    ],
)
def test_an_id_has_a_file_classes_and_a_name(name, parts):
    assert id_parts(name) == parts


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["d/a.py::test_x", "d/a.py::test_y"], ["test_x", "test_y"]),
        (["d/a.py::A::test_x", "d/a.py::B::test_x"], ["A::test_x", "B::test_x"]),
        (["d/a.py::test_x", "d/b.py::test_x"], ["a.py::test_x", "b.py::test_x"]),
        (["d/a.py::test_x", "e/a.py::test_x"], ["d/a.py::test_x", "e/a.py::test_x"]),
        (["d/a.py::test_x[1]", "d/a.py::test_x[a::b]"], ["test_x[1]", "test_x[a::b]"]),
        (["d/a.py::A::test_x", "d/a.py::test_x"], ["A::test_x", "a.py::test_x"]),
    ],
)
def test_a_name_is_as_short_as_it_can_be(ids, names):
    assert list(short_names(ids).values()) == names


def fitted(ids, width):
    return fitted_names(short_names(ids), width)


LONG = "test_unstructure_attrs_lists_of_primitives"
CUTS = {
    "fits": (["test_x[1]", "test_x[2]"], 9, ["test_x[1]", "test_x[2]"]),
    "alone": ([LONG], 24, ["test…lists_of_primitives"]),
    "ends differ": (
        [f"{LONG}[{each}]" for each in ("json", "yaml")],
        24,
        ["test_unstructure_…[json]", "test_unstructure_…[yaml]"],
    ),
    "middles differ": (
        [f"test_load_{each}_{'and_dump_' * 3}again" for each in ("json", "yaml")],
        24,
        ["test_load_json_and…again", "test_load_yaml_and…again"],
    ),
    "two places differ": (
        [f"test_{'a' * 20}{x}{'b' * 20}{y}{'c' * 20}" for x in "12" for y in "34"],
        24,
        [f"test_aaaa…a{x}b…b{y}c…cccccc" for x in "12" for y in "34"],
    ),
    "one is longer": (
        [f"test_{'a' * count}" for count in (30, 1000)],
        24,
        ["test_aaa…21 more…aaaaaa", "test_aaa…991 more…aaaaaa"],
    ),
    "no room to tell": (
        [f"test_{'-'.join(x * 9 for x in bits)}" for bits in ("aaa", "aba", "bbb")],
        10,
        [f"test_{'a' * 9}-{'a' * 9}-{'a' * 9}", "test…-b…aa", "test_…bbbb"],
    ),
    "wide letters": (
        ["漢" * 20 + each for each in "12"],
        20,
        ["漢漢漢漢漢…漢漢漢漢1", "漢漢漢漢漢…漢漢漢漢2"],
    ),
}


@pytest.mark.parametrize(("ids", "width", "names"), CUTS.values(), ids=CUTS.keys())
def test_a_name_that_is_too_long_loses_what_others_have_too(ids, width, names):
    assert list(fitted(ids, width).values()) == names


WORDS = (
    "test_",
    "a",
    "aa",
    "ab",
    "json",
    "Converter",
    "-",
    "[",
    "]",
    "::",
    "/x.py",
    "é",
    "漢",
    CUT,
)
ALIKE = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
IDS = st.lists(ALIKE | st.text(max_size=40), unique_by=printable, max_size=8)


@given(ids=IDS, width=st.integers(8, 40))
def test_no_two_names_look_the_same(ids, width):
    names = fitted(ids, width)
    assert list(names) == ids
    assert len(set(names.values())) == len(ids)
    whole = short_names(ids)
    for key, name in names.items():
        assert name == whole[key] or cell_len(name) <= width


@given(
    lead=st.text("abc_", max_size=90),
    trail=st.text("xyz_", max_size=90),
    numbers=st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=40),
)
def test_what_differs_is_shown_within_the_width(lead, trail, numbers):
    ids = [f"bench/test_x.py::test_{lead}[{each:07}]{trail}" for each in numbers]
    names = fitted(ids, 40).values()
    assert max(map(cell_len, names)) <= 40
    assert len(set(names)) == len(ids)
    full = short_names(ids).values()
    # What is shown of a name fits that name alone.
    for name in names:
        pattern = ".*".join(map(re.escape, name.split(CUT)))
        assert sum(re.fullmatch(pattern, each) is not None for each in full) == 1


def test_many_long_names_are_cut_at_once():
    ids = [f"b.py::test_x[{'payload-' * 200}{number}-{'z' * 500}]" for number in range(300)]
    names = fitted(ids, 32).values()
    assert max(map(cell_len, names)) <= 32
    assert len(set(names)) == len(ids)


def test_what_no_cut_can_tell_stays_whole():
    """Each other name differs at another place, and all of these take too much room."""
    words = [letter * 8 for letter in "abcdefghijkl"]
    changed = [[*words[:i], words[i].upper(), *words[i + 1 :]] for i in range(len(words))]
    ids = ["-".join(["start", *each, "end"]) for each in [words, *changed]]
    whole, *others = fitted(ids, 30).values()
    assert whole == ids[0]
    assert max(map(cell_len, others)) <= 30
    assert len(set(others)) == len(words)
