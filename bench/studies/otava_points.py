"""Apache Otava's change points of many series: run by the interpreter of its own environment.

Needs nothing of this project. Takes JSON on standard input, a list of series, and prints JSON: the
``version``, the ``settings``, and for each series the ``points`` (indices of the first run after a
change) and the ``seconds`` it took.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

from otava.analysis import compute_change_points
from otava.series import AnalysisOptions


def main() -> None:
    """Judge every series with the settings that Otava's own command has by default."""
    chosen = AnalysisOptions()
    settings = {
        "window_len": chosen.window_len,
        "max_pvalue": chosen.max_pvalue,
        "min_magnitude": chosen.min_magnitude,
    }
    points, seconds = [], []
    for series in json.load(sys.stdin):
        begin = time.perf_counter()
        changes, _ = compute_change_points(series, **settings)
        seconds.append(time.perf_counter() - begin)
        points.append([int(each.index) for each in changes])
    about = {"version": version("apache-otava"), "settings": settings}
    json.dump({**about, "points": points, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
