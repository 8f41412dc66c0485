"""A gate's report reads the same on the terminal, in JUnit XML and as JSON."""

import json
import math
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from gate_reports import (
    ESTIMATE,
    FAILED,
    FASTER,
    GONE,
    OPEN,
    PASSED,
    REPORT,
    REPORTS,
    hostile,
    report_of,
)
from hypothesis import given
from rich.cells import cell_len

from tlbench.escapes import printable
from tlbench.gate.names import id_parts, short_names
from tlbench.gate.verdict import Report, Verdict
from tlbench.report.gate_junit import gate_junit
from tlbench.report.gate_markdown import gate_markdown
from tlbench.report.gate_text import COLOURS, gate_explanation, gate_json, gate_table
from tlbench.report.gate_words import explanation, figures
from tlbench.report.text import WIDTH
from tlbench.stats.estimate import LOOKS, Estimate
from tlbench.terminal import coloured

# -- on the terminal --


def test_the_table_has_a_line_a_benchmark_then_reasons_notes_and_the_verdict():
    assert gate_table(REPORT) == [
        "HEAD against ref=main",
        "benchmark        change         interval n tol. verdict",
        "test_find 20.0 % slower +15.0 .. +26.0 % 8  5 % FAIL",
        "test_gone             -                - -  5 % NOT COMPARABLE",
        "test_open  1.3 % slower   -0.8 .. +2.1 % 8  5 % INCONCLUSIVE",
        "test_sort  1.3 % slower   -0.8 .. +2.1 % 8  5 % PASS",
        "test_find: top-1 0.8438 -> 0.8431 (10,000 images, 20 lost, 13 won)",
        "test_find: slower by 20.0%",
        "test_gone: vanished",
        "test_open: neither",
        "inconclusive: the smallest slowdown that would have been detected (power 90 %)",
        "  is 8.1 %; more time would decide 1 benchmark, if nothing changed: use",
        "  --budget=1200",
        "note: test_new: only the candidate has it",
        "1 fail, 1 not comparable, 1 inconclusive, 1 pass",
        "verdict: FAIL, took 412 s",
    ]


def test_figures_are_change_interval_n_and_tolerance():
    assert figures(PASSED) == ("1.3 % slower", "-0.8 .. +2.1 %", "8", "5 %")
    much = Verdict("x", "fail", "", 0.1, Estimate(80.1, 78, 82.3, 0.95, 10))
    assert figures(much) == ("80.1x slower", "78.0 .. 82.3x", "10", "10 %")
    assert figures(GONE) == ("-", "-", "-", "5 %")


def test_what_is_faster_shows_in_its_line():
    lines = gate_table(
        report_of(Verdict("a.py::test_x", "pass", "ruled out", 0.05, FASTER, faster=True))
    )
    assert lines[2].endswith(" PASS, faster")
    assert lines[3] == "1 pass"


def test_a_gate_that_passes_tells_no_reasons():
    assert gate_table(report_of(PASSED, seconds=9.0))[2:] == [
        "test_sort 1.3 % slower -0.8 .. +2.1 % 8  5 % PASS",
        "1 pass",
        "verdict: PASS, took 9 s",
    ]


def test_a_gate_explains_its_verdicts_and_columns():
    text = " ".join(" ".join(gate_explanation()).split())
    for status in ("PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE"):
        assert f"{status}: " in text
    assert "at most 1 %" in text
    assert "n is the number of process pairs" in text


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (GONE, "vanished"),
        (
            OPEN,
            (
                "neither; a slowdown of 8.1 % or more would have been detected (power 90 %); "
                "unchanged code would pass with about 14 more pairs"
            ),
        ),
        (
            Verdict("x", "inconclusive", "neither", 0.05, ESTIMATE, None, math.nan, 1),
            "neither; unchanged code would pass with about 1 more pair",
        ),
        (
            Verdict("x", "inconclusive", "neither", 0.05, ESTIMATE, None, None, LOOKS[-1].pairs),
            "neither; a pass would take more than the 64 pairs that a gate has",
        ),
        (
            Verdict("x", "inconclusive", "few", 0.05, Estimate(1.0, 0.9, 1.1, 0.5, 2)),
            "few; interval has only 50 % confidence",
        ),
    ],
)
def test_an_explanation_says_what_it_would_take(verdict, text):
    assert explanation(verdict) == text


def test_a_gate_without_benchmarks_says_so():
    assert gate_table(report_of()) == [
        "HEAD against main",
        "no benchmark could be measured in both sides",
        "verdict: NOT COMPARABLE",
    ]


def test_a_gate_of_new_benchmarks_passes_and_says_why():
    report = report_of(notes=("a.py::test_x: new, only the candidate has it",), all_new=True)
    assert gate_table(report) == [
        "HEAD against main",
        "all benchmarks are new: the base has none of them",
        "note: a.py::test_x: new, only the candidate has it",
        "verdict: PASS",
    ]
    assert (gate_json(report)["verdict"], gate_json(report)["exit_code"]) == ("pass", 0)
    assert "All benchmarks are new: the base has none of them." in gate_markdown(report)
    suite = ET.fromstring(gate_junit(report)).find("testsuite")
    assert (suite.get("tests"), suite.get("errors")) == ("0", "0")


PASSES = {
    "short": ["a.py::test_x", "a.py::test_y[é]"],
    "brackets": [f"a.py::test_{each}[a b-[{each}]]" for each in ("load", "dump")],
    "parameters": [
        f"bench/test_{module}structure.py::test_unstructure_{kind}[{converter}-{how}-{size}]"
        for module in ("", "un")
        for kind in ("lists", "mappings_of_attrs_classes", "nested_dataclasses_with_defaults")
        for converter in ("BaseConverter", "Converter", "GenConverter")
        for how in ("unstructure_asdict", "unstructure_astuple")
        for size in (1, 10, 100, 1000)
    ],
    "long": [f"a.py::test_x[{'a' * 60}{key}{'a' * 60}]" for key in "xyz"],
    "wide": [f"a.py::test_x[{'漢' * 60}{key}{'漢' * 60}]" for key in "xyz"],
    "beyond a cut": [
        f"a.py::test_x[{'-'.join(each * 30 for each in bits)}]"
        for bits in ("aaaaaa", "ababab", "bababa", "aabbaa", "bbaabb", "bbbbbb")
    ],
}


def shown_names(lines):
    """Names in a table's rows, put together again where they have lines of their own."""
    names, name = [], ""
    for line in lines:
        if line.endswith(" PASS"):
            head = line[: line.index("1.3 %")].rstrip() if "1.3 %" in line else ""
            names.append(name or head)
            name = ""
        else:
            name += line
    return names


@pytest.mark.parametrize("ids", PASSES.values(), ids=PASSES.keys())
def test_names_are_whole_where_they_fit_a_line_and_never_the_same(ids):
    lines = gate_table(report_of(*(Verdict(each, "pass", "", 0.05, ESTIMATE) for each in ids)))
    assert max(map(cell_len, lines)) <= WIDTH
    names = shown_names(lines[2 : lines.index(f"{len(ids)} pass")])
    assert len(set(names)) == len(names) == len(ids)
    for shown, whole in zip(names, short_names(ids).values(), strict=True):
        assert shown == whole or (cell_len(whole) > WIDTH and "…" in shown)


def passing(count, ratio=1.0, **more):
    estimate = Estimate(ratio, ratio - 0.01, ratio + 0.01, 0.95, 8)
    return [
        Verdict(f"a.py::test_{ratio}[{i}]", "pass", "", 0.05, estimate, **more)
        for i in range(count)
    ]


def test_what_passes_is_folded_beyond_twenty_rows():
    verdicts = [*passing(100, 0.992), *passing(30, 1.012), FAILED, OPEN, GONE]
    lines = gate_table(report_of(*verdicts), "--all")
    assert lines[2].endswith(" FAIL")
    assert sum(line.endswith(" PASS") for line in lines) == 17
    assert lines[22] == "and 113 more pass: -0.8 % to +1.2 % (--all shows them)"
    assert "1 fail, 1 not comparable, 1 inconclusive, 130 pass" in lines
    whole = gate_table(report_of(*verdicts))
    assert sum(line.endswith(" PASS") for line in whole) == 130
    assert not any("more pass" in line for line in whole)


def test_twenty_one_rows_are_not_folded_into_as_many():
    lines = gate_table(report_of(*passing(21)), "--all")
    assert sum(line.endswith(" 5 % PASS") for line in lines) == 21
    assert lines[23] == "21 pass"


def test_what_fails_or_has_figures_is_never_folded():
    fails = [replace(FAILED, name=str(i), estimate=None, accuracy=None) for i in range(20)]
    undecided = [replace(OPEN, name=f"b{i}") for i in range(30)]
    lines = gate_table(report_of(*passing(30), *fails, *undecided), "-v")
    assert sum(line.endswith("- -  5 % FAIL") for line in lines) == 20
    assert sum(line.endswith(" 8  5 % INCONCLUSIVE") for line in lines) == 30
    assert lines[52] == "and 30 more pass: 0.0 % to 0.0 % (-v shows them)"


def test_what_could_not_be_timed_is_folded():
    gone = [replace(GONE, name=f"a{i}") for i in range(50)]
    few = [Verdict(f"b{i}", "inconclusive", "only 1 process pair") for i in range(30)]
    lines = gate_table(report_of(*gone, *few), "--all")
    assert sum(line.endswith(" NOT COMPARABLE") for line in lines) == 21  # with the verdict
    assert lines[22:24] == [
        "and 30 more not comparable (--all shows them)",
        "and 30 more inconclusive (--all shows them)",
    ]


def test_what_is_folded_can_be_faster():
    lines = gate_table(report_of(*passing(40), *passing(30, 0.25, faster=True)), "--all")
    assert lines[22] == "and 50 more pass (10 faster): 4.0x faster to 0.0 % (--all shows them)"


@pytest.mark.parametrize("colour", [True, False])
def test_verdicts_have_colours_unless_they_are_not_wanted(monkeypatch, colour):
    monkeypatch.setenv(*(("FORCE_COLOR", "1") if colour else ("NO_COLOR", "1")))
    monkeypatch.setenv("TERM", "xterm")
    text = "\n".join(coloured(gate_table(REPORT), COLOURS, sys.stdout))
    assert ("\x1b[31mFAIL" in text) == colour
    assert ("\x1b[" in text) == colour


@given(report=REPORTS)
def test_no_line_is_wider_than_80_columns_nor_moves_the_cursor(report):
    for line in [*gate_table(report), *gate_table(report, "--all")]:
        assert cell_len(line) <= WIDTH
        assert line.isprintable()


# -- JUnit XML --


def parsed(report):
    root = ET.fromstring(gate_junit(report).encode())  # as a program reads the file
    assert root.tag == "testsuites"
    [suite] = root
    return suite


def test_junit_has_a_testcase_a_benchmark_and_counts_them():
    suite = parsed(REPORT)
    cases = suite.findall("testcase")
    assert [(case.get("classname"), case.get("name"), case.get("file")) for case in cases] == [
        ("a.test_a", "test_sort", "a/test_a.py"),
        ("a.test_a", "test_find", "a/test_a.py"),
        ("a.test_a", "test_open", "a/test_a.py"),
        ("a.test_b.TestX", "test_gone", "a/test_b.py"),
    ]
    assert [[element.tag for element in case] for case in cases] == [
        ["system-out"],
        ["failure"],
        ["skipped"],
        ["error"],
    ]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "412.300",
    }
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties == {"base": "ref=main", "head": "HEAD"}
    assert suite.findtext("system-out") == "test_new: only the candidate has it"


def test_junit_says_why_and_by_how_much():
    _, failed, skipped, _ = parsed(REPORT).findall("testcase")
    assert failed.find("failure").attrib == {"message": "slower by 20.0%", "type": "fail"}
    assert failed.findtext("failure") == (
        "slower by 20.0%\n20.0 % slower (+15.0 .. +26.0 %), n 8, tolerance 5 %, "
        "top-1 0.8438 -> 0.8431 (10,000 images, 20 lost, 13 won)"
    )
    assert "about 14 more pairs" in skipped.find("skipped").get("message")


def test_junit_of_a_gate_without_benchmarks_has_an_error():
    suite = parsed(report_of())
    assert (suite.get("tests"), suite.get("errors"), suite.get("time")) == ("1", "1", "0.000")
    assert suite.find("testcase/error").get("type") == "not comparable"


@hostile
def test_junit_keeps_every_name(name):
    report = Report(name, name, (Verdict(name, "fail", name),), 1.0, (name,))
    suite = parsed(report)
    case = suite.find("testcase")
    assert case.get("name") == printable(id_parts(name)[2])
    assert case.get("classname")
    assert case.find("failure").get("message") == printable(name)
    assert suite.find("properties/property").get("value") == printable(name)


@given(report=REPORTS)
def test_junit_counts_are_right_whatever_happened(report):
    suite = parsed(report)
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases) == max(1, len(report.verdicts))
    for counter, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(counter)) == len(suite.findall(f"testcase/{tag}"))


# -- JSON --


def test_json_has_every_figure_under_stable_keys():
    loaded = {"base": {"a": {"file": "/a.py", "version": None, "compiled": []}}, "head": {}}
    found = gate_json(Report("main", "HEAD", (FAILED, GONE), math.nan, ("n",), loaded=loaded))
    assert found["benchmarks"][0] == {
        "name": "a/test_a.py::test_find",
        "verdict": "fail",
        "faster": False,
        "reason": "slower by 20.0%",
        "tolerance": 0.05,
        "estimate": {
            "ratio": 1.2, "low": 1.15, "high": 1.26, "coverage": 0.96, "n": 8, "p": 0.004,
        },
        "accuracy": {
            "base": 0.84375, "head": 0.8431, "images": 10_000, "lost": 20, "won": 13, "p": 0.14,
        },
        "detectable": None,
        "more": None,
        "profile": None,
        "instructions": None,
    }  # fmt: skip
    assert found["benchmarks"][1]["estimate"] is None
    del found["benchmarks"]
    assert found == {
        "verdict": "fail",
        "exit_code": 1,
        "base": "main",
        "head": "HEAD",
        "seconds": None,
        "notes": ["n"],
        "loaded": loaded,
    }


@given(report=REPORTS)
def test_json_is_json(report):
    found = gate_json(report)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
