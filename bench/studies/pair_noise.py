"""How much a process pair's log-ratio varies on unchanged code, by how its rounds are timed.

Run as ``python -m bench.studies.pair_noise FILE PAIRS``: pairs of each way of timing take turns, so
that all see the same load. A way is how parts, turns and processors are arranged; of each one's
parts, several summaries are compared.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.studies.files import write_json
from bench.studies.small_suites import HEAD, KINDS
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Ways of timing: ``mode`` is "turns", "duet" (both at once, wherever the system puts them),
#: "duet, pinned" (both at once, a processor each, exchanged from turn to turn) or "turns, pinned".
WHOLE = {"turns": 4, "parts": 1, "part_s": 0.05, "mode": "turns", "seeds": 2, "gc": True}
PARTS = WHOLE | {"turns": 8, "parts": 50, "part_s": 0.0005, "seeds": 1}
WAYS: dict[str, dict[str, Any]] = {
    "4 turns of one part of 50 ms": WHOLE,
    "4 turns of 25 parts of 2 ms": PARTS | {"turns": 4, "parts": 25, "part_s": 0.002},
    "10 turns of 10 parts of 2 ms": PARTS | {"turns": 10, "parts": 10, "part_s": 0.002},
    "4 turns of 100 parts of 0.5 ms": PARTS | {"turns": 4, "parts": 100},
    "8 turns of 50 parts of 0.5 ms": PARTS,
    "the same, a hash seed each": PARTS | {"seeds": 2},
    "the same, without garbage collection": PARTS | {"gc": False},
    "the same, pinned to one processor": PARTS | {"mode": "turns, pinned"},
    "the same, both at once": PARTS | {"mode": "duet"},
    "the same, both at once, pinned": PARTS | {"mode": "duet, pinned"},
}
#: Of a process's turns, each a list of its parts' seconds: what counts.
SUMMARIES: dict[str, Callable[[list[list[float]]], float]] = {
    "mean": lambda turns: float(np.mean(turns)),
    "median of medians": lambda turns: float(np.median(np.median(turns, axis=1))),
    "lower decile of lower deciles": lambda turns: float(
        np.quantile(np.quantile(turns, 0.1, axis=1), 0.1)
    ),
    "minimum": lambda turns: float(np.min(turns)),
}


def main() -> None:
    """Run so many pairs of each way, and write how their log-ratios vary."""
    if sys.argv[1:] == ["worker"]:
        _work()
        return
    target, count = Path(sys.argv[1]), int(sys.argv[2])
    draw, loads = random.Random(0), []  # noqa: S311 - no secret
    logs: dict[str, list[dict[str, dict[str, float]]]] = {way: [] for way in WAYS}
    for _ in range(count):
        for name, way in WAYS.items():
            logs[name].append(_pair(way, draw))
            loads.append(round(os.getloadavg()[0], 1))
    rows = {name: _spread(each) for name, each in logs.items()}
    machine = {"cpu": fingerprint()["cpu"], "load": [min(loads), max(loads)]}
    write_json(target, {"pairs": count, "machine": machine, "sd": rows})
    print(json.dumps(rows, indent=1))  # noqa: T201


def _spread(pairs: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    """Root of the mean square, over benchmarks, of the standard deviation from pair to pair."""
    return {
        summary: float(
            np.sqrt(
                np.mean([np.var([pair[kind][summary] for pair in pairs], ddof=1) for kind in KINDS])
            )
        )
        for summary in SUMMARIES
    }


def _pair(way: dict[str, Any], draw: random.Random) -> dict[str, dict[str, float]]:
    """log-ratios of one pair of processes, by kind of benchmark and summary."""
    seeds = [draw.randrange(2**32) for _ in range(way["seeds"])]
    with _worker(seeds[0]) as one, _worker(seeds[-1]) as other:
        ratios = {}
        for kind in KINDS:
            first, second = _timed(way, kind, (one, other))
            ratios[kind] = {
                name: math.log(summary(second) / summary(first))
                for name, summary in SUMMARIES.items()
            }
        return ratios


def _timed(
    way: dict[str, Any], kind: str, both: tuple[_Worker, _Worker]
) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds of each part, by turn, of both processes."""
    calls = 1
    for _ in range(2):
        slowest = max(each.time(kind, calls, 1, None, collecting=True)[0] for each in both)
        calls = max(1, math.ceil(way["part_s"] / slowest))
    turns: tuple[list[list[float]], list[list[float]]] = ([], [])
    for turn in range(way["turns"]):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        for place, index in enumerate(order):
            processor = {"turns, pinned": turn // 2 % 2, "duet, pinned": place}.get(way["mode"])
            both[index].order(kind, calls, way["parts"], processor, collecting=way["gc"])
            if not way["mode"].startswith("duet"):
                turns[index].append(both[index].answer())
        if way["mode"].startswith("duet"):
            for index in order:
                turns[index].append(both[index].answer())
    return turns


class _Worker:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def order(
        self, kind: str, calls: int, parts: int, processor: int | None, *, collecting: bool
    ) -> None:
        """Start a turn: parts of so many calls, on a processor or wherever."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.write(json.dumps([kind, calls, parts, processor, collecting]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> list[float]:
        """Seconds per call of each part."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        seconds: list[float] = json.loads(self._process.stdout.readline())
        return seconds

    def time(
        self, kind: str, calls: int, parts: int, processor: int | None, *, collecting: bool
    ) -> list[float]:
        """A turn."""
        self.order(kind, calls, parts, processor, collecting=collecting)
        return self.answer()


@contextlib.contextmanager
def _worker(seed: int) -> Iterator[_Worker]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.studies.pair_noise", "worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
    )  # fmt: skip
    try:
        yield _Worker(process)
    finally:
        process.kill()
        process.communicate()


def _work() -> None:
    names: dict[str, Any] = {}
    exec(HEAD, names)  # noqa: S102 - the suite's own text
    functions = {kind: eval(f"lambda: {text}", names) for kind, text in KINDS.items()}  # noqa: S307
    everywhere = os.sched_getaffinity(0)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        kind, calls, parts, processor, collecting = json.loads(line)
        os.sched_setaffinity(0, everywhere if processor is None else {processor})
        gc.collect()
        if not collecting:
            gc.disable()
        print(json.dumps(_seconds(functions[kind], calls, parts)), flush=True)  # noqa: T201
        gc.enable()


def _seconds(function: Callable[[], object], calls: int, parts: int) -> list[float]:
    seconds = []
    for _ in range(parts):
        start = perf_counter()
        for _ in range(calls):
            function()
        seconds.append((perf_counter() - start) / calls)
    return seconds


if __name__ == "__main__":
    main()
