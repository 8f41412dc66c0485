"""The one place that times a stage."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from tlbench.stats.round_stats import converged
from tlbench.timing.memory import (
    device_peak_bytes,
    peak_rss_bytes,
    reset_device_peaks,
    reset_peak,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

Input = TypeVar("Input")
Output = TypeVar("Output")
#: Rounds that warm-up may take before the row is called cold.
MOST_WARM_UPS = 6
#: Number of the first warm-up round; timed rounds are numbered from 0, and share no number.
FIRST_WARM_UP = 1000


class Meter(Protocol):
    """Records what disturbs while a round runs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> object:
        """End; what was counted since ``start``."""


@dataclass(frozen=True)
class Stage(Generic[Input, Output]):
    """What is timed.

    Attributes:
        work: The stage; only this is timed, until its result is there.
        prepare: Makes the input of round ``i``, another one each time, untimed.
        images: Images of a round.
        warm_up: Makes the input of warm-up round ``i``; None takes ``prepare``.
        most_warm_ups: After so many the row is called cold; 1 only traces and compiles.
    """

    work: Callable[[Input], Output]
    prepare: Callable[[int], Input]
    images: int
    warm_up: Callable[[int], Input] | None = None
    most_warm_ups: int = MOST_WARM_UPS


@dataclass(frozen=True)
class Instruments:
    """What stands beside the rounds: meters and clocks; ``now`` is only for time stamps."""

    meter: Meter | None = None
    energy: Meter | None = None
    clock: Callable[[], float] = time.perf_counter
    now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Round:
    """One run of a stage, as it was.

    Attributes:
        timed: False for a warm-up.
        started_at: Unix time in seconds.
        seconds: From the call until the result was there.
        unfinished_s: Of these, after the call had returned.
        noise: What the meter counted, if there was one.
    """

    timed: bool
    started_at: float
    seconds: float
    unfinished_s: float
    noise: Any = None
    joules: float | None = None


@dataclass
class Measurement(Generic[Output]):
    """What timing a stage gave.

    Attributes:
        stage_images: Images of a timed round.
        outputs: What each timed round returned, in order.
        rounds: Every round in order, warm-ups first.
        warmed_up: Whether warm-up converged; None where there was no or one warm-up round.
        peak_rss_bytes: Largest resident memory during a pass that wasn't timed: the first warm-up.
            Where there was none, during the timed rounds. None where the OS doesn't count it.
        peak_device_bytes: Largest memory on GPUs in the same pass; None without any.
    """

    stage_images: int
    outputs: list[Output] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    warmed_up: bool | None = None
    peak_rss_bytes: int | None = None
    peak_device_bytes: int | None = None

    @property
    def timed(self) -> list[Round]:
        """The rounds that count."""
        return [each for each in self.rounds if each.timed]

    @property
    def seconds(self) -> list[float]:
        """Seconds of the rounds that count, in order."""
        return [each.seconds for each in self.timed]

    @property
    def unfinished(self) -> float:
        """Median share of a round that passed after the call had returned."""
        return median(each.unfinished_s / each.seconds for each in self.timed)


def measure(
    benchmark: BenchmarkFixture,
    stage: Stage[Input, Output],
    rounds: int | Callable[[float], int],
    instruments: Instruments,
) -> Measurement[Output]:
    """Warm a stage up, then time it with pytest-benchmark's fixture, unused so far.

    ``rounds`` are the timed ones, at least 1; or a function to them from the seconds of the last
    warm-up, which are 0 where none was as long as a round.
    """
    measurement: Measurement[Output] = Measurement(stage.images)
    peak_is_known = reset_peak()
    reset_device_peaks()
    if stage.most_warm_ups:
        _warm_up(stage, instruments, measurement)
    if not isinstance(rounds, int):
        # A warm-up on other input, which is a smaller one, is shorter than a round.
        as_long = measurement.rounds and stage.warm_up is None
        rounds = rounds(measurement.rounds[-1].seconds if as_long else 0.0)
    _time(benchmark, stage, rounds, instruments, measurement)
    _read_peaks(measurement)
    if not peak_is_known:
        measurement.peak_rss_bytes = None
    return measurement


def _warm_up(
    stage: Stage[Input, Output], instruments: Instruments, measurement: Measurement[Output]
) -> None:
    """Run until two rounds take as long as each other; memory is read after the first."""
    prepare = stage.warm_up or stage.prepare
    for number in range(FIRST_WARM_UP, FIRST_WARM_UP + stage.most_warm_ups):
        _run(stage, prepare(number), instruments, measurement, timed=False)
        _read_peaks(measurement)
        if converged([each.seconds for each in measurement.rounds]):
            break
    if stage.most_warm_ups > 1:
        measurement.warmed_up = converged([each.seconds for each in measurement.rounds])


def _read_peaks(measurement: Measurement[Output]) -> None:
    """Read memory peaks once, after the first pass."""
    measurement.peak_rss_bytes = measurement.peak_rss_bytes or peak_rss_bytes()
    measurement.peak_device_bytes = measurement.peak_device_bytes or device_peak_bytes()


def _time(
    benchmark: BenchmarkFixture,
    stage: Stage[Input, Output],
    count: int,
    instruments: Instruments,
    measurement: Measurement[Output],
) -> None:
    """Timed rounds through pytest-benchmark, so that its statistics are of the same rounds."""
    meters = (instruments.energy, instruments.meter)

    def setup() -> tuple[tuple[Input], dict[str, object]]:
        item = stage.prepare(len(measurement.outputs))
        for each in meters:
            if each:
                each.start()
        return (item,), {}

    def target(item: Input) -> None:
        measurement.outputs.append(_run(stage, item, instruments, measurement, timed=True))

    def teardown(_: Input) -> None:
        energy, noise = (each.stop() if each else None for each in meters)
        joules = getattr(energy, "total_j", None)
        measurement.rounds[-1] = replace(measurement.rounds[-1], noise=noise, joules=joules)

    benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=count)


def _run(
    stage: Stage[Input, Output],
    item: Input,
    instruments: Instruments,
    measurement: Measurement[Output],
    *,
    timed: bool,
) -> Output:
    now, clock = instruments.now(), instruments.clock
    synchronise(None)  # what a device still has to do from before isn't this round's
    start = clock()
    output = stage.work(item)
    returned = clock()
    synchronise(output)
    done = clock()
    measurement.rounds.append(Round(timed, now, done - start, done - returned))
    return output


def synchronise(result: Any) -> None:  # noqa: ANN401 - whatever a stage returns
    """Wait for every device and every part of ``result``, and raise what its work raised.

    Futures are waited for, tensors are brought to the host, containers are searched. A stage that
    handed back NumPy arrays is done already.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and tensorflow.config.list_physical_devices("GPU"):
        tensorflow.test.experimental.sync_devices()
    _materialise(result)


def _materialise(result: Any) -> None:  # noqa: ANN401
    if isinstance(result, Future):
        _materialise(result.result())
    elif isinstance(result, dict):
        _materialise(list(result.values()))
    elif isinstance(result, (list, tuple)):
        for part in result:
            _materialise(part)
    elif not isinstance(result, np.ndarray) and hasattr(result, "numpy"):
        result.numpy()
