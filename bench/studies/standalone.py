"""pytest-benchmark's fixture without a pytest session, for measuring the harness itself."""

from __future__ import annotations

from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

#: Options that matter only to its automatic mode, which is never used here.
_UNUSED = (
    "min_rounds", "precision", "confidence", "warmup", "warmup_iterations", "logger",
    "calibration_precision", "warner", "cprofile", "cprofile_loops", "cprofile_dump",
)  # fmt: skip


def standalone_fixture(name: str, clock: Callable[[], float] = perf_counter) -> BenchmarkFixture:
    """A fixture whose statistics go nowhere but to ``fixture.stats``."""
    from pytest_benchmark.fixture import BenchmarkFixture

    options: dict[str, Any] = dict.fromkeys(_UNUSED)
    return BenchmarkFixture(
        SimpleNamespace(name=name, nodeid=name),
        timer=SimpleNamespace(target=clock),
        add_stats=[].append,
        disabled=False,
        disable_gc=False,
        min_time=0,
        max_time=0,
        **options,
    )
