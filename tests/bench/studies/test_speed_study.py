"""The guide to engines and the README's claim say what the studies' files say."""

import copy
import json
from pathlib import Path

import pytest

from bench.studies.blocks import STUDIES, replaced
from bench.studies.speed_study import BLOCKS, CLAIM, GUIDE, README, TABLES

ROOT = Path(__file__).parents[3]


def study(file):
    return json.loads((ROOT / STUDIES / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("file", "blocks"), [(GUIDE, BLOCKS), (README, CLAIM)], ids=["guide", "README"]
)
def test_tables_are_what_their_files_make(file, blocks):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert replaced(text, blocks, ROOT) == text


def scaled(found):
    """The same with other figures: every floating-point number doubled."""
    if isinstance(found, dict):
        return {key: scaled(value) for key, value in found.items()}
    if isinstance(found, list):
        return [scaled(value) for value in found]
    return 2 * found if isinstance(found, float) else found


@pytest.mark.parametrize("block", [*BLOCKS, *CLAIM], ids=lambda block: block.name)
def test_other_figures_make_another_table(block):
    found = study(block.file)
    assert block.table(scaled(copy.deepcopy(found))) != block.table(found)


def test_every_value_of_every_filter_is_pillows():
    for found in study(TABLES["resizing"][0])["filters"].values():
        assert found["exact"]["images"] == 10_000
        assert found["exact"]["values_that_differ"] == 0


def test_the_whole_job_is_the_tutorials_at_its_size():
    runs = study(TABLES["whole job"][0])["runs"]
    assert all((each["train"], each["test"]) == (30_000, 10_000) for each in runs["ours"])
    assert all(each["accuracy"] >= each["target"] == 0.7657 for each in runs["to_accuracy"])
    assert {len(found) for found in runs.values()} == {len(runs["ours"])}
