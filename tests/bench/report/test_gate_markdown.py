"""A gate's report in Markdown, as a page that another program makes of it."""

from html.parser import HTMLParser

from gate_reports import FAILED, REPORT, REPORTS, SLOWER, hostile, report_of
from hypothesis import given
from markdown_it import MarkdownIt

from tlbench.escapes import printable
from tlbench.gate.names import short_names
from tlbench.gate.verdict import Report, Verdict
from tlbench.report.gate_markdown import gate_markdown


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


def test_markdown_has_headline_table_reasons_notes_and_what_verdicts_mean():
    page, text = rendered(REPORT), gate_markdown(REPORT)
    assert text.startswith("## ✗ Gate: FAIL\n\n<code>HEAD</code> against <code>ref=main</code>: ")
    assert page.rows == [
        ["benchmark", "change", "interval", "n", "tolerance", "top-1", "verdict"],
        ["test_sort", "1.3 % slower", "-0.8 .. +2.1 %", "8", "5 %", "-", "PASS"],
        ["test_find", "20.0 % slower", "+15.0 .. +26.0 %", "8", "5 %", "0.8438 -> 0.8431", "FAIL"],
        ["test_open", "1.3 % slower", "-0.8 .. +2.1 %", "8", "5 %", "-", "INCONCLUSIVE"],
        ["test_gone", "-", "-", "-", "5 %", "-", "NOT COMPARABLE"],
    ]
    for said in (
        "1 fail, 1 not comparable, 1 inconclusive, 1 pass, took 412 s",
        "test_find: slower by 20.0%\n",
        "test_gone: vanished\n",
        "Note: test_new: only the candidate has it",
        "What the verdicts mean",
    ):
        assert said in page.text


@hostile
def test_markdown_shows_every_name_as_it_is(name):
    report = Report(name, name, (Verdict(name, "fail", name, 0.05, SLOWER),), 1.0, (name,))
    page, harmless = rendered(report), rendered(report_of(FAILED, seconds=1.0, notes=("x",)))
    shown = printable(name)
    assert [len(row) for row in page.rows] == [7, 7]
    assert page.rows[1][0] == short_names([name])[name]
    assert page.tags == harmless.tags
    # The head, the base, the reason and the note; where nobody is to be mentioned, @ is split.
    assert page.text.replace("@\u200b", "@").count(shown) >= 4


def test_markdown_mentions_nobody():
    assert "@all" not in rendered(report_of(Verdict("x", "fail", "ask @all"))).text


def test_markdown_of_a_gate_without_benchmarks_says_so():
    page = rendered(report_of(notes=("test_x: skipped in both",)))
    assert page.rows == []
    assert "Gate: NOT COMPARABLE" in page.text
    assert "No benchmark could be measured in both arms." in page.text
    assert "test_x: skipped in both" in page.text


@given(report=REPORTS)
def test_markdown_tables_keep_their_shape(report):
    rows = rendered(report).rows
    assert [len(row) for row in rows] == [7] * (len(report.verdicts) + bool(report.verdicts))
