"""The table and the picture of small suites' gates, for the guide of gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading
from bench.studies.files import ROOT, read_study
from tlbench.report.pictures import drawing, write_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDY, FOLDER, NAME = "small-gates.json", "docs/pictures", "gate-power"
#: What each scenario is called, in the order of the table.
SCENARIOS = {
    "unchanged": "nothing",
    "unchanged-tree": "nothing, `ref=HEAD` against the working tree",
    "unchanged-loaded": "nothing, two processes beside it",
    "unchanged-crowded": "nothing, three processes beside it",
    "slower-10": "one benchmark 10 % slower",
    "slower-05": "one benchmark 5 % slower",
    "slower-03": "one benchmark 3 % slower",
    "slower-02": "one benchmark 2 % slower",
}
#: Its noise is nearest to that of gates with a slower benchmark: they had one process beside them.
QUIETEST = "unchanged"
NOISE = {
    "unchanged": "other work at idle priority",
    "unchanged-loaded": "two processes, busy on and off",
}


def small_gates(study: dict[str, Any]) -> str:
    """Gates of small suites: false alarms, found slowdowns, and the usual rules beside them."""
    counts = ("gates", "fail", "pass", "inconclusive", "pairs", "seconds", "found", "false alarms")
    lines = heading("what changed", *counts)
    for key, name in SCENARIOS.items():
        if key in study["scenarios"]:
            lines.append(cell_line([name, *_cells(study["scenarios"][key])]))
    lines += ["", *heading("on unchanged code", "false alarms", "95 % interval")]
    lines.append(cell_line(["this gate", *_rate(study["unchanged"]["alarms"])]))
    for rule, rate in study["unchanged"]["usual"].items():
        lines.append(cell_line([f"pytest-benchmark, {rule}", *_rate(rate)]))
    return "\n".join(lines)


def _cells(scenario: dict[str, Any]) -> list[str]:
    verdicts = [
        str(scenario["verdicts"].get(verdict, 0)) for verdict in ("fail", "pass", "inconclusive")
    ]
    rate = scenario["found"]
    return [
        str(scenario["gates"]), *verdicts,
        f"{scenario['pairs']:.0f}", f"{scenario['seconds']:.0f}",
        f"{rate['count']} of {rate['of']}" if rate else "",
        f"{scenario['alarms']['count']} of {scenario['alarms']['of']}",
    ]  # fmt: skip


def _rate(rate: dict[str, Any]) -> list[str]:
    low, high = (100 * end for end in rate["interval"])
    return [f"{rate['count']} of {rate['of']}", f"{low:.1f} to {high:.1f} %"]


def figure(study: dict[str, Any]) -> Figure:
    """How often slowdowns are found, by their size: simulated as lines, real gates as points."""
    from matplotlib.figure import Figure

    whole = Figure(figsize=(7.5, 3.4), layout="constrained")
    noises = [noise for noise in NOISE if any(row["noise"] == noise for row in study["simulated"])]
    axes = whole.subplots(1, len(noises), sharey=True, squeeze=False)[0]
    for axis, noise in zip(axes, noises, strict=True):
        _lines(axis, study, noise)
    axes[0].set_ylabel("found, % of gates")
    axes[0].legend(title="pairs", frameon=False, loc="lower right")
    return whole


def _lines(axis: Any, study: dict[str, Any], noise: str) -> None:  # noqa: ANN401 - matplotlib's
    rows = [row for row in study["simulated"] if row["noise"] == noise]
    shades = ("0.75", "0.55", "0.3", "black")
    for pairs, shade in zip(sorted({row["within_pairs"] for row in rows}), shades, strict=True):
        points = [row for row in rows if row["within_pairs"] == pairs]
        axis.plot(
            [100 * row["slower"] for row in points],
            [100 * row["found"] / row["gates"] for row in points],
            color=shade, marker=".", label=str(pairs),
        )  # fmt: skip
    if noise == QUIETEST:
        _points(axis, study)
    sd = 100 * study["noise"][noise]["median"]
    axis.set_title(f"{NOISE[noise]}\npairs vary by {sd:.1f} %", fontsize=10)
    axis.set_xlabel("slowdown, %")
    axis.axvline(5, color="gray", linewidth=0.6, linestyle=":")


def _points(axis: Any, study: dict[str, Any]) -> None:  # noqa: ANN401 - matplotlib's
    """Found slowdowns in real gates, with exact 95 % intervals."""
    for name, each in study["scenarios"].items():
        if each["found"]:
            size, rate = float(name.rpartition("-")[2]), each["found"]
            share = 100 * rate["count"] / rate["of"]
            ends = [[share - 100 * rate["interval"][0]], [100 * rate["interval"][1] - share]]
            axis.errorbar(size, share, ends, color="tab:red", marker="D", capsize=3)


def main() -> None:
    """Draw the picture of the committed study."""
    folder = ROOT / FOLDER
    with drawing():
        write_picture(figure(read_study(STUDY)), folder, NAME, ["svg"])


if __name__ == "__main__":
    main()
