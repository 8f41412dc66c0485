"""What the benchmark tests share: the data, the opened job, and what its accuracy must be."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from tl_core.errors import TransferLearningError
from tlbench.suite.checks import check_data
from tlbench.suite.costs import stage_costs
from tlbench.suite.floors import Bounds, bounds_for
from tlbench.suite.job import Job, open_data, open_job
from tlbench.suite.plan import plan
from tlbench.suite.precision import check_kept
from tlbench.suite.session import SUITE_NAME
from tlbench.timing.rounds import Instruments, Measured, Stage, measure
from tlbench.timing.schedule import Schedule, make_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from tlbench.suite.session import Suite

    #: The fixture ``timed``.
    Timed = Callable[[Stage[Any, Any]], Measured[Any]]


@pytest.fixture(scope="session")
def job(tlbench_suite: Suite) -> Job:
    """The run's data and model, opened once and checked."""
    workload = tlbench_suite.workload
    try:
        data = open_data(workload, download=tlbench_suite.download)
        check_data(data)
        return open_job(workload, data, probe=not tlbench_suite.takes_turns)
    except TransferLearningError as error:
        # Bad input ends the run in one line, as a bad option does, not in a traceback a stage.
        pytest.exit(f"tlbench: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def schedule(tlbench_suite: Suite, job: Job) -> Schedule:
    """How often each selected stage is run; printed before the first."""
    costs = {name: cost for name, cost in stage_costs(job).items() if name in tlbench_suite.chosen}
    budget, started = tlbench_suite.budget_s, tlbench_suite.started
    made = make_schedule(costs, budget_s=budget, started=started, clock=perf_counter)
    tlbench_suite.say(plan(made, started, budget))
    return made


@pytest.fixture
def timed(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    job: Job,
    schedule: Schedule,
    tlbench_suite: Suite,
) -> Timed:
    """Measures a stage with the rounds that were planned for its test."""
    item = request.node
    # The same name wherever the package is installed and pytest is started.
    benchmark.fullname = f"{SUITE_NAME}{item.path.name}::{item.name}"

    def run(stage: Stage[Any, Any]) -> Measured[Any]:
        if job.kept is not None:
            check_kept(job.kept, job.workload.precision)
        if tlbench_suite.takes_turns:
            # Two processes that warm up at once would only disturb each other.
            return measure(benchmark, replace(stage, most_warm_ups=0), 1, Instruments())
        measured = measure(benchmark, stage, schedule.rounds_for(item.name), job.instruments)
        schedule.learn(item.name, measured.seconds)
        return measured

    return run


@pytest.fixture(scope="session")
def bounds(job: Job) -> Bounds:
    """Floor and ceiling of the test accuracy."""
    return bounds_for(job.workload, job.data, job.extractor.image_size)
