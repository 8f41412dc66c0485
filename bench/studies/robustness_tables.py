"""The tables and the picture of the guide of bad inputs and faults.

``python -m bench.studies.robustness_tables`` draws the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.studies import bad_inputs, faults, fuzz, kills, odd_pictures, soak
from bench.studies.files import ROOT, read_study
from tlbench.report.pictures import drawing, write_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GUIDE = "docs/robustness.md"
BLOCKS = tuple(
    block
    for study in (bad_inputs, odd_pictures, faults, kills, soak, fuzz)
    for block in study.BLOCKS
)
STUDY, FOLDER, NAME = "soak.json", "docs/pictures", "soak"
#: Figures of a long run that are drawn, from top to bottom.
DRAWN = ("rss_mb", "threads", "open_files", "temporary_files")


def figure(study: dict[str, Any]) -> Figure:
    """Figures of one process after each run of the suite in it, over the time."""
    from matplotlib.figure import Figure

    whole = Figure(figsize=(7.5, 5.0), layout="constrained")
    minutes, time = [], 0.0
    for run in study["runs"]:
        time += run["seconds"] / 60
        minutes.append(time)
    panels = whole.subplots(len(DRAWN), 1, sharex=True)
    for axis, name in zip(panels, DRAWN, strict=True):
        values = [run[name] for run in study["runs"]]
        axis.plot(minutes, values, marker=".", color="black")
        axis.set_title(soak.FIGURES[name], fontsize=9, loc="left")
        axis.set_ylim(0, 1.25 * max(1, *values))
        axis.locator_params(axis="y", nbins=3, integer=True)
    panels[-1].set_xlabel("minutes")
    return whole


def main() -> None:
    """Draw the picture of the committed study."""
    with drawing():
        write_picture(figure(read_study(STUDY)), ROOT / FOLDER, NAME, ["svg"])


if __name__ == "__main__":
    main()
