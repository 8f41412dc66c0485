"""A gate's report in Markdown, as a page that another program makes of it."""

import re
from html.parser import HTMLParser

import pytest
from gate_reports import FAILED, FASTER, PASSED, REPORT, REPORTS, SLOWER, hostile, report_of
from hypothesis import given
from markdown_it import MarkdownIt

from tlbench.escapes import printable
from tlbench.gate.names import fitted_names, short_names
from tlbench.gate.verdict import Report, Verdict
from tlbench.report.gate_markdown import LIMIT, MARKER, NAME_WIDTH, TEXT_WIDTH, gate_markdown


class Cells(HTMLParser):
    """Texts of a page: of each table cell, and of all."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.text, self.tags, self._inside = [], "", [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self._inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._inside = False

    def handle_data(self, data):
        self.text += data
        if self._inside:
            self.rows[-1][-1] += data


def rendered(report):
    """The page that another program makes of the Markdown."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Cells(markdown.render(gate_markdown(report)))


def test_markdown_has_the_verdict_then_what_matters_and_the_rest_folded():
    page, text = rendered(REPORT), gate_markdown(REPORT)
    headline = "## ✗ Gate: FAIL\n\n<code>HEAD</code> against <code>ref=main</code>: "
    assert text.startswith(f"{MARKER}\n\n{headline}")
    headings = ["benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict"]
    assert page.rows == [
        headings,
        ["test_find", "20.0 % slower", "+15.0 .. +26.0 %", "8", "5 %", "0.8438 -> 0.8431", "FAIL"],
        ["test_gone", "-", "-", "-", "5 %", "-", "NOT COMPARABLE"],
        ["test_open", "1.3 % slower", "-0.8 .. +2.1 %", "8", "5 %", "-", "INCONCLUSIVE"],
        headings,
        ["test_sort", "1.3 % slower", "-0.8 .. +2.1 %", "8", "5 %", "-", "PASS"],
    ]
    for said in (
        "1 fail, 1 not comparable, 1 inconclusive, 1 pass, took 412 s",
        "test_find: slower by 20.0%\n",
        "test_gone: vanished\n",
        "Note: test_new: only the candidate has it",
    ):
        assert said in page.text
    folded = [part.partition("</summary>")[0] for part in text.split("<summary>")[1:]]
    assert folded == ["1 benchmark without a slowdown", "What the verdicts mean"]
    places = [text.replace("&#95;", "_").index(each) for each in ("test_gone", "<det", "test_sort")]
    assert places == sorted(places)


def test_markdown_of_a_gate_that_passes_shows_no_table_but_what_became_faster():
    faster = Verdict("a.py::test_fast", "pass", "ruled out", 0.05, FASTER, faster=True)
    visible, _, _ = gate_markdown(report_of(PASSED)).partition("<details>")
    assert "|" not in visible
    assert "test_sort" not in visible
    visible, _, _ = gate_markdown(report_of(PASSED, faster)).partition("<details>")
    assert "**PASS, faster**" in visible
    assert "test_sort" not in visible


def test_markdown_folds_many_notes():
    notes = tuple(f"{i} is to be known" for i in range(9))
    text = gate_markdown(report_of(FAILED, notes=notes))
    assert "<summary>9 notes</summary>" in text
    assert text.index("<summary>9 notes") < text.index("8 is to be known")


@hostile
def test_markdown_shows_every_name_as_it_is(name):
    report = Report(name, name, (Verdict(name, "fail", name, 0.05, SLOWER),), 1.0, (name,))
    page, harmless = rendered(report), rendered(report_of(FAILED, seconds=1.0, notes=("x",)))
    shown = printable(name)[:TEXT_WIDTH]
    assert [len(row) for row in page.rows] == [7, 7]
    assert page.rows[1][0] == fitted_names(short_names([name]), NAME_WIDTH)[name]
    assert page.tags == harmless.tags
    # The head, the base, the reason and the note; where nobody is to be mentioned, @ is split.
    assert page.text.replace("@\u200b", "@").count(shown) >= 4


@pytest.mark.parametrize("status", ["fail", "pass", "inconclusive"])
@pytest.mark.parametrize("letter", ["x", "&", "\u6f22"], ids=["plain", "entities", "wide"])
def test_markdown_is_shorter_than_a_comment_may_be_and_says_what_is_left_out(status, letter):
    names = [f"a.py::test[{letter * 60}{i}{letter * 90}]" for i in range(200)]
    verdicts = (Verdict(name, status, f"{name}: {letter * 999}", 0.05, SLOWER) for name in names)
    sides, notes = f"ref={letter * 3000}", tuple(f"note {i} {letter * 99}" for i in range(999))
    report = Report(sides, sides, tuple(verdicts), 9.0, notes)
    text = gate_markdown(report)
    assert len(text) <= LIMIT
    assert len(text) > 10_000
    assert text.count("<details>") == text.count("</details>")
    page = rendered(report)
    (missing,) = re.findall(r"PASS.*\n\n(\d+) more are not shown", text) or [0]
    if status == "pass":
        assert len(page.rows) == 1 + 200 - int(missing)
    assert re.search(r"\d+ more are not shown", page.text)
    assert {len(row) for row in page.rows} == {7}


def test_markdown_mentions_nobody():
    assert "@all" not in rendered(report_of(Verdict("x", "fail", "ask @all"))).text


def test_markdown_of_a_gate_without_benchmarks_says_so():
    page = rendered(report_of(notes=("test_x: skipped in both",)))
    assert page.rows == []
    assert "Gate: NOT COMPARABLE" in page.text
    assert "No benchmark could be measured in both sides." in page.text
    assert "test_x: skipped in both" in page.text


@given(report=REPORTS)
def test_markdown_tables_keep_their_shape(report):
    rows = rendered(report).rows
    news = sum(each.status != "pass" or each.faster for each in report.verdicts)
    headings = bool(news) + (news < len(report.verdicts))
    assert [len(row) for row in rows] == [7] * (len(report.verdicts) + headings)
    assert len(gate_markdown(report)) <= LIMIT
