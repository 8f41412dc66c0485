"""Our gate's verdicts beside those of the usual rules, on the same pairs.

Run as ``python -m bench.studies.gate_table FOLDER FILE``, on what ``bench.studies.gate_runs`` made.

The usual rules see one process of each side, as they do in practice: in every pair, the rounds of
the base's process are the stored run, those of the head's the new one. That is kind to them: both
were measured at the same time, while theirs are minutes or days apart.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from scipy import stats

from tl_core.storage import atomic_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: Whether a rule calls the head slower, from seconds of the base's and the head's rounds.
    Rule = Callable[[Sequence[float], Sequence[float]], bool]

#: Share by which pytest-benchmark's rule lets a mean grow, and level of the two tests.
GROWTH, LEVEL = 1.05, 0.05


def mean_grew(base: Sequence[float], head: Sequence[float]) -> bool:
    """pytest-benchmark's ``--benchmark-compare-fail=mean:5%``."""
    return mean(head) > GROWTH * mean(base)


def mann_whitney(base: Sequence[float], head: Sequence[float]) -> bool:
    """A two-sided Mann-Whitney test that finds the head slower."""
    if len(set(base) | set(head)) == 1:
        return False
    p = float(stats.mannwhitneyu(head, base, alternative="two-sided").pvalue)
    return p < LEVEL and median(head) > median(base)


def welch(base: Sequence[float], head: Sequence[float]) -> bool:
    """A two-sided Welch's t test that finds the head slower."""
    p = float(stats.ttest_ind(head, base, equal_var=False).pvalue)
    return p < LEVEL and mean(head) > mean(base)


RULES = {"mean:5%": mean_grew, "Mann-Whitney .05": mann_whitney, "Welch's t .05": welch}


def rate(count: int, of: int) -> dict[str, Any]:
    """A count with the exact 95 % interval of its rate."""
    interval = stats.binomtest(count, of).proportion_ci(method="exact") if of else None
    return {"count": count, "of": of, "interval": list(interval) if interval else None}


def scenario(gates: list[dict[str, Any]]) -> dict[str, Any]:
    """What all rules say of a scenario's gates.

    Args:
        gates: As ``tlbench gate --save`` writes them.
    """
    verdicts = [gate["report"]["verdict"] for gate in gates]
    pairs = [pair["benchmarks"] for gate in gates for pair in gate["pairs"]]
    names = sorted({name for pair in pairs for name in pair})
    return {
        "gates": {
            word: rate(verdicts.count(word), len(gates))
            for word in ("fail", "pass", "inconclusive", "not comparable")
        },
        "pairs": [len(gate["pairs"]) for gate in gates],
        "seconds": [round(gate["report"]["seconds"], 1) for gate in gates],
        "benchmarks": {_short(name): _benchmark(name, gates) for name in names},
        "any_benchmark": {
            key: rate(sum(_any_alarm(rule, pair) for pair in pairs), len(pairs))
            for key, rule in RULES.items()
        },
    }


def _any_alarm(rule: Rule, pair: dict[str, Any]) -> bool:
    return any(rule(each["base"], each["head"]) for each in pair.values())


def _benchmark(name: str, gates: list[dict[str, Any]]) -> dict[str, Any]:
    told = [
        next(each for each in gate["report"]["benchmarks"] if each["name"] == name)
        for gate in gates
    ]
    words = [each["verdict"] for each in told]
    pairs = [pair["benchmarks"][name] for gate in gates for pair in gate["pairs"]]
    spread = [stats.tstd([_log_ratio(p["benchmarks"][name]) for p in g["pairs"]]) for g in gates]
    return {
        "gate": {word: rate(words.count(word), len(words)) for word in sorted(set(words))},
        "ratio": median(each["estimate"]["ratio"] for each in told),
        "sd_of_pairs": median(spread),
        "rules": {
            key: rate(sum(rule(each["base"], each["head"]) for each in pairs), len(pairs))
            for key, rule in RULES.items()
        },
    }


def _log_ratio(timed: dict[str, Any]) -> float:
    return median(math.log(h / b) for b, h in zip(timed["base"], timed["head"], strict=True))


def _short(name: str) -> str:
    return name.rpartition("::")[2]


def main() -> None:
    """Judge every scenario's folder, and write what came out."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    whole: dict[str, Any] = {"machine": None, "scenarios": {}}
    for place in sorted(each for each in folder.iterdir() if each.is_dir()):
        files = [
            json.loads(path.read_text(encoding="utf-8")) for path in sorted(place.glob("*.json"))
        ]
        whole["machine"] = whole["machine"] or files[0]["machine"]
        whole["scenarios"][place.name] = scenario([each["gates"][0] for each in files])
    with atomic_file(target) as part:
        part.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    for name, each in whole["scenarios"].items():
        words = {word: told["count"] for word, told in each["gates"].items()}
        others = {
            key: f"{told['count']}/{told['of']}" for key, told in each["any_benchmark"].items()
        }
        print(name, words, others)  # noqa: T201


if __name__ == "__main__":
    main()
