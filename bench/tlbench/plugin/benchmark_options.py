"""pytest-benchmark's options in a run of the suite, whose rounds have one clock and one plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tlbench.escapes import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Options with which rows would be wrong, or there would be none: where the value is, the value
#: without the option, and why it is refused.
REFUSED = {
    "--benchmark-timer": (
        "benchmark_timer", "time.perf_counter", "the suite times its rounds with perf_counter",
    ),
    "--benchmark-cprofile": (
        "benchmark_cprofile", None, "a profiled call would count as a round",
    ),
    "--benchmark-disable-gc": (
        "benchmark_disable_gc", False, "rows don't say it, and can't be compared with others",
    ),
    "--benchmark-disable": ("benchmark_disable", False, "nothing would be timed"),
    "--benchmark-skip": ("benchmark_skip", False, "nothing would be timed"),
}  # fmt: skip
#: Options that change nothing, because the suite plans its rounds.
UNUSED = (
    *("--benchmark-min-rounds", "--benchmark-min-time", "--benchmark-max-time"),
    *("--benchmark-precision", "--benchmark-confidence", "--benchmark-calibration-precision"),
    *("--benchmark-warmup", "--benchmark-warmup-iterations"),
)
#: Those of ``UNUSED`` that were given.
GIVEN = pytest.StashKey[list[str]]()


def note_unused(config: pytest.Config, args: Iterable[str]) -> None:
    """Remember which of the arguments change nothing."""
    names = {arg.partition("=")[0] for arg in args}
    config.stash[GIVEN] = [name for name in UNUSED if name in names]


def check_benchmark_options(config: pytest.Config) -> None:
    """Refuse options with which rows would be wrong; UsageError names one and the reason.

    ``--benchmark-only`` is what a run of the suite does anyway.
    """
    config.option.benchmark_only = False
    if getattr(config.option, "benchmark_enable", False):
        config.option.benchmark_disable = False
    for flag, (name, usual, reason) in REFUSED.items():
        if getattr(config.option, name, usual) != usual:
            raise pytest.UsageError(printable(f"{flag} with --benchmark: {reason}; leave it out"))
    if names := config.stash.get(GIVEN, []):
        config.pluginmanager.register(_Note(names))


class _Note:
    """A line at the start of the run."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def pytest_report_header(self) -> str:
        return f"tlbench plans the rounds, see --budget; without effect: {', '.join(self.names)}"
