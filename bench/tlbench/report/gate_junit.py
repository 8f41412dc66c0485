"""A gate's report as JUnit XML, which GitLab, Jenkins and others show test by test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tlbench.escapes import printable
from tlbench.gate.names import id_parts
from tlbench.report.gate_evidence import functions_text
from tlbench.report.gate_words import NOTHING, explanation, numbers

if TYPE_CHECKING:
    from tlbench.gate.verdict import Report, Status, Verdict

#: Name of the suite, and class name of benchmarks without a file.
SUITE = "tlbench gate"
#: Element by verdict; one that passes has none.
ELEMENTS: dict[Status, str] = {
    "fail": "failure",
    "not comparable": "error",
    "inconclusive": "skipped",
}
#: Counter of a suite by element.
COUNTERS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def gate_junit(report: Report) -> str:
    """One testcase per benchmark; a gate without benchmarks has one testcase with an error.

    The suite's time is the gate's. Testcases have no time, because all benchmarks share process
    pairs. The text must be written as UTF-8.
    """
    cases = [_case(each) for each in report.verdicts]
    if not cases and not report.all_new:
        cases.append(_nothing())
    counts = {"tests": str(len(cases))}
    for element, counter in COUNTERS.items():
        counts[counter] = str(sum(case.find(element) is not None for case in cases))
    counts["time"] = f"{report.seconds if math.isfinite(report.seconds) else 0:.3f}"
    root = ET.Element("testsuites", {"name": SUITE, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in (("base", report.base), ("head", report.candidate)):
        ET.SubElement(properties, "property", _printable({"name": name, "value": value}))
    suite.extend(cases)
    if report.notes:
        ET.SubElement(suite, "system-out").text = "\n".join(map(printable, report.notes))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, "unicode")}\n'


def _case(verdict: Verdict) -> ET.Element:
    file, classes, name = id_parts(verdict.name)
    parts = (file.removesuffix(".py").replace("/", "."), *classes)
    attributes = {"classname": ".".join(filter(None, parts)) or SUITE, "name": name}
    if file:
        attributes["file"] = file
    case = ET.Element("testcase", _printable(attributes))
    tag, details = ELEMENTS.get(verdict.status, "system-out"), {}
    if tag != "system-out":
        # Of a skipped test, GitLab shows only the message.
        reason = explanation(verdict) if tag == "skipped" else verdict.reason
        details = _printable({"message": reason, "type": verdict.status})
    lines = filter(None, [explanation(verdict), numbers(verdict), functions_text(verdict)])
    ET.SubElement(case, tag, details).text = "\n".join(map(printable, lines))
    return case


def _printable(attributes: dict[str, str]) -> dict[str, str]:
    return {name: printable(text) for name, text in attributes.items()}


def _nothing() -> ET.Element:
    case = ET.Element("testcase", {"classname": SUITE, "name": "benchmarks"})
    ET.SubElement(case, "error", {"message": NOTHING, "type": "not comparable"})
    return case
