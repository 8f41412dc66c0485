"""Simulated and replayed pairs: false alarms of gates, and how soon they detect a slowdown.

Run as ``python -m bench.studies.gate_simulation FILE RECORDED...``, where what was recorded is a
JSON file of consecutive runs, or a folder of real gates of unchanged code as
``bench.studies.gate_runs`` makes it. It takes about ten minutes.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from bench.studies.files import write_json
from bench.studies.simulated_noise import (
    autocorrelated,
    disturbed,
    heavy_tailed,
    normal,
    skewed,
)
from tlbench.gate.pair_result import PairedRounds
from tlbench.gate.verdict import TOLERANCE
from tlbench.stats.estimate import ALARM, LOOKS
from tlbench.stats.pair_decisions import Decisions

if TYPE_CHECKING:
    from numpy.random import Generator

    from bench.studies.simulated_noise import Noise, Shape
    from tlbench.stats.pair_decisions import Decision
    from tlbench.stats.sign_flip import Floats

#: Benchmarks of a suite, and the pairs of the last look.
BENCHMARKS, PAIRS = 8, LOOKS[-1].pairs
#: Simulated gates of unchanged code for each kind of noise, and of each slowdown.
UNCHANGED, CHANGED = 4_000, 1_000
#: Noise, standard deviation from pair to pair, slowdown, and the pairs within which to detect it.
#: The first two are as noisy as the noisiest of this suite's own stages, quiet and under load, with
#: the pairs that ten minutes have room for (``results/studies/gate.json``).
POWER = (
    ("normal", 0.022, 0.05, 24),
    ("normal", 0.024, 0.05, 14),
    ("normal", 0.045, 0.05, 32),
    ("normal", 0.045, 0.10, 16),
    ("normal", 0.03, 0.10, 10),
    ("normal", 0.02, 0.10, 10),
    ("normal", 0.017, 0.03, 32),
    ("normal, tenfold in one pair of seven", 0.022, 0.05, 24),
)


def drifting(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Normal noise, and one slot gets slower by a standard deviation with every pair."""
    return normal(rng, shape, sd) + sd * np.arange(shape[0])[:, None]


SIMULATED: dict[str, Noise] = {
    "normal": normal,
    "student t, 3 degrees": heavy_tailed,
    "log-normal": skewed,
    "normal, tenfold in one pair of seven": disturbed,
    "autocorrelated": autocorrelated(0.9),
    "linear drift": drifting,
}


def replayed(steps: Floats) -> Noise:
    """Noise as it was recorded, in its order from a random place on; benchmarks are drawn.

    Args:
        steps: log-ratios of two runs of unchanged benchmarks, ``(pairs, benchmarks)``.
    """

    def draw(rng: Generator, shape: Shape, sd: float) -> Floats:
        del sd  # as recorded
        pairs, benchmarks = shape
        first = rng.integers(0, len(steps))
        rows = (first + np.arange(pairs)) % len(steps)
        columns = rng.integers(0, steps.shape[1], benchmarks)
        drawn: Floats = steps[rows][:, columns]
        return drawn

    return draw


@dataclass(frozen=True)
class Simulated:
    """One simulated gate.

    Attributes:
        decided: By number of the benchmark; absent where undecided.
        pairs: When each was decided.
    """

    decided: dict[int, Decision]
    pairs: dict[int, int]

    @property
    def alarm(self) -> bool:
        """Whether any benchmark failed."""
        return "fail" in self.decided.values()


def simulate(
    rng: Generator,
    noise: Noise,
    *,
    sd: float = 0.045,
    slower: float = 0.0,
    tolerance: float = 0.05,
    benchmarks: int = BENCHMARKS,
    pairs: int = PAIRS,
) -> Simulated:
    """Run a gate on noise, with the coins thrown as a gate throws them.

    Args:
        rng: For the noise and the coins.
        noise: Log-ratios of the two slots, ``(pairs, benchmarks)``.
        sd: Its standard deviation from pair to pair.
        slower: By how much the first benchmark is slower in the head, as a share.
        tolerance: Of every benchmark.
        benchmarks: In the suite.
        pairs: After which time is up; those of a look.
    """
    slots = noise(rng, (pairs, benchmarks), sd)
    logs = slots * rng.choice([-1.0, 1.0], (pairs, 1))
    logs[:, 0] += np.log1p(slower)
    decisions = Decisions({str(number): tolerance for number in range(benchmarks)})
    when: dict[int, int] = {}
    for look in (each for each in LOOKS if each.pairs <= pairs):
        logs_so_far = {name: logs[: look.pairs, int(name)].tolist() for name in decisions.timed}
        decisions.consider(logs_so_far, last=look.pairs == pairs)
        for name in decisions.decided:
            when.setdefault(int(name), look.pairs)
        if not decisions.open:
            break
    return Simulated({int(name): word for name, word in decisions.decided.items()}, when)


def false_alarms(noise: Noise, gates: int, seed: int = 0) -> dict[str, Any]:
    """How many simulated gates of unchanged code raised any alarm."""
    rng = np.random.default_rng(seed)
    runs = [simulate(rng, noise) for _ in range(gates)]
    alarms = sum(each.alarm for each in runs)
    interval = stats.binomtest(alarms, gates).proportion_ci(method="exact")
    passed = sum(len(each.decided) == BENCHMARKS and not each.alarm for each in runs)
    return {"gates": gates, "alarms": alarms, "interval": list(interval), "passed": passed}


def detected(noise: str, sd: float, slower: float, within: int, gates: int) -> dict[str, Any]:
    """How many simulated gates detected a slowdown of one benchmark within so many pairs.

    The tolerance is 5 %, or as large as a smaller slowdown.
    """
    rng = np.random.default_rng(0)
    tolerance = min(TOLERANCE, slower)
    runs = [
        simulate(rng, SIMULATED[noise], sd=sd, slower=slower, tolerance=tolerance, pairs=within)
        for _ in range(gates)
    ]
    hits = sum(each.decided.get(0) == "fail" for each in runs)
    interval = stats.binomtest(hits, gates).proportion_ci(method="exact")
    return {
        "noise": noise, "sd": sd, "slower": slower, "within_pairs": within,
        "gates": gates, "found": hits, "interval": list(interval),
    }  # fmt: skip


def main() -> None:
    """Run all, and print and write what came out."""
    # Such small matrix products are faster on one thread.
    with threadpool_limits(1):
        _main()


def _main() -> None:
    recorded = {Path(name).name: _recorded(Path(name)) for name in sys.argv[2:]}
    alarms = {}
    for name, noise in (SIMULATED | recorded).items():
        alarms[name] = false_alarms(noise, UNCHANGED)
        print(f"unchanged, {name}: {alarms[name]}", flush=True)  # noqa: T201
    power = [detected(*case, CHANGED) for case in POWER]
    for each in power:
        print(each, flush=True)  # noqa: T201
    whole = {"promised": ALARM, "benchmarks": BENCHMARKS, "unchanged": alarms, "slower": power}
    write_json(Path(sys.argv[1]), whole)


def _recorded(path: Path) -> Noise:
    return replayed(read_gates(path) if path.is_dir() else read_runs(path))


def read_runs(path: Path) -> Floats:
    """log-ratios of neighbours among consecutive runs, ``(runs - 1, benchmarks)``.

    Args:
        path: JSON with a list of runs under each benchmark's name, each a list of seconds.
    """
    series = json.loads(path.read_text(encoding="utf-8"))
    columns = [
        [np.log(np.median(run)) for run in runs]
        for runs in series.values()
        if isinstance(runs, list) and isinstance(runs[0], list)
    ]
    return np.diff(np.array(columns), axis=1).T


def read_gates(folder: Path) -> Floats:
    """log-ratios of the two slots in the pairs of all gates, ``(pairs, benchmarks)``.

    Args:
        folder: With gates of unchanged code, the same benchmarks in each.
    """
    slots = []
    for path in sorted(folder.glob("*.json")):
        (gate,) = json.loads(path.read_text(encoding="utf-8"))["gates"]
        for pair in gate["pairs"]:
            logs = [
                msgspec.convert(each, PairedRounds).log_ratio
                for _, each in sorted(pair["benchmarks"].items())
            ]
            slots.append(np.array(logs) * (1 if pair["head_first"] else -1))
    return np.array(slots)


if __name__ == "__main__":
    main()
