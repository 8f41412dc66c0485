"""The guide shows what many files cost as its file says it, and the commands keep what is asked."""

import json
from pathlib import Path

import pytest

from bench.studies.blocks import STUDIES, replaced
from bench.studies.report_study import BLOCKS, GUIDE, many_files

ROOT = Path(__file__).parents[3]


@pytest.fixture
def filed():
    return json.loads((ROOT / STUDIES / "many-files.json").read_text(encoding="utf-8"))


def test_the_guides_table_is_what_the_file_makes(filed):
    text = (ROOT / GUIDE).read_text(encoding="utf-8")
    assert replaced(text, BLOCKS, ROOT) == text
    before = many_files(filed)
    filed["found"][0]["runs"][0]["seconds"] *= 2
    assert many_files(filed) != before


@pytest.mark.parametrize("command", ["report", "compare", "history"])
def test_ten_thousand_files_take_ten_seconds_and_one_gigabyte_at_most(filed, command):
    runs = {each["files"]: each["runs"] for each in filed["found"] if each["command"] == command}
    assert all(run["seconds"] <= 10 and run["peak_rss_bytes"] <= 1e9 for run in runs[10_000])
    # Ten times as many take at most ten times as long: the cost doesn't grow faster than they do.
    slowest, fastest = (
        limit(run["seconds"] for run in runs[count])
        for limit, count in ((max, 10_000), (min, 1_000))
    )
    assert slowest <= 10 * fastest
