"""Tables of the change points; ``python -m bench.studies.guide_tables`` puts them in the guide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study
from tlbench.report.table import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

#: Runs of the histories that the summary is of.
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
    lines = heading("runs", "search")
    lines += [
        cell_line([f"{each['runs']:,}", seconds(each["median_s"])]) for each in study["search"]
    ]
    return "\n".join(lines)


def claim(study: dict[str, Any]) -> str:
    """The summary: false alarms with independent noise, and shifts in 50 runs."""
    quiet = [each for each in study["unchanged"] if each["independent"]]
    shifted = [each for each in study["shifted"] if each["runs"] == CLAIMED_RUNS]
    rates = {
        key: [
            _share([each[key]["alarms"] for each in quiet]),
            *(_share([each[key][name] for each in shifted]) for name in ("recall", "precision")),
        ]
        for key in METHODS
    }
    ours, theirs = rates.values()
    count = sum(each["tlbench"]["alarms"]["of"] for each in quiet)
    return (
        f"False alarms: {ours[0]:.1%} of {count:,} simulated histories without a shift and with "
        f"independent noise (Apache Otava, on a part of them: {theirs[0]:.1%}). In histories of "
        f"{CLAIMED_RUNS} runs with one to three shifts of {study['shift']:.0%} and a noise of "
        f"{study['sd']:.0%}, recall within {study['within']} runs is {ours[1]:.0%} (Otava: "
        f"{theirs[1]:.0%}) and precision {ours[2]:.0%} (Otava: {theirs[2]:.0%})."
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
    lines = heading(*headings, *(f"{figure}, {METHODS[key]}" for figure, key in columns))
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


GUIDE = "docs/history.md"
BLOCKS = tuple(
    of_study(name, "change-points.json", table)
    for name, table in (
        ("histories without a shift", false_alarms),
        ("histories with shifts", shifts_found),
        ("search", search),
        ("change points", claim),
    )
)
