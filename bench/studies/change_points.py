"""Simulated histories: false alarms without a shift, and detected shifts.

Run as ``python -m bench.studies.change_points FILE [--otava PYTHON]``, where PYTHON is the
interpreter of an environment that has ``apache-otava``, which then judges the same histories. It
takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.studies.files import write_json
from bench.studies.gate_rules import rate
from bench.studies.simulated_noise import autocorrelated, heavy_tailed, normal, skewed
from tlbench.stats.change_points import ALARM, LEVEL, MOST_RUNS, change_points, proposals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator

    from bench.studies.simulated_noise import Floats, Noise, Shape

#: Standard deviation of the noise, and the shifts to detect in it, as shares.
SD, SHIFT = 0.02, 0.05
#: Runs beside a shift's place at which it counts as detected.
WITHIN = 2
#: Runs of a history, and the least between two shifts and before the first and after the last.
LENGTHS = {20: 5, 50: 8, 200: 8}
#: Histories without a shift for each length and each independent noise, and each other noise; and
#: histories with shifts for each number of them.
UNCHANGED, UNCHANGED_OTHERS, SHIFTED = 2_000, 500, 500
#: Of these as many are judged by Otava too, the first ones.
OTAVA = 500
#: What its interpreter runs.
PROGRAM = Path(__file__).with_name("otava_points.py")
#: Runs of the histories that the search is timed on.
SEARCHED = (500, 2_000, 10_000)


def slow_days(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Normal, but one run in twenty is slower by a fifth."""
    deviations: Floats = normal(rng, shape, sd) - 0.2 * (rng.random(shape) < 0.05)
    return deviations


def trend(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Normal noise, and faster by the standard deviation in all, little by little."""
    return normal(rng, shape, sd) + np.linspace(0, sd, shape[0])


#: The first four are independent from run to run, as is assumed; the others aren't.
INDEPENDENT: dict[str, Noise] = {
    "normal": normal,
    "student t, 3 degrees": heavy_tailed,
    "log-normal": skewed,
    "slow runs": slow_days,
}
OTHERS: dict[str, Noise] = {
    "autocorrelated, 0.2": autocorrelated(0.2),
    "autocorrelated, 0.5": autocorrelated(0.5),
    "trend": trend,
}


@dataclass(frozen=True)
class History:
    """A simulated history: images per second, and the places of its shifts."""

    rates: list[float]
    places: list[int]


def unchanged(noise: Noise, runs: int, count: int, seed: int = 0) -> list[History]:
    """Histories without a shift."""
    rng = np.random.default_rng(seed)
    return [History(_rates(noise(rng, (runs,), SD)), []) for _ in range(count)]


def shifted(runs: int, shifts: int, count: int, seed: int = 0) -> list[History]:
    """Histories in normal noise with shifts of ``SHIFT``, up or down, at random places."""
    rng = np.random.default_rng(seed)
    histories = []
    for _ in range(count):
        places = _places(rng, runs, shifts)
        signs = rng.choice([-1.0, 1.0], shifts)
        logs = normal(rng, (runs,), SD)
        for place, sign in zip(places, signs, strict=True):
            logs[place:] += sign * np.log1p(SHIFT)
        histories.append(History(_rates(logs), places))
    return histories


def _places(rng: Generator, runs: int, shifts: int) -> list[int]:
    """Each choice of places that are far enough from each other is as likely."""
    gap = LENGTHS[runs]
    free = runs - gap * (shifts + 1)
    chosen = np.sort(rng.choice(free + shifts, shifts, replace=False))
    return [int(each) + gap + number * (gap - 1) for number, each in enumerate(chosen)]


def _rates(logs: Floats) -> list[float]:
    return [float(each) for each in 1_000 * np.exp(logs)]


def matched(places: Sequence[int], points: Sequence[int]) -> int:
    """How many shifts were detected: each point stands for one shift at most, the nearest first."""
    pairs = sorted((abs(p - f), p, f) for p in places for f in points if abs(p - f) <= WITHIN)
    shifts: set[int] = set()
    used: set[int] = set()
    for _, place, point in pairs:
        if place not in shifts and point not in used:
            shifts.add(place)
            used.add(point)
    return len(shifts)


@dataclass(frozen=True)
class Points:
    """Change points of each history by one method, and the seconds that each took."""

    indices: list[list[int]]
    seconds: list[float]


def ours(histories: Sequence[History]) -> Points:
    """By ``tlbench.stats.change_points``."""
    indices, seconds = [], []
    for each in histories:
        begin = time.perf_counter()
        changes = change_points(each.rates)
        seconds.append(time.perf_counter() - begin)
        indices.append([change.index for change in changes])
    return Points(indices, seconds)


class Otava:
    """Apache Otava in its own environment."""

    def __init__(self, python: str) -> None:
        self.python = python
        self.about: dict[str, Any] = {}

    def __call__(self, histories: Sequence[History]) -> Points:
        """By ``otava_points``, the first ``OTAVA`` histories."""
        done = subprocess.run(  # noqa: S603 - the interpreter that was named
            [self.python, str(PROGRAM)],
            input=json.dumps([each.rates for each in histories[:OTAVA]]),
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout)
        self.about = {"version": answer["version"], "settings": answer["settings"]}
        return Points(answer["points"], answer["seconds"])


def score(histories: Sequence[History], points: Points) -> dict[str, Any]:
    """Recall and precision, or false alarms where there is no shift, and the time for one."""
    judged = list(zip(histories, points.indices, strict=False))
    common: dict[str, Any] = {"histories": len(judged), "median_s": median(points.seconds)}
    if not histories[0].places:
        return common | {"alarms": rate(bool(indices) for _, indices in judged)}
    hits = [matched(each.places, indices) for each, indices in judged]
    shifts = sum(len(each.places) for each, _ in judged)
    shown = sum(len(indices) for _, indices in judged)
    return common | {"recall": _share(sum(hits), shifts), "precision": _share(sum(hits), shown)}


def _share(count: int, of: int) -> dict[str, Any]:
    return rate([True] * count + [False] * (of - count))


def search_seconds(runs: int) -> dict[str, Any]:
    """What the search for proposals takes where nothing shifted: its longest."""
    logs = normal(np.random.default_rng(0), (runs,), SD)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        proposals(logs)
        seconds.append(time.perf_counter() - begin)
    return {"runs": runs, "median_s": median(seconds)}


def study(otava: Otava | None) -> dict[str, Any]:
    """All of it."""
    methods: dict[str, Callable[[Sequence[History]], Points]] = {"tlbench": ours}
    methods |= {"otava": otava} if otava else {}
    alarms = []
    for name, noise in (INDEPENDENT | OTHERS).items():
        for runs in LENGTHS:
            independent = name in INDEPENDENT
            histories = unchanged(noise, runs, UNCHANGED if independent else UNCHANGED_OTHERS)
            scores = {key: score(histories, method(histories)) for key, method in methods.items()}
            case = {"noise": name, "independent": independent, "runs": runs, **scores}
            alarms.append(case)
            print(case, flush=True)  # noqa: T201
    detected = []
    for runs, gap in LENGTHS.items():
        for shifts in (1, 2, 3):
            histories = shifted(runs, shifts, SHIFTED)
            scores = {key: score(histories, method(histories)) for key, method in methods.items()}
            detected.append({"runs": runs, "shifts": shifts, "least_between": gap, **scores})
            print(detected[-1], flush=True)  # noqa: T201
    return {
        "promised": ALARM, "level": LEVEL, "sd": SD, "shift": SHIFT, "within": WITHIN,
        "most_runs": MOST_RUNS, "otava": otava.about if otava else None,
        "unchanged": alarms, "shifted": detected,
        "search": [search_seconds(runs) for runs in SEARCHED],
    }  # fmt: skip


def main() -> None:
    """Run all, and print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--otava", metavar="PYTHON")
    arguments = parser.parse_args()
    # Such small arrays are faster on one thread.
    with threadpool_limits(1):
        whole = study(Otava(arguments.otava) if arguments.otava else None)
    write_json(arguments.file, whole)


if __name__ == "__main__":
    main()
