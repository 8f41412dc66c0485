"""How often small suites' gates were wrong and right, beside the usual rules and the simulation.

Run as ``python -m bench.studies.small_gate_rates FOLDER FILE``, on what
``bench.studies.small_gates`` made. Simulated gates draw their pairs' noise from the real ones.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.studies.files import read_lines, write_json
from bench.studies.gate_rules import rate
from bench.studies.gate_simulation import detected
from bench.studies.small_gates import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Slowdowns whose detection is simulated, and gates of each.
SLOWER, GATES = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10), 400
#: Pairs in which they are to be detected: a fail takes ten, and a gate has at most 64.
WITHIN = (10, 16, 32, 64)


def main() -> None:
    """Count, simulate and write."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    lines = {
        scenario.name: read_lines(folder / f"{scenario.name}.jsonl")
        for scenario in SCENARIOS
        if (folder / f"{scenario.name}.jsonl").exists()
    }
    unchanged = [
        line for name, each in lines.items() if name.startswith("unchanged") for line in each
    ]
    noise = {name: spread(each) for name, each in lines.items()}
    with threadpool_limits(1):
        power = simulated(noise)
    counts = {name: counted(each) for name, each in lines.items()}
    whole = {
        "cpus": dict(Counter(line["cpu"] for each in lines.values() for line in each)),
        "scenarios": counts,
        "unchanged": counted(unchanged),
        "noise": noise,
        "simulated": power,
    }
    write_json(target, whole)
    for name, each in counts.items():
        print(name, each)  # noqa: T201


def counted(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts of gates, alarms of other benchmarks than the slowed one, and found slowdowns."""
    slowed = [line for line in lines if line["slowed"]]
    usual = [line["usual"] for line in lines if line["usual"]]
    return {
        "gates": len(lines),
        "verdicts": dict(Counter(line["verdict"] for line in lines)),
        "benchmarks": dict(Counter(word for line in lines for word in line["benchmarks"].values())),
        "alarms": rate(_alarm(line) for line in lines),
        "found": rate(line["benchmarks"][line["slowed"]] == "fail" for line in slowed)
        if slowed
        else None,
        "pairs": median(line["pairs"] for line in lines),
        "seconds": median(line["seconds"] for line in lines),
        "usual": {rule: rate(each[rule] for each in usual) for rule in (usual[0] if usual else ())},
    }


def _alarm(line: dict[str, Any]) -> bool:
    return any(
        word == "fail" for name, word in line["benchmarks"].items() if name != line["slowed"]
    )


def spread(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Standard deviation of log-ratios from pair to pair: quartiles over benchmarks of gates."""
    deviations = [
        float(np.std(logs, ddof=1))
        for line in lines
        for logs in line["logs"].values()
        if len(logs) >= WITHIN[0] // 2
    ]
    low, middle, high = np.quantile(deviations, (0.25, 0.5, 0.75)).tolist()
    return {"low": low, "median": middle, "high": high}


def simulated(noise: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """How many simulated gates detect each slowdown, at the noise of quiet and of busy gates."""
    return [
        detected("normal", noise[name]["median"], slower, within, GATES) | {"noise": name}
        for name in ("unchanged", "unchanged-loaded")
        if name in noise
        for within in WITHIN
        for slower in SLOWER
    ]


if __name__ == "__main__":
    main()
