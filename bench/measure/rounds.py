"""Timing a stage through pytest-benchmark, keeping what every round returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from bench.measure.memory import peak_rss_bytes, reset_peak

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

Input = TypeVar("Input")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Measured(Generic[Output]):
    """A stage's rounds.

    Attributes:
        outputs: What each timed round returned, in order.
        peak_rss_bytes: Largest resident memory of the process during warm-up and rounds.
    """

    outputs: tuple[Output, ...]
    peak_rss_bytes: int


def measure(
    benchmark: BenchmarkFixture,
    work: Callable[[Input], Output],
    prepare: Callable[[int], Input],
    *,
    rounds: int,
    warmup_rounds: int = 1,
) -> Measured[Output]:
    """Time ``work`` on a fresh input each round.

    The work must be done when it returns: engines hand back NumPy arrays, so a device has been
    waited for. Warm-up rounds run first and are not counted.

    Args:
        benchmark: pytest-benchmark's fixture, unused so far.
        work: The stage; only this is timed.
        prepare: Makes the input of round ``i``, untimed; warm-ups come first, from 0.
        rounds: Timed rounds, at least 1.
        warmup_rounds: Rounds before them.
    """
    outputs: list[Output] = []
    made = iter(range(warmup_rounds + rounds))

    def setup() -> tuple[tuple[Input], dict[str, object]]:
        return (prepare(next(made)),), {}

    def target(item: Input) -> None:
        outputs.append(work(item))

    reset_peak()
    benchmark.pedantic(target, setup=setup, rounds=rounds, warmup_rounds=warmup_rounds)
    return Measured(tuple(outputs[-rounds:]), peak_rss_bytes())
