"""What the plugin costs a stranger's pytest session: start-up with it and without, in turns.

``python -m bench.studies.plugin_startup [-n SESSIONS]`` prints both medians and the difference.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

#: Arguments of the two kinds of sessions.
SESSIONS = {"with": (), "without": ("-p", "no:tlbench")}


def seconds_of(folder: Path, arguments: tuple[str, ...]) -> float:
    """Wall-clock time of a session with one empty test."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    start = perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    return perf_counter() - start


def measure(sessions: int) -> dict[str, list[float]]:
    """Seconds of so many sessions of each kind, in pairs whose order is random."""
    seconds: dict[str, list[float]] = {name: [] for name in SESSIONS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
        for arguments in SESSIONS.values():  # files are in the page cache, and compiled
            seconds_of(folder, arguments)
        for _ in range(sessions):
            for kind in random.sample(list(SESSIONS), 2):
                seconds[kind].append(seconds_of(folder, SESSIONS[kind]))
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=30, help="number of sessions of each kind")
    seconds = measure(parser.parse_args().n)
    lines = [
        f"{kind}: median {median(values):.3f} s ({min(values):.3f} to {max(values):.3f}), "
        f"n = {len(values)}"
        for kind, values in seconds.items()
    ]
    differences = [a - b for a, b in zip(seconds["with"], seconds["without"], strict=True)]
    lines.append(f"difference: {1000 * median(differences):.0f} ms (median of pairs)")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
