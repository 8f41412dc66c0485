"""What the benchmark tests share: the data, the opened job, and what its accuracy must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.floors import Bounds, bounds_for
from bench.job import Job, open_data, open_job
from bench.plugin import SUITE_NAME
from bench.suite.checks import check_data
from bench.telling.plan import plan

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.plugin import Suite


@pytest.fixture(scope="session")
def job(tlbench_suite: Suite) -> Job:
    """The run's data and model, opened once and checked; the plan is printed."""
    workload = tlbench_suite.workload
    data = open_data(workload, download=tlbench_suite.download)
    check_data(data)
    opened = open_job(workload, data)
    tlbench_suite.say(plan(workload, len(data.train), len(data.test), opened.pilot_images_per_s))
    return opened


@pytest.fixture(scope="session")
def bounds(job: Job) -> Bounds:
    """Floor and ceiling of the test accuracy."""
    return bounds_for(job.workload, job.data, job.extractor.image_size)


@pytest.fixture(autouse=True)
def stable_name(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> None:
    """Name benchmarks the same wherever the package is installed and pytest is started."""
    item = request.node
    benchmark.fullname = f"{SUITE_NAME}{item.path.name}::{item.name}"
