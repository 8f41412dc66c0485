"""Scaling: features of picture files by 1, 2, ... workers of a cluster; only with ``--ray``."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tl_core.cluster import connected, nodes
from tl_core.errors import TransferLearningError
from tlbench.escapes import printable
from tlbench.suite.extraction import settings_of
from tlbench.suite.scaling import counts
from tlbench.suite.worker_scaling import (
    Turns,
    check_turns,
    collected,
    most_workers,
    shard_size,
    worker_scaling,
)
from tlbench.timing.rounds import Instruments, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tl_core.extraction.worker import Job
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.picture_files import PictureFiles
    from tlbench.suite.session import Suite
    from tlbench.suite.worker_scaling import ReadyPool, Turn


@dataclass(frozen=True)
class Workers:
    """The numbers of workers that are measured, and the images of the most of them."""

    turns: Turns
    numbers: tuple[int, ...]
    images: int


@pytest.fixture(scope="module")
def workers(
    tlbench_suite: Suite, workload: LoadedWorkload, picture_files: PictureFiles
) -> Iterator[Workers]:
    """The cluster's, with the training images as files."""
    if tlbench_suite.ray is None:
        pytest.skip("only with --ray ADDRESS")
    if workload.options.device != "cpu":
        pytest.skip("workers of a cluster are measured on CPUs; the row extract has several GPUs")
    images = len(workload.data.train)
    source = picture_files.source("train", images)
    folder = picture_files.folder / "scaling"
    folder.mkdir()
    with one_line(), connected(tlbench_suite.ray) as ray:
        most, threads = most_workers(nodes(ray), workload.options.threads)
        if most == 1:
            pytest.skip(f"the cluster has room for one worker of {threads} threads only")
        options = replace(workload.options, engine=workload.extractor.engine, threads=threads)
        settings = settings_of(options, shard_size(images, most, workload.batch_size))
        turns = Turns(ray, source.paths, settings, folder)
        yield Workers(turns, tuple(counts(most)), images)


@contextmanager
def one_line() -> Iterator[None]:
    """A cluster that fails is a failed benchmark, without a traceback."""
    try:
        yield
    except TransferLearningError as error:
        pytest.fail(printable(str(error)), pytrace=False)


def measured(
    workers: Workers, share: Callable[[int], int], time_stage: TimeStage, record: Record
) -> None:
    """Rounds of the most workers are the row's; before each, a turn of every other number.

    Noise isn't metered: the workers are other processes, on other machines perhaps.
    """
    *fewer, most = workers.numbers
    turns: dict[int, list[Turn]] = {count: [] for count in fewer}

    def prepare(_: int) -> tuple[ReadyPool, Job]:
        for count in fewer:
            turns[count].append(workers.turns.run(count, share(count)))
        return workers.turns.ready(most, share(most))

    stage = Stage(workers.turns.timed, prepare, share(most), most_warm_ups=0)
    with one_line():
        measurement = time_stage(stage, Instruments())
    turns[most] = [collected(turn) for turn in measurement.outputs]
    check_turns([turn for several in turns.values() for turn in several])
    record(measurement, scaling=worker_scaling(turns))


@pytest.mark.stage("scaling", track="strong")
def test_scaling_strong(workers: Workers, time_stage: TimeStage, record: Record) -> None:
    """All training images, by any number of workers."""
    measured(workers, lambda _: workers.images, time_stage, record)


@pytest.mark.stage("scaling", track="weak")
def test_scaling_weak(workers: Workers, time_stage: TimeStage, record: Record) -> None:
    """As many of them for each worker as the most workers have of all."""
    each = max(1, workers.images // workers.numbers[-1])
    measured(workers, lambda count: count * each, time_stage, record)
