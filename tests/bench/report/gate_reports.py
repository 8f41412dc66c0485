"""Reports of a gate to print: usual ones, hostile ones, and any."""

import math

import pytest
from hypothesis import strategies as st

from tlbench.escapes import printable
from tlbench.gate.verdict import Report, Verdict
from tlbench.stats.estimate import Estimate
from tlbench.stats.proportions import AccuracyChange

ESTIMATE = Estimate(1.013, 0.992, 1.021, 0.97, 8, 0.3)
FASTER = Estimate(0.8, 0.78, 0.82, 0.96, 8, 1.0)
SLOWER = Estimate(1.2, 1.15, 1.26, 0.96, 8, 0.004)
ACCURACY = AccuracyChange(0.84375, 0.8431, 10_000, 20, 13, 0.14)
PASSED = Verdict("a/test_a.py::test_sort", "pass", "a slowdown of 5% is excluded", 0.05, ESTIMATE)
FAILED = Verdict("a/test_a.py::test_find", "fail", "slower by 20.0%", 0.05, SLOWER, ACCURACY)
OPEN = Verdict("a/test_a.py::test_open", "inconclusive", "neither", 0.05, ESTIMATE, None, 0.081, 14)
GONE = Verdict("a/test_b.py::TestX::test_gone", "not comparable", "vanished")
REPORT = Report(
    "ref=main",
    "HEAD",
    (PASSED, FAILED, OPEN, GONE),
    412.3,
    ("test_new: only the candidate has it",),
)
HOSTILE = {
    "html": "a.py::test_x[<script>alert(1)</script>&amp;]",
    "pipes": "a.py::test_x[a|b\\|c||]",
    "backticks": "a.py::test_x[`a``b`]",
    "markdown": "a.py::test_x[**b** _i_ [l](http://x.y) ![i](j) ~~s~~ $m$ #1 @all]",
    "newlines": "a.py::test_x[a\nb\r\n\n# c\u2028d]",
    "control": "a.py::test_x[\x00\x1b[31m\x07\x7f\x85\ufffe]",
    "bidi": "a.py::test_x[\u202egnol\u202c\u200d]",
    "surrogate": "a.py::test_x[\udc80]",
    "wide": "a.py::test_x[" + "\u6f22\u5b57" * 60 + "]",
    "long": "folder/" * 40 + "test_x.py::" + "TestLong::" * 30 + "test_x[" + "p-" * 300 + "]",
    "brackets": "a.py::test_x[a::b[c]-d]",
    "xml end": "a.py::test_x[]]>&#0;<!--]",
    "comment": "a.py::test_x[--></details>]",
    "no file": "test_x",
    "empty": "",
}
hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


def report_of(*verdicts, **more):
    return Report("main", "HEAD", verdicts, **more)


TEXT = st.one_of(st.text(max_size=120), st.sampled_from(sorted(HOSTILE.values())))
SHARE = st.floats(0, 1)
RATIO = st.floats(1e-9, 1e9)
COUNT = st.integers(0, 10**6)
ESTIMATES = st.builds(Estimate, RATIO, RATIO, RATIO, SHARE, COUNT, st.none() | SHARE)
VERDICTS = st.builds(
    Verdict,
    TEXT,
    st.sampled_from(["pass", "fail", "inconclusive", "not comparable"]),
    TEXT,
    st.floats(1e-6, 10),
    st.none() | ESTIMATES,
    st.none() | st.builds(AccuracyChange, SHARE, SHARE, COUNT, COUNT, COUNT, SHARE),
    st.none() | st.floats(0, 1e9) | st.just(math.inf) | st.just(math.nan),
    st.none() | COUNT,
)
REPORTS = st.builds(
    Report,
    TEXT,
    TEXT,
    st.lists(VERDICTS, max_size=4, unique_by=lambda each: printable(each.name)).map(tuple),
    st.floats(0, 1e6) | st.just(math.nan),
    st.lists(TEXT, max_size=2).map(tuple),
)
