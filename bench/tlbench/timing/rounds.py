"""The one place that times a stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tlbench.stats.round_stats import converged
from tlbench.timing.memory import (
    device_peak_bytes,
    peak_rss_bytes,
    reset_device_peaks,
    reset_peak,
)
from tlbench.timing.synchronise import synchronise

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from tlbench.timing.energy import EnergyMeter, EnergySample

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
    """What stands beside the rounds: meters and clocks; ``now`` is only for time stamps.

    ``throttling`` reads, from what ``meter`` counted, what held a device's clock down in a round:
    one for which it names something doesn't count. None where nothing is known of it.
    """

    meter: Meter | None = None
    energy: EnergyMeter | None = None
    throttling: Callable[[Any], tuple[str, ...] | None] | None = None
    clock: Callable[[], float] = time.perf_counter
    now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Round:
    """One run of a stage, as it was.

    Attributes:
        timed: Whether it counts: False for a warm-up, and for a throttled one beside others.
        started_at: Unix time in seconds.
        seconds: From the call until the result was there.
        unfinished_s: Of these, after the call had returned.
        noise: What the meter counted, if there was one.
        energy: What the energy meter counted, if there was one.
        throttled: What held a device's clock down meanwhile; None where nothing is known of it.
    """

    timed: bool
    started_at: float
    seconds: float
    unfinished_s: float
    noise: Any = None
    energy: EnergySample | None = None
    throttled: tuple[str, ...] | None = None


@dataclass
class Measurement(Generic[Output]):
    """What timing a stage gave.

    Attributes:
        stage_images: Images of a timed round.
        outputs: What each round after the warm-up returned, in order.
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
    meter, energy, throttling = instruments.meter, instruments.energy, instruments.throttling

    def setup() -> tuple[tuple[Input], dict[str, object]]:
        item = stage.prepare(len(measurement.outputs))
        for each in (energy, meter):
            if each:
                each.start()
        return (item,), {}

    def target(item: Input) -> None:
        measurement.outputs.append(_run(stage, item, instruments, measurement, timed=True))

    def teardown(_: Input) -> None:
        joules = energy.stop() if energy else None
        noise = meter.stop() if meter else None
        throttled = throttling(noise) if throttling and noise is not None else None
        measurement.rounds[-1] = replace(
            measurement.rounds[-1], noise=noise, energy=joules, throttled=throttled
        )

    benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=count)
    _leave_out_throttled(benchmark, measurement)


def _leave_out_throttled(benchmark: BenchmarkFixture, measurement: Measurement[Output]) -> None:
    """Take throttled rounds out of those that count, here and in pytest-benchmark's statistics.

    Where every round was throttled, that is the device's speed under this load: all count.
    """
    counting = [each for each in measurement.timed if not each.throttled]
    if len(counting) in (0, len(measurement.timed)):
        return
    measurement.rounds = [
        replace(each, timed=each.timed and not each.throttled) for each in measurement.rounds
    ]
    # Its figures are computed from the list when they are first read, after the test.
    benchmark.stats.stats.data[:] = measurement.seconds


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
