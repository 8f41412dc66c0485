"""Each generated part of each guide is what its study's file makes."""

import pytest

from bench.studies import blocks
from bench.studies.blocks import Block, replaced
from bench.studies.files import ROOT, read_study
from bench.studies.guide_tables import GUIDES

PARTS = [block for blocks in GUIDES.values() for block in blocks]


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guides_parts_are_what_their_files_make(guide):
    text = (ROOT / guide).read_text(encoding="utf-8")
    assert replaced(text, GUIDES[guide]) == text


def changed(value):
    """The same with other figures: shares doubled, counts one higher, but no longer histories."""
    if isinstance(value, dict):
        return {k: v if k == "runs" and type(v) is int else changed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [changed(each) for each in value]
    if type(value) is int:
        return value + 1
    return 2 * value if isinstance(value, float) else value


@pytest.mark.parametrize("block", PARTS, ids=lambda block: block.name)
def test_other_figures_make_another_part(block, monkeypatch):
    before = block.text()
    monkeypatch.setattr(blocks, "read_study", lambda name: changed(read_study(name)))
    assert block.text() != before


def test_a_document_without_a_place_for_a_part_is_an_error():
    with pytest.raises(ValueError, match="'<!-- name -->'"):
        replaced("nothing", [Block("name", lambda: "text")])
