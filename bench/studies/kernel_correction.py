"""Does dividing by the reference kernel help? ``python -m bench.studies.kernel_correction [FILE]``.

Extraction in fresh processes, every second one while another process keeps a CPU busy. For the
medians of all runs, and of the quiet and the loaded ones by themselves: the coefficient of
variation as measured, and after dividing each by its own run's median kernel time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median, stdev
from typing import TYPE_CHECKING

from tlbench.machine.fingerprint import fingerprint
from tlbench.runs.files import write_file
from tlbench.runs.read import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RUNS = 24
BUSY = "while True: sum(range(1000))"


def variation(values: Sequence[float]) -> float:
    """Coefficient of variation: standard deviation over mean."""
    return stdev(values) / mean(values)


def summarize(runs: Sequence[dict[str, float | bool]]) -> dict[str, dict[str, float]]:
    """Variation raw and corrected, of all runs and of each kind."""
    groups = {
        "all": list(runs),
        "quiet": [each for each in runs if not each["loaded"]],
        "loaded": [each for each in runs if each["loaded"]],
    }
    return {
        name: {
            "n": len(group),
            "raw": variation([each["extract_s"] for each in group]),
            "corrected": variation([each["extract_s"] / each["kernel_s"] for each in group]),
        }
        for name, group in groups.items()
    }


def one_run(*, loaded: bool) -> dict[str, float | bool]:
    """Extraction in a fresh process."""
    with tempfile.TemporaryDirectory() as folder, _load(on=loaded):
        command = [sys.executable, "-m", "pytest", "--benchmark", "-k", "extract"]
        options = ["--results", folder, "-p", "no:cacheprovider", "-q"]
        subprocess.run([*command, *options], check=True, capture_output=True)  # noqa: S603
        (row,) = read_rows(next(Path(folder).rglob("*.json")))
    kernel = row.info["noise"]["reference_kernel"]["median_s"]
    return {"loaded": loaded, "extract_s": median(row.seconds), "kernel_s": kernel}


@contextmanager
def _load(*, on: bool) -> Iterator[None]:
    """Another process that keeps one CPU busy."""
    busy = subprocess.Popen([sys.executable, "-c", BUSY]) if on else None  # noqa: S603
    try:
        yield
    finally:
        if busy:
            busy.kill()
            busy.wait()


def main() -> None:
    """Run from the command line."""
    runs = [one_run(loaded=number % 2 == 1) for number in range(RUNS)]
    found = {"variation": summarize(runs), "runs": runs, "machine": fingerprint()}
    for name, each in summarize(runs).items():
        print(f"{name}: n = {each['n']}, raw {each['raw']:.1%}, corrected {each['corrected']:.1%}")  # noqa: T201
    if len(sys.argv) > 1:
        write_file(Path(sys.argv[1]), json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
