"""What a gate says while it runs stays within a line of 80 columns."""

import pytest
from rich.cells import cell_len

from tlbench.gate.pair_result import BASE, CANDIDATE, BenchmarkOutcome, Pair, PairedRounds
from tlbench.gate.plan import Outlook
from tlbench.gate.progress import FIRST_S, LATER_S, pair_line, plan_line, resumed_line, steps
from tlbench.stats.pair_decisions import Decisions

PASSED = {key: BenchmarkOutcome("passed") for key in (BASE, CANDIDATE)}


def pair(ratios, seconds=12.3):
    benchmarks = {
        name: PairedRounds([1.0], [ratio], outcomes=PASSED) for name, ratio in ratios.items()
    }
    return Pair(True, benchmarks, seconds)


def decisions(names, **decided):
    return Decisions(dict.fromkeys(names, 0.05), decided)


def test_a_pair_says_how_many_are_decided_and_the_largest_changes_over_all_pairs():
    ratios = {"a.py::test_same": 1.001, "a.py::test_slow": 1.12, "a.py::test_fast": 0.25}
    pairs = [pair(ratios), pair({**ratios, "a.py::test_slow": 1.12**3})]
    assert pair_line(pairs, decisions(ratios)) == (
        "pair 2 (12 s): 0 of 3 decided; fast 4.0x faster, slow +25.4 %, same +0.1 %"
    )


def test_what_is_decided_and_no_longer_timed_still_counts():
    pairs = [pair({"a": 1.2, "b": 1.0}), pair({"b": 1.0})]
    judged = Decisions({"a": 0.05, "b": 0.05}, {"a": "fail"})
    assert pair_line(pairs, judged) == "pair 2 (12 s): 1 of 2 decided, 1 fail; b 0.0 %, a +20.0 %"


NAMES = {
    "two": ["test_count", "test_ordered"],
    "parameters": [
        f"bench/test_x.py::test_unstructure_attrs_{kind}[{converter}-{number}]"
        for kind in ("lists", "mappings_of_primitives")
        for converter in ("BaseConverter", "Converter", "GenConverter")
        for number in range(22)
    ],
    "alike": [f"test_x[{'payload-' * 20}{number}]" for number in range(136)],
    "wide": ["漢" * 50 + each for each in "12"],
    "repeated": ["a" * count for count in (1000, 2000, 5000)],
    "none": [],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("ratio", [1.01, 1234.5])
def test_a_pair_is_one_line_whatever_its_benchmarks_are(names, ratio):
    pairs = [pair({name: ratio + number for number, name in enumerate(names)}, 1234.5)] * 32
    line = pair_line(pairs, decisions(names))
    assert line.startswith(f"pair 32 (1234 s): 0 of {len(names)} decided")
    assert cell_len(line) <= 80
    assert line.isprintable()


def test_the_function_that_all_benchmarks_are_of_is_left_out():
    ratios = {"a.py::test_load[json-1]": 1.1, "a.py::test_load[yaml-1]": 1.0}
    assert pair_line([pair(ratios)], decisions(ratios)) == (
        "pair 1 (12 s): 0 of 2 decided; [json-1] +10.0 %, [yaml-1] 0.0 %"
    )


def test_of_many_the_largest_change_has_room():
    names = NAMES["parameters"]
    pairs = [pair(dict.fromkeys(names, 35.1), 123.0)] * 32
    line = pair_line(pairs, decisions(names, **dict.fromkeys(names, "fail")))
    assert line.startswith("pair 32 (123 s): 132 of 132 decided, 132 fail; unstruc")
    assert line.endswith("] 35.1x slower")
    assert cell_len(line) <= 80


@pytest.mark.parametrize(
    ("outlook", "line"),
    [
        (Outlook(14, 500.0), "plan: room for up to 14 pairs; verdicts from pair 6"),
        (
            Outlook(3, 1234.5),
            "the budget is too short: room for 3 of at least 6 pairs; use --budget 1235",
        ),
    ],
)
def test_the_plan_is_one_line(outlook, line):
    assert plan_line(outlook) == line
    assert len(line) <= 80


def test_resuming_says_from_where():
    assert resumed_line(1) == "resuming after 1 pair"
    assert resumed_line(3) == "resuming after 3 pairs"
    assert resumed_line(0) == "nothing to resume for these arms and options, starting over"


@pytest.mark.parametrize(("number", "every_s"), [(1, FIRST_S), (2, LATER_S)])
def test_within_a_pair_a_line_now_and_then_says_how_far_it_is(number, every_s):
    names, now, said = NAMES["parameters"], 0.0, []
    with steps(number, said.append, lambda: now) as step:
        for done, name in enumerate(names):
            step(name, done, names)
            now += every_s / 64
    assert said == [
        f"pair {number}: 64 of 132 benchmarks timed, now unstructu…lists[GenConverter-20]",
        f"pair {number}: 128 of 132 benchmarks timed, now unst…primitives[GenConverter-18]",
    ]


def test_on_a_terminal_a_bar_shows_it_in_place_and_goes(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    said = []
    with steps(1, said.append, lambda: 1e9) as step:
        for done in range(3):
            step("test_y", done, ["test_x", "test_y", "test_z"])
    shown = capsys.readouterr().err
    assert "pair 1:" in shown
    assert "2/3" in shown
    assert "test_z" not in shown
    assert ", y]" in shown
    assert shown.endswith("\r")
    assert "\n" not in shown
    assert said == []
