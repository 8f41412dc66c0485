"""Links in Markdown files lead somewhere, and so do their anchors."""

import re

import pytest

from bench.studies.files import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(path):
    """A document without its blocks of code."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|^    [^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """Of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def broken(path):
    """Links of a document that lead nowhere."""
    wrong = []
    for link in LINK.findall(prose(path)):
        name, _, anchor = link.partition("#")
        if name.startswith(("https://", "http://")):
            continue
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert broken(path) == []


def test_a_broken_link_and_a_broken_anchor_are_detected(tmp_path):
    (tmp_path / "b.md").write_text("# One title, and more\n```\n# no heading\n```\n")
    document = tmp_path / "a.md"
    good = "[1](b.md) [2](b.md#one-title-and-more) [3](#a)"
    document.write_text(f"# A\n{good} [4](c.md) [5](b.md#no-heading) [6](#b)\n")
    assert broken(document) == ["c.md", "b.md#no-heading", "#b"]


def test_the_index_lists_every_guide():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for guide in (ROOT / "docs").glob("*.md"):
        assert guide.name == "README.md" or f"]({guide.name})" in index


def test_the_glossary_has_each_term_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for term in re.findall(r"\*\*([^*]+)\*\*", text)]
    assert len(terms) > 40
    assert len(set(terms)) == len(terms)
