"""Points that are best in two things at once."""

import pytest

from tlbench.stats.frontier import on_frontier


@pytest.mark.parametrize(
    ("points", "front"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(1, 1)], [True], id="one"),
        pytest.param([(1, 3), (2, 2), (3, 1)], [True, True, True], id="each best in something"),
        pytest.param([(1, 3), (1, 2), (3, 1)], [True, False, True], id="as fast, less accurate"),
        pytest.param([(2, 2), (1, 2)], [True, False], id="as accurate, slower"),
        pytest.param([(2, 2), (1, 1)], [True, False], id="worse in both"),
        pytest.param([(2, 2), (2, 2)], [True, True], id="equal"),
    ],
)
def test_a_point_is_on_the_frontier_unless_another_is_better(points, front):
    assert on_frontier(points) == front
