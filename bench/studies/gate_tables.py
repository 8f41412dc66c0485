"""Tables of the gate's studies; ``python -m bench.studies.guide_tables`` puts them in the guide."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.small_gate_tables import small_gates

#: What each scenario is called, in the order of the table.
SCENARIOS = {
    "unchanged": "nothing",
    "unchanged-loaded": "nothing, under load",
    "slower-25": "extraction 25 % slower",
    "slower-10": "extraction 10 % slower",
    "slower-05": "extraction 5 % slower",
    "wrong-range": "inputs in [-1, 1]",
    "shuffled-labels": "labels shuffled",
    "shuffled-labels-30": "30 % of labels shuffled",
}


def real_gates(study: dict[str, Any]) -> str:
    """Verdicts of real gates, and false alarms of the usual rules on the same rounds."""
    rules = list(next(iter(study["scenarios"].values()))["rules"])
    counts = ("gates", "fail", "pass", "inconclusive", "pairs", "seconds")
    lines = heading("what changed", *counts, *rules)
    for key, name in SCENARIOS.items():
        if key in study["scenarios"]:
            lines.append(cell_line([name, *_cells(study["scenarios"][key])]))
    return "\n".join(lines)


def _cells(scenario: dict[str, Any]) -> list[str]:
    verdicts = scenario["verdicts"]
    counts = [str(verdicts.get(verdict, 0)) for verdict in ("fail", "pass", "inconclusive")]
    figures = [f"{median(scenario['pairs']):.0f}", f"{median(scenario['seconds']):.0f}"]
    rules = [_share(each["in_turn"]["false"]) for each in scenario["rules"].values()]
    return [str(len(scenario["pairs"])), *counts, *figures, *rules]


def simulated(study: dict[str, Any]) -> str:
    """False alarms of simulated gates under each kind of noise, and detected slowdowns."""
    alarms = heading("noise", "gates", "false alarms", "95 % interval")
    for name, each in study["unchanged"].items():
        low, high = (f"{100 * end:.2f}" for end in each["interval"])
        count = f"{each['alarms']} ({each['alarms'] / each['gates']:.2%})"
        alarms.append(
            cell_line([NOISE.get(name, name), f"{each['gates']:,}", count, f"{low} to {high} %"])
        )
    power = heading("noise", "SD between pairs", "slowdown", "within", "detected")
    power += [
        cell_line(
            [
                each["noise"],
                f"{each['sd']:.1%}",
                f"{each['slower']:.0%}",
                f"{each['within_pairs']} pairs",
                f"{each['found']:,} of {each['gates']:,}",
            ]
        )
        for each in study["slower"]
    ]
    return "\n".join([*alarms, "", *power])


#: What recorded noise is called.
NOISE = {
    "noise.json": "recorded: neighbours of 40 consecutive processes",
    "unchanged": "recorded: the first two real gates of unchanged code",
}


def _share(rate: dict[str, Any]) -> str:
    return f"{rate['count']} of {rate['of']}"


GUIDE = "docs/gating.md"
BLOCKS = (
    of_study("real gates", "gate.json", real_gates),
    of_study("simulated gates", "gate-simulation.json", simulated),
    of_study("small gates", "small-gates.json", small_gates),
)
