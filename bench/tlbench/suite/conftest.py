"""What the benchmark tests share: the loaded workload, its schedule and its accuracy bounds."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from tl_core.errors import TransferLearningError
from tlbench.cache import temporary_folder
from tlbench.escapes import printable
from tlbench.machine.disturbances import throttling
from tlbench.machine.noise import NoiseMeter
from tlbench.suite.checks import check_data
from tlbench.suite.costs import run_pilot, stage_costs
from tlbench.suite.floors import Bounds, bounds_for
from tlbench.suite.library_log import library_messages
from tlbench.suite.loaded_workload import LoadedWorkload, load_workload, open_data
from tlbench.suite.picture_files import FORM, PictureFiles
from tlbench.suite.plan import plan
from tlbench.suite.precision import check_precision
from tlbench.suite.row_fields import fill_row
from tlbench.suite.session import SUITE, name_of
from tlbench.timing.energy import EnergyMeter
from tlbench.timing.rounds import Instruments, Measurement, Stage, measure
from tlbench.timing.schedule import Schedule, make_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from tl_core.head import Evaluation
    from tlbench.suite.session import Suite

    #: The fixture ``time_stage``.
    TimeStage = Callable[..., Measurement[Any]]
    #: The fixture ``record``.
    Record = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of the benchmark tests."""
    config.addinivalue_line("markers", "stage(name, track=None): what a benchmark test measures")


@pytest.fixture(scope="session")
def tlbench_suite(pytestconfig: pytest.Config) -> Suite:
    """The benchmark run that a benchmark test belongs to; absent without ``--benchmark``."""
    hooks = pytestconfig.pluginmanager.getplugin(SUITE)
    if hooks is None:
        pytest.skip("benchmarks run only with pytest --benchmark")
    suite: Suite = hooks.suite
    return suite


@pytest.fixture(scope="session")
def workload(tlbench_suite: Suite, instruments: Instruments) -> Iterator[LoadedWorkload]:
    """The run's data and model, loaded once and checked; idle power is measured before.

    What the library warns of is said, while stages run as well.
    """
    options = tlbench_suite.workload
    if instruments.energy and not tlbench_suite.takes_turns:
        instruments.energy.measure_idle()
    with library_messages(tlbench_suite.say, logging.WARNING):
        try:
            data = open_data(options, download=tlbench_suite.download)
            check_data(data)
            loaded = load_workload(options, data, probe=not tlbench_suite.takes_turns)
        except TransferLearningError as error:
            # Bad input ends the run in one line, as a bad option does, not in a traceback a stage.
            pytest.exit(printable(f"tlbench: {error}"), returncode=pytest.ExitCode.USAGE_ERROR)
        yield loaded


@pytest.fixture(scope="session")
def picture_files(workload: LoadedWorkload) -> Iterator[PictureFiles]:
    """The run's images as JPEG files, in a folder that is removed at the end."""
    with temporary_folder() as folder:
        yield PictureFiles(workload.data, folder)


@pytest.fixture(scope="session")
def schedule(tlbench_suite: Suite, workload: LoadedWorkload) -> Schedule:
    """How often each selected stage is run; printed before the first."""
    expected = stage_costs(workload, run_pilot(workload))
    costs = {name: cost for name, cost in expected.items() if name in tlbench_suite.chosen}
    budget, started = tlbench_suite.budget_s, tlbench_suite.started
    schedule = make_schedule(costs, budget_s=budget, started=started, clock=perf_counter)
    tlbench_suite.say(*plan(schedule, started, budget))
    return schedule


@pytest.fixture(scope="session")
def instruments(tlbench_suite: Suite) -> Instruments:
    """What stands beside the rounds of every stage; a job on the CPU has no use for a GPU's clock.

    On several GPUs any of the machine's may be the one that holds a round up.
    """
    on_gpus = tlbench_suite.workload.device != "cpu"
    return Instruments(NoiseMeter(), EnergyMeter(), throttling if on_gpus else None)


@pytest.fixture
def time_stage(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    *,
    workload: LoadedWorkload,
    schedule: Schedule,
    instruments: Instruments,
    tlbench_suite: Suite,
) -> TimeStage:
    """Measures a stage with the rounds that were planned for its test: ``time_stage(stage)``.

    A second argument replaces the session's instruments.
    """
    item = request.node
    # The same name wherever the package is installed and pytest is started.
    benchmark.fullname = name_of(item)

    def run(stage: Stage[Any, Any], others: Instruments | None = None) -> Measurement[Any]:
        accuracy = workload.precision_accuracy
        if accuracy is not None:
            check_precision(accuracy, workload.options.precision)
        if tlbench_suite.takes_turns:
            # Two processes that warm up at once would only disturb each other.
            return measure(benchmark, replace(stage, most_warm_ups=0), 1, Instruments())
        measurement = measure(
            benchmark, stage, schedule.rounds_for(item.name), others or instruments
        )
        schedule.learn(item.name, measurement.seconds)
        return measurement

    return run


@pytest.fixture
def record(
    request: pytest.FixtureRequest, benchmark: BenchmarkFixture, workload: LoadedWorkload
) -> Record:
    """Writes a benchmark's row, last of all: ``record(measurement, evaluation=..., ...)``.

    ``evaluation`` is of all test images; further arguments are ``fill_row``'s.
    """
    marker = request.node.get_closest_marker("stage")

    def fill(
        measurement: Measurement[Any],
        *,
        evaluation: Evaluation | None = None,
        **fields: Any,  # noqa: ANN401 - of fill_row
    ) -> None:
        if evaluation is not None:
            correct = evaluation.predictions == workload.data.test.labels
            fields |= {"accuracy": evaluation.accuracy, "correct": correct}
        stage, track = marker.args[0], marker.kwargs.get("track")
        fill_row(benchmark, workload, measurement, stage=stage, track=track, **fields)

    return fill


@pytest.fixture(scope="session")
def bounds(workload: LoadedWorkload) -> Bounds:
    """Floor and ceiling of the test accuracy."""
    return bounds_for(workload.options, workload.data, workload.extractor.image_size)


@pytest.fixture(scope="session")
def file_bounds(workload: LoadedWorkload) -> Bounds:
    """The same where the images are read from ``picture_files``."""
    return bounds_for(workload.options, workload.data, workload.extractor.image_size, FORM)
