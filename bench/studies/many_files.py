"""What a report, a comparison and a history of very many result files cost, and how that grows.

Run as ``python -m bench.studies.many_files FILE RUN``: RUN is a result file, of which copies with
other rates, dates and machines are written to a temporary folder.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.studies.files import write_json
from tlbench.machine.fingerprint import fingerprint

#: Most runs of a machine; as many machines as it takes, at least two.
RUNS_OF_A_MACHINE = 500
#: Standard deviation of the logarithm of a copy's rates.
SCATTER = 0.03
START = datetime(2024, 1, 1, tzinfo=UTC)


def write_copies(run: dict[str, Any], count: int, folder: Path) -> None:
    """As many copies of a run, each with other rates and another time."""
    rng = random.Random(0)  # noqa: S311 - no secret
    runs = min(RUNS_OF_A_MACHINE, count // 2)
    for number in range(count):
        another = copy.deepcopy(run)
        machine, day = divmod(number, runs)
        another["machine_info"]["tlbench"]["cpu"] = f"CPU {machine}"
        another["datetime"] = (START + timedelta(days=day, seconds=machine)).isoformat()
        for benchmark in another["benchmarks"]:
            change = rng.lognormvariate(0, SCATTER)
            benchmark["stats"]["data"] = [each / change for each in benchmark["stats"]["data"]]
            benchmark["extra_info"]["images_per_s"] *= change
        (folder / f"{number:06}.json").write_text(json.dumps(another), encoding="utf-8")


def measured(arguments: list[str]) -> dict[str, Any]:
    """A command in a fresh process: its seconds and its peak memory.

    Raises:
        RuntimeError: It failed.
    """
    start = perf_counter()
    command = [sys.executable, "-c", RUN, "tlbench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    seconds = perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{arguments}: exit {done.returncode}: {done.stderr[-1000:]}")
    return {"seconds": seconds, "peak_rss_bytes": int(done.stderr.splitlines()[-1])}


#: Runs a module and says at its end how much memory it took at most.
RUN = (
    "import resource, runpy, sys; sys.argv = sys.argv[1:]\n"
    "try: runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * "
    f"{1 if sys.platform == 'darwin' else 1024}, file=sys.stderr)"
)


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="file for the figures")
    parser.add_argument("run", type=Path, help="the result file that is copied")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    run = json.loads(arguments.run.read_text(encoding="utf-8"))
    rows = []
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "results"
            folder.mkdir()
            write_copies(run, count, folder)
            size = sum(path.stat().st_size for path in folder.iterdir())
            commands = {
                "report": ["report", str(folder), "-o", str(Path(place) / "report.html")],
                "compare": ["compare", str(folder)],
                "history": ["history", str(folder)],
            }
            for name, command in commands.items():
                several = [measured(command) for _ in range(arguments.rounds)]
                rows.append({"files": count, "bytes": size, "command": name, "runs": several})
                print(rows[-1], flush=True)  # noqa: T201
    write_json(arguments.file, {"found": rows, "machine": fingerprint()})


if __name__ == "__main__":
    main()
