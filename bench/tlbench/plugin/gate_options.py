"""The settings of ``pytest --gate``: from options, the ini file and markers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tlbench.errors import OptionError
from tlbench.escapes import printable
from tlbench.gate.baseline import (
    LEAST_RUNS,
    Baseline,
    BaselineError,
    StoredBenchmark,
    facts_of,
    is_isolated,
    read_baseline,
)
from tlbench.gate.verdict import (
    ACCURACY_TOLERANCE,
    LEAST_TOLERANCE,
    TOLERANCE,
    Allowed,
    Tolerances,
    parse_share,
)
from tlbench.plugin.options import option, setting


@dataclass(frozen=True)
class Origin:
    """How a run of the baseline was made.

    Attributes:
        facts: The machine's fingerprint.
        isolated: Whether each benchmark had a process of its own.
    """

    facts: dict[str, Any]
    isolated: bool


@dataclass(frozen=True)
class GateSettings:
    """The settings of a gate.

    Attributes:
        path: The baseline's file.
        explicit: Whether an option named it. An ini setting holds for every run in its folder,
            unit tests included.
        stored: What a gate needs of each benchmark, by full name. The runs themselves would take
            memory from the benchmarks.
        origins: How each run was made; at least ``LEAST_RUNS``.
        tolerances: For benchmarks without a marker.
        allowed: Versions and settings that may differ.
        allow_new: Whether benchmarks that the baseline lacks are skipped.
    """

    path: Path
    explicit: bool
    stored: dict[str, StoredBenchmark]
    origins: tuple[Origin, ...]
    tolerances: Tolerances
    allowed: tuple[str, ...]
    allow_new: bool


def gate_settings(config: pytest.Config) -> GateSettings:
    """Read options and ini settings.

    Raises:
        UsageError: A baseline that can't be used, or an invalid share.
    """
    path, explicit = _path(config)
    names = str(setting(config, "allow_changed")).split(",")
    baseline = _baseline(path)
    return GateSettings(
        path,
        explicit,
        baseline.benchmarks(),
        tuple(Origin(facts_of(run), is_isolated(run)) for run in baseline.runs),
        Tolerances(
            _share(config, "tolerance", TOLERANCE, LEAST_TOLERANCE),
            _share(config, "accuracy_tolerance", ACCURACY_TOLERANCE, 0.0),
        ),
        tuple(name.strip() for name in names if name.strip()),
        bool(setting(config, "allow_new")),
    )


def allowed_to(item: pytest.Item, tolerances: Tolerances) -> Allowed:
    """What a benchmark may lose.

    Raises:
        UsageError: A marker that isn't ``tolerance(share, accuracy=share)``.
    """
    marker = item.get_closest_marker("tolerance")
    arguments = {"args": marker.args, "kwargs": marker.kwargs} if marker else None
    try:
        return tolerances.of(item.nodeid, arguments)
    except OptionError as error:
        raise pytest.UsageError(printable(str(error))) from error


def is_narrowed(config: pytest.Config) -> bool:
    """Whether only some of the tests were asked for."""
    options = ("keyword", "markexpr", "deselect", "lf")
    chosen = any(getattr(config.option, name, None) for name in options)
    return chosen or any("::" in str(arg) for arg in config.args)


def _share(config: pytest.Config, name: str, default: float, least: float) -> float:
    text = setting(config, name)
    try:
        return parse_share(text, least) if text else default
    except OptionError as error:
        hint = '; for one benchmark, mark it with tolerance("10%")' if "=" in text else ""
        message = f"--{name.replace('_', '-')} {error}{hint}"
        raise pytest.UsageError(printable(message)) from error


def _path(config: pytest.Config) -> tuple[Path, bool]:
    """The file, and whether an option named it; a setting's path starts at its ini file."""
    path = option(config, "gate")
    if path:
        return config.invocation_params.dir / Path(path).expanduser(), True
    folder = config.inipath.parent if config.inipath else config.rootpath
    return folder / Path(str(config.getini("tlbench_gate"))).expanduser(), False


def _baseline(path: Path) -> Baseline:
    try:
        baseline = read_baseline(path)
    except BaselineError as error:
        raise pytest.UsageError(printable(f"--gate {error}")) from error
    if len(baseline.runs) < LEAST_RUNS:
        message = (
            f"--gate {path}: {len(baseline.runs)} run(s){_copies(baseline)}, expected at least "
            f"{LEAST_RUNS} to know how much runs differ; add runs with tlbench baseline -o {path} "
            "--add"
        )
        raise pytest.UsageError(printable(message))
    return baseline


def _copies(baseline: Baseline) -> str:
    return f" and {baseline.copies} that are copies" if baseline.copies else ""
