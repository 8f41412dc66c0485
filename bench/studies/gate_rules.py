"""Our gate's verdicts beside those of the usual rules, on the same pairs.

Run as ``python -m bench.studies.gate_rules FOLDER FILE``, on what ``bench.studies.gate_runs`` made.

The usual rules see one process of each side, as they do in practice: the rounds of a base's process
are the stored run, those of a candidate's the new one. They are half a minute apart here, where in
practice hours or days lie between them.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from statistics import mean, median, stdev
from typing import TYPE_CHECKING, Any

import msgspec
from scipy import stats

from bench.studies.files import write_json
from bench.studies.gate_runs import SCENARIOS
from tlbench.gate.pair_result import PairedRounds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    #: Whether a rule calls the candidate slower, from seconds of both sides' rounds.
    Rule = Callable[[Sequence[float], Sequence[float]], bool]

#: Share by which pytest-benchmark's rule lets a mean grow, and level of the two tests.
GROWTH, LEVEL = 1.05, 0.05


def mean_grew(base: Sequence[float], head: Sequence[float]) -> bool:
    """pytest-benchmark's ``--benchmark-compare-fail=mean:5%``."""
    return mean(head) > GROWTH * mean(base)


def mann_whitney(base: Sequence[float], head: Sequence[float]) -> bool:
    """A two-sided Mann-Whitney test that calls the candidate slower."""
    if len(set(base) | set(head)) == 1:
        return False
    p = float(stats.mannwhitneyu(head, base, alternative="two-sided").pvalue)
    return p < LEVEL and median(head) > median(base)


def welch(base: Sequence[float], head: Sequence[float]) -> bool:
    """A two-sided Welch's t test that calls the candidate slower."""
    p = float(stats.ttest_ind(head, base, equal_var=False).pvalue)
    return p < LEVEL and mean(head) > mean(base)


RULES = {"mean:5%": mean_grew, "Mann-Whitney .05": mann_whitney, "Welch's t .05": welch}


def rate(hits: Iterable[bool]) -> dict[str, Any]:
    """How many of how many, with the exact 95 % interval of the rate."""
    each = list(hits)
    count, of = sum(each), len(each)
    interval = stats.binomtest(count, of).proportion_ci(method="exact") if of else None
    return {"count": count, "of": of, "interval": list(interval) if interval else None}


def scenario(gates: list[dict[str, Any]], slowed: Collection[str]) -> dict[str, Any]:
    """What all rules say of a scenario's gates.

    Args:
        gates: As ``tlbench gate --save`` writes them.
        slowed: Names of the benchmarks that were made slower.

    Returns:
        Verdicts, pairs and seconds of our gates; and for ours and each rule how often all that was
        slowed was detected (``found``), and how often anything else was called slower (``false``).
        The rules compare a pair's two processes, which ran side by side (``same_time``), and a
        base's process with the next pair's candidate, half a minute later (``in_turn``).
    """
    verdicts = [gate["report"]["verdict"] for gate in gates]
    calls = [
        {_short(each["name"]): each["verdict"] == "fail" for each in gate["report"]["benchmarks"]}
        for gate in gates
    ]
    return {
        "verdicts": {word: verdicts.count(word) for word in dict.fromkeys(verdicts)},
        "pairs": [len(gate["pairs"]) for gate in gates],
        "seconds": [round(gate["report"]["seconds"], 1) for gate in gates],
        "ours": _found_and_false(calls, slowed),
        "rules": {
            key: {
                "same_time": _found_and_false(_calls(rule, gates, 0), slowed),
                "in_turn": _found_and_false(_calls(rule, gates, 1), slowed),
            }
            for key, rule in RULES.items()
        },
        "benchmarks": _benchmarks(gates),
    }


def _found_and_false(calls: list[dict[str, bool]], slowed: Collection[str]) -> dict[str, Any]:
    return {
        "found": rate(_slowed(each, slowed) for each in calls) if slowed else None,
        "false": rate(_others(each, slowed) for each in calls),
    }


def _slowed(calls: dict[str, bool], slowed: Collection[str]) -> bool:
    return all(calls.get(name, False) for name in slowed)


def _others(calls: dict[str, bool], slowed: Collection[str]) -> bool:
    return any(hit for name, hit in calls.items() if name not in slowed)


def _calls(rule: Rule, gates: list[dict[str, Any]], later: int) -> list[dict[str, bool]]:
    """Whether a rule calls each benchmark slower, for each base and a head so many pairs later."""
    return [
        {
            _short(name): rule(each["base"], head["benchmarks"][name]["head"])
            for name, each in base["benchmarks"].items()
            if each["base"] and head["benchmarks"].get(name, {}).get("head")
        }
        for gate in gates
        for base, head in zip(gate["pairs"], gate["pairs"][later:], strict=False)
    ]


def _benchmarks(gates: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each benchmark that was timed: its median ratio, and how it varies from pair to pair."""
    variation: dict[str, Any] = {}
    for name in sorted(gates[0]["pairs"][0]["benchmarks"]):
        logs = [
            [
                _log_ratio(pair["benchmarks"][name])
                for pair in gate["pairs"]
                if name in pair["benchmarks"]
            ]
            for gate in gates
            if gate["pairs"][0]["benchmarks"][name]["base"]
        ]
        spread = [stdev(each) for each in logs if len(each) > 1]
        if spread:
            ratio = math.exp(median(mean(each) for each in logs))
            variation[_short(name)] = {"ratio": ratio, "sd_of_pairs": median(spread)}
    return variation


def _log_ratio(timed: dict[str, Any]) -> float:
    return msgspec.convert(timed, PairedRounds).log_ratio


def _short(name: str) -> str:
    return name.rpartition("::")[2]


def main() -> None:
    """Judge every scenario's folder, and write what came out."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    whole: dict[str, Any] = {"machine": None, "scenarios": {}}
    for known in SCENARIOS:
        files = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((folder / known.name).glob("*.json"))
        ]
        if files:
            whole["machine"] = whole["machine"] or files[0]["machine"]
            gates = [each["gates"][0] for each in files]
            whole["scenarios"][known.name] = scenario(gates, known.slowed)
    write_json(target, whole)
    for name, each in whole["scenarios"].items():
        print(name, each["verdicts"], each["ours"])  # noqa: T201


if __name__ == "__main__":
    main()
