"""Commands on many result files stay within the promised seconds and memory."""

import pytest

from bench.studies.files import read_study


@pytest.fixture
def filed():
    return read_study("many-files.json")


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
