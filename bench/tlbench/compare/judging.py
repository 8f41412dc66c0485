"""Which ratios of a table are significant: the whole job first, then the stages.

For each entry, against the first one:

1. The whole job is judged alone, at the full level ``ALARM``. Nothing else that the table has,
   neither stages nor other entries, changes the verdict.
2. Its stages are judged together, at the same level, corrected for each other by Holm's method:
   the chance that any of them is falsely called faster or slower is at most the level.

Both hold for each pair of an entry and the first one. Over several pairs false claims add up: of
20 entries that differ from the first in nothing, about one at most is expected to be called faster
or slower at the whole job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.stats.ratios import holm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlbench.stats.ratios import Ratio


def corrected(ratios: Mapping[str, Ratio], whole_job: str | None) -> dict[str, float]:
    """The chance of each ratio of one entry to the first, by benchmark: compare it with the level.

    Args:
        ratios: By benchmark.
        whole_job: The benchmark that is judged first; None where there is none.
    """
    stages = [name for name in ratios if name != whole_job]
    chances = holm([ratios[name].chance for name in stages])
    first = {name: each.chance for name, each in ratios.items() if name == whole_job}
    return first | dict(zip(stages, chances, strict=True))
