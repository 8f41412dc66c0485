"""The quick suite in a loop, in one process: nothing may grow.

Run as ``python -m bench.studies.soak FILE [--seconds N] [ARGUMENTS]``, with arguments of pytest.
After each run of ``pytest --benchmark`` it notes the process's resident memory, threads, open files
and children, and what it left in the folders for temporary files. The first runs fill caches; of
the others, the slope of each figure is tested.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from scipy import stats

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.files import write_json
from tlbench.cache import cache_dir
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What is noted after each run, and its unit.
FIGURES = {
    "rss_mb": "resident memory, MB",
    "threads": "threads",
    "open_files": "open files",
    "children": "child processes",
    "temporary_files": "temporary files",
    "garbage": "uncollectable objects",
}
#: Runs that fill caches, whose figures may grow.
WARM_UP = 3
#: Level of the test of each slope, and the least number of runs with which it can find any.
LEVEL, LEAST = 0.01, 5


def noted(temporary: Path) -> dict[str, float]:
    """The figures of this process now, and the files in its folder for temporary ones."""
    import gc

    gc.collect()
    process = psutil.Process()
    return {
        "rss_mb": process.memory_info().rss / 1e6,
        "threads": process.num_threads(),
        "open_files": process.num_fds(),
        "children": len(process.children(recursive=True)),
        "temporary_files": sum(
            1 for folder in (temporary, cache_dir() / "temporary") for _ in folder.rglob("*")
        ),
        "garbage": len(gc.garbage),
    }


def soak(seconds: float, arguments: Sequence[str]) -> list[dict[str, float]]:
    """Run the suite until the time is over, and often enough; a row of figures for each run."""
    rows: list[dict[str, float]] = []
    start = perf_counter()
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        temporary = Path(place) / "temporary"
        temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        while perf_counter() - start < seconds or len(rows) < WARM_UP + LEAST:
            began = perf_counter()
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
                code = pytest.main(["--benchmark", "--results", f"{place}/results", *arguments])
            if code:
                raise RuntimeError(f"run {len(rows) + 1}: pytest's exit code {code}")
            rows.append({"seconds": perf_counter() - began, **noted(temporary)})
            print(rows[-1], flush=True)  # noqa: T201
        tempfile.tempdir = None
        del os.environ["TMPDIR"]
    return rows


def growth(rows: Sequence[dict[str, float]], name: str) -> dict[str, Any]:
    """How a figure changes from run to run after the first ones, and whether it grows."""
    values = np.array([row[name] for row in rows[WARM_UP:]])
    runs = np.arange(len(values))
    slope = float(np.polyfit(runs, values, 1)[0]) if np.ptp(values) else 0.0
    rank = stats.kendalltau(runs, values, alternative="greater") if np.ptp(values) else None
    p_value = float(rank.pvalue) if rank else 1.0
    return {
        "first": float(values[0]),
        "last": float(values[-1]),
        "per_run": slope,
        "p_value": p_value,
        "grows": p_value < LEVEL and slope > 0,
    }


def table(study: dict[str, Any]) -> str:
    """By figure: after the first runs, at the end, and the change for each run."""
    lines = heading("figure", f"after run {WARM_UP + 1}", f"after run {len(study['runs'])}",
                    "change per run", "grows (Kendall, 1 %)")  # fmt: skip
    for name, words in FIGURES.items():
        each = study["growth"][name]
        lines.append(cell_line([
            words, f"{each['first']:,.0f}", f"{each['last']:,.0f}", f"{each['per_run']:+.3f}",
            "yes" if each["grows"] else "no",
        ]))  # fmt: skip
    return "\n".join(lines)


BLOCKS = (of_study("soak", "soak.json", table),)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long")
    chosen, arguments = parser.parse_known_args()
    rows = soak(chosen.seconds, arguments)
    grown = {name: growth(rows, name) for name in FIGURES}
    if chosen.file:
        whole = {"arguments": arguments, "runs": rows, "growth": grown}
        write_json(chosen.file, whole | {"machine": fingerprint()})
    raise SystemExit(any(each["grows"] for each in grown.values()))


if __name__ == "__main__":
    main()
