"""How accurate are the embedded backbones? ``python -m bench.studies.backbones [FILE]``.

A linear probe on the features of each, at its own image size, of all photo-patches; without a file
nothing is stored. ``tlbench models`` reads the committed one.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.derive_floors import linear_probe
from bench.studies.files import write_json
from tl_core.models.embedded import MODELS
from tlbench.machine.fingerprint import fingerprint
from tlbench.report.table import per_second, share
from tlbench.stats.proportions import wilson
from tlbench.suite.loaded_workload import load_workload, open_data
from tlbench.suite.model_cards import facts_of
from tlbench.suite.workloads import QUICK

if TYPE_CHECKING:
    from tlbench.suite.workloads import Workload


def probe(options: Workload) -> dict[str, Any]:
    """What ``tlbench models`` says of a workload's model, and the accuracy on the workload's data.

    The data set is small enough to be held in memory with its features.
    """
    data = open_data(options)
    workload = load_workload(options, data, probe=False)
    accuracy = linear_probe(workload)
    interval = wilson(round(accuracy * len(data.test)), len(data.test))
    return {
        "model": options.model,
        "model_fingerprint": workload.extractor.opened.model.fingerprint,
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "engine": workload.extractor.engine,
        **asdict(facts_of(workload.extractor.opened.model)),
        "train_size": len(data.train),
        "test_size": len(data.test),
        "accuracy": accuracy,
        "accuracy_interval_95": list(interval),
    }


def table(study: dict[str, Any]) -> str:
    """Cost and accuracy of each backbone."""
    lines = heading("handle", "input", "parameters", "multiply-adds", "features", "accuracy", "n")
    for each in study["models"]:
        low, high = map(share, each["accuracy_interval_95"])
        figures = [
            f"{each['image_size']}",
            f"{per_second(each['parameters'] / 1e6)} M",
            f"{per_second(each['multiply_adds'] / 1e6)} M",
            f"{each['outputs']:,}",
            f"{share(each['accuracy'])} ({low} to {high})",
            f"{each['test_size']:,}",
        ]
        lines.append(cell_line([f"`{each['model']}`", *figures]))
    return "\n".join(lines)


GUIDE = "docs/models.md"
BLOCKS = (of_study("backbones", "backbones.json", table),)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    file = parser.parse_args(arguments).file
    everything = replace(QUICK, image_size=None, train_size=None, test_size=None)
    rows = [probe(replace(everything, model=name)) for name in MODELS]
    study = {"models": rows, "machine": fingerprint()}
    print(table(study))  # noqa: T201
    if file:
        write_json(file, study)


if __name__ == "__main__":
    main()
