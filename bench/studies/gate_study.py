"""Tables of the gate's own studies: ``python -m bench.studies.gate_study`` puts them in the guide.

They are made from ``results/studies/gate.json`` and ``gate-simulation.json``, so that a test can
make them again and compare.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from bench.studies.blocks import Block, cell_line, rewrite

GUIDE = Path("docs/gating.md")
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
    """Verdicts of real gates, and how often the usual rules cry wolf on the same rounds."""
    rules = list(next(iter(study["scenarios"].values()))["rules"])
    lines = [
        cell_line(["what changed", "gates", "fail", "pass", "inc.", "pairs", "seconds", *rules]),
        cell_line(["---", *["---:"] * (6 + len(rules))]),
    ]
    for key, name in SCENARIOS.items():
        if key in study["scenarios"]:
            lines.append(cell_line([name, *_cells(study["scenarios"][key])]))
    return "\n".join(lines)


def _cells(found: dict[str, Any]) -> list[str]:
    words = found["verdicts"]
    counts = [str(words.get(word, 0)) for word in ("fail", "pass", "inconclusive")]
    figures = [f"{median(found['pairs']):.0f}", f"{median(found['seconds']):.0f}"]
    rules = [_share(each["in_turn"]["false"]) for each in found["rules"].values()]
    return [str(len(found["pairs"])), *counts, *figures, *rules]


def simulated(study: dict[str, Any]) -> str:
    """False alarms of simulated gates under each kind of noise, and slowdowns found."""
    alarms = [
        cell_line(["noise", "gates", "false alarms", "95 % interval"]),
        "|---|---:|---:|---:|",
    ]
    for name, each in study["unchanged"].items():
        low, high = (f"{100 * end:.2f}" for end in each["interval"])
        count = f"{each['alarms']} ({each['alarms'] / each['gates']:.2%})"
        alarms.append(
            cell_line([NOISE.get(name, name), f"{each['gates']:,}", count, f"{low} to {high} %"])
        )
    power = [cell_line(["slower by", "sd of a pair", "within", "found"]), "|---:|---:|---:|---:|"]
    power += [
        cell_line(
            [
                f"{each['slower']:.0%}",
                f"{each['sd']:.1%}",
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
BLOCKS = (
    Block("real gates", "gate.json", real_gates),
    Block("simulated gates", "gate-simulation.json", simulated),
)


def _share(rate: dict[str, Any]) -> str:
    return f"{rate['count']} of {rate['of']}"


def main() -> None:
    """Rewrite the guide in this folder."""
    rewrite(GUIDE, BLOCKS)


if __name__ == "__main__":
    main()
