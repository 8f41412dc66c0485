"""Functions that became slower, and instructions, read the same in every form of a report."""

import dataclasses
import html
import json
from xml.etree import ElementTree as ET

import pytest
from gate_reports import FAILED, PASSED, hostile, report_of
from rich.cells import cell_len

from tlbench.gate.profile_growth import ProfileChange, SlowerFunction
from tlbench.gate.verdict import Instructions
from tlbench.report.gate_evidence import functions_text, instructions_text
from tlbench.report.gate_junit import gate_junit
from tlbench.report.gate_markdown import gate_markdown
from tlbench.report.gate_text import gate_json, gate_table
from tlbench.report.text import WIDTH

PARSE = SlowerFunction("parse_number", "json/scanner.py", 61, 0.12, 0.41, 1e-5)
PROFILE = ProfileChange("py-spy", (PARSE, SlowerFunction("sorted", "", 0, 0.0, 0.044, 1e-6)))
PROFILED = dataclasses.replace(FAILED, profile=PROFILE)
TEXT = (
    "time grew most in parse_number (json/scanner.py:61): 12 % -> 41 %, sorted: 0 % -> 4 % (py-spy)"
)


def counted(base, candidate):
    return dataclasses.replace(PASSED, instructions=Instructions(base, candidate))


def test_the_functions_are_named_with_their_shares_and_the_tool():
    assert functions_text(PROFILED) == TEXT
    assert functions_text(FAILED) == ""
    nothing = dataclasses.replace(FAILED, profile=ProfileChange("cProfile", ()))
    assert functions_text(nothing) == "no function became clearly slower in its profile (cProfile)"


def test_a_function_that_is_all_of_it_has_no_shares():
    """As a profiler of Python's functions has it, where the slower one is compiled."""
    function = SlowerFunction("test_find", "bench.py", 5, 0.998, 0.999, 1e-6)
    text = functions_text(
        dataclasses.replace(FAILED, profile=ProfileChange("cProfile", (function,)))
    )
    assert text == (
        "time grew most in test_find (bench.py:5): all time in both sides, including the compiled "
        "code that it calls (cProfile)"
    )


@pytest.mark.parametrize(
    ("base", "candidate", "text"),
    [
        (1e6, 1e6, "+0.0 %"),
        (1e6, 1.041e6, "+4.1 %"),
        (1e6, 0.9e6, "-10.0 %"),
        (10_000, 10_004, "+0.0 %"),
    ],
)
def test_instructions_are_a_change_with_its_sign(base, candidate, text):
    assert instructions_text(counted(base, candidate)) == text


def test_all_forms_of_a_report_have_them():
    report = report_of(PROFILED, counted(1000, 1041))
    table, markdown, junit = gate_table(report), gate_markdown(report), gate_junit(report)
    assert f"test_find: {TEXT}" in " ".join(line.strip() for line in table)
    assert "instructions" in table[1]
    (row,) = (line for line in table if line.startswith("test_sort "))
    assert "+4.1 %" in row
    assert f"- <code>test_find</code>: {TEXT}" in html.unescape(markdown)
    assert "| instructions |" in markdown
    assert "| +4.1 % |" in markdown
    (failure,) = ET.fromstring(junit).iter("failure")
    assert TEXT in failure.text
    (passed,) = ET.fromstring(junit).iter("system-out")
    assert "instructions +4.1 %" in passed.text
    first, second = json.loads(json.dumps(gate_json(report)))["benchmarks"]
    assert first["profile"] == {
        "tool": "py-spy",
        "functions": [
            {"name": "parse_number", "file": "json/scanner.py", "line": 61, "base": 0.12,
             "head": 0.41, "seconds": 1e-5},
            {"name": "sorted", "file": "", "line": 0, "base": 0.0, "head": 0.044, "seconds": 1e-6},
        ],
    }  # fmt: skip
    assert second["instructions"] == {"base": 1000, "head": 1041}
    assert first["instructions"] is second["profile"] is None


def test_a_report_without_counts_has_no_column_of_them():
    report = report_of(PASSED, FAILED)
    assert "instructions" not in "\n".join(gate_table(report)) + gate_markdown(report)


@hostile
def test_names_of_functions_and_files_do_no_harm(name):
    function = SlowerFunction(name, f"{name}.py", 1, 0.1, 0.2, 1.0)
    report = report_of(dataclasses.replace(FAILED, profile=ProfileChange("py-spy", (function,))))
    for line in gate_table(report):
        assert cell_len(line) <= WIDTH
        assert line.isprintable()
    assert "<script" not in gate_markdown(report)
    ET.fromstring(gate_junit(report))
