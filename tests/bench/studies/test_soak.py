"""The soak finds what grows, with as few runs as it may have."""

import pytest

from bench.studies.soak import LEAST, WARM_UP, growth


def rows(values):
    """Runs with these figures after the first ones, which grow much more."""
    return [{"rss_mb": value} for value in [*range(0, 1000 * WARM_UP, 1000), *values]]


@pytest.mark.parametrize(
    ("values", "grows"),
    [
        pytest.param(range(LEAST), True, id="every run"),
        pytest.param([0.1 * number for number in range(12)], True, id="slowly"),
        pytest.param([5, 6, 5, 7, 6, 8, 7, 9, 8, 10], True, id="up and down"),
        pytest.param([5, 7, 6, 5, 7, 6, 5, 7, 6, 5], False, id="noise"),
        pytest.param([7] * 10, False, id="flat"),
        pytest.param(range(12, 0, -1), False, id="falling"),
    ],
)
def test_what_grows_is_found(values, grows):
    assert growth(rows(values), "rss_mb")["grows"] is grows


def test_fewer_runs_could_find_nothing():
    assert not growth(rows(range(LEAST - 1)), "rss_mb")["grows"]
