"""The plan of a run, printed before it starts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from tl_core.devices import usable_cpus
from tlbench.report.text import WIDTH
from tlbench.timing.schedule import planned_seconds

if TYPE_CHECKING:
    from tlbench.suite.workloads import Workload
    from tlbench.timing.schedule import Schedule

#: A path or a model's name is to be copied whole.
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def describe(workload: Workload) -> list[str]:
    """Lines for the head of the run."""
    train, test = _size(workload.train_size), _size(workload.test_size)
    size = f" at {workload.image_size} pixels" if workload.image_size else ""
    count = workload.threads or usable_cpus()
    threads = "1 thread" if count == 1 else f"{count} threads"
    job = f"{workload.name}: {workload.model}{size} on {workload.data}, {train} + {test} images"
    how = f"engine {workload.engine} {workload.precision}, {workload.device}, {threads}, batch of "
    return textwrap.wrap(f"tlbench: {job}; {how}{workload.batch_size}", WIDTH, **_WHOLE_WORDS)


def plan(schedule: Schedule, started: float, budget_s: float | None) -> list[str]:
    """Each stage's rounds, and when the run, which began at ``started``, will end."""
    rounds = ", ".join(
        f"{name.removeprefix('test_')} {count}" for name, count in schedule.rounds.items()
    )
    total = schedule.clock() - started + planned_seconds(schedule.costs, schedule.rounds)
    over = ""
    if budget_s is not None and total > budget_s:
        over = f", more than the budget of {budget_s:,.0f} s: fewer rounds would measure nothing"
    text = f"plan: rounds: {rounds}; ends after about {total:,.0f} s{over}"
    return textwrap.wrap(text, WIDTH, **_WHOLE_WORDS)


def _size(number: int | None) -> str:
    return "all" if number is None else f"{number:,}"
