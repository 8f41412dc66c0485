"""Tables of the change points' study: ``python -m bench.studies.history_study`` makes them anew.

They are made from ``results/studies/change-points.json``, so that a test can make them again and
compare.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import Block, cell_line, rewrite
from tlbench.report.table import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

GUIDE, README = Path("docs/history.md"), Path("README.md")
#: Runs of the histories that the README tells of.
CLAIMED_RUNS = 50
#: What the methods are called, in the order of the tables.
METHODS = {"tlbench": "tlbench", "otava": "Otava"}


def false_alarms(study: dict[str, Any]) -> str:
    """Histories without a shift that show a change, by noise and number of runs."""
    return _table(
        ["noise", "runs"],
        study["unchanged"],
        lambda each: [each["noise"], f"{each['runs']}"],
        {"false alarms": lambda score: _rate(score["alarms"])},
    )


def shifts_found(study: dict[str, Any]) -> str:
    """Recall and precision, by the number of runs and shifts."""
    return _table(
        ["runs", "shifts", "apart"],
        study["shifted"],
        lambda each: [f"{each['runs']}", f"{each['shifts']}", f"{each['least_between']}"],
        {
            "recall": lambda score: _rate(score["recall"]),
            "precision": lambda score: _rate(score["precision"]),
            "time": lambda score: seconds(score["median_s"]),
        },
    )


def search(study: dict[str, Any]) -> str:
    """What the search for proposals takes, by the number of runs."""
    lines = [cell_line(["runs", "search"]), "|---:|---:|"]
    lines += [
        cell_line([f"{each['runs']:,}", seconds(each["median_s"])]) for each in study["search"]
    ]
    return "\n".join(lines)


def claim(study: dict[str, Any]) -> str:
    """What the README says of it: alarms of independent noise, and shifts in 50 runs."""
    quiet = [each for each in study["unchanged"] if each["independent"]]
    shifted = [each for each in study["shifted"] if each["runs"] == CLAIMED_RUNS]
    told = {
        key: [
            _share([each[key]["alarms"] for each in quiet]),
            *(_share([each[key][name] for each in shifted]) for name in ("recall", "precision")),
        ]
        for key in METHODS
    }
    ours, theirs = told.values()
    count = sum(each["tlbench"]["alarms"]["of"] for each in quiet)
    return (
        f"In {count:,} made-up histories without a shift, whose runs scatter independently of each "
        f"other, {ours[0]:.1%} showed a change (Apache Otava, on a part of them: "
        f"{theirs[0]:.1%}). With one to three shifts of "
        f"{study['shift']:.0%} at a noise of {study['sd']:.0%}, in {CLAIMED_RUNS} runs, it finds "
        f"{ours[1]:.0%} within {study['within']} runs (Otava: {theirs[1]:.0%}), and "
        f"{ours[2]:.0%} of what it shows is there (Otava: {theirs[2]:.0%})."
    )


def _share(rates: list[dict[str, Any]]) -> float:
    return float(sum(each["count"] for each in rates) / sum(each["of"] for each in rates))


def _table(
    headings: list[str],
    cases: list[dict[str, Any]],
    names: Callable[[dict[str, Any]], list[str]],
    figures: dict[str, Callable[[dict[str, Any]], str]],
) -> str:
    """A line a case, and each figure for each method that there is."""
    methods = [key for key in METHODS if key in cases[0]]
    columns = [(figure, key) for figure in figures for key in methods]
    told = [f"{figure}, {METHODS[key]}" for figure, key in columns]
    lines = [
        cell_line([*headings, *told]),
        cell_line(["---", *["---:"] * (len(headings) + len(told) - 1)]),
    ]
    lines += [
        cell_line([*names(each), *(figures[figure](each[key]) for figure, key in columns)])
        for each in cases
    ]
    return "\n".join(lines)


def _rate(rate: dict[str, Any]) -> str:
    if not rate["of"]:
        return "none shown"
    share = rate["count"] / rate["of"]
    return f"{share:.1%} of {rate['of']:,}"


BLOCKS = (
    Block("histories without a shift", "change-points.json", false_alarms),
    Block("histories with shifts", "change-points.json", shifts_found),
    Block("search", "change-points.json", search),
)


CLAIM = (Block("change points", "change-points.json", claim),)


def main() -> None:
    """Rewrite the guide and the README in this folder."""
    rewrite(GUIDE, BLOCKS)
    rewrite(README, CLAIM)


if __name__ == "__main__":
    main()
