"""Derive the reference machine's rates: ``python -m bench.studies.derive_reference FILE...``.

Writes ``bench/tlbench/compare/reference.json`` from result files of that machine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bench.studies.files import package_file, write_json
from tlbench.compare.entries import by_job, entries_of
from tlbench.runs.collect import collect

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "compare/reference.json"


def reference_of(names: Sequence[str]) -> dict[str, Any]:
    """The reference machine's rates from result files: one entry per job.

    Raises:
        ResultError: A file can't be read.
        ValueError: The files are of several machines or setups of one job.
    """
    jobs = []
    for job, entries in by_job(entries_of(collect(names).runs)).items():
        if len(entries) > 1:
            raise ValueError(f"{job}: {len(entries)} machines or setups, expected one")
        (entry,) = entries
        jobs.append(
            {
                "job": [fact for fact in job.facts if fact[1] is not None],
                "machine": entry.machine,
                "engine": entry.last.rows[0].engine,
                "files": [run.path.as_posix() for run in entry.runs],
                "images_per_s": {label: entry.rate(label) for label in entry.benchmarks},
                "not_measured": sorted(entry.last.not_measured),
            }
        )
    return {"jobs": jobs}


def main() -> None:
    """Write the reference machine's rates."""
    print(write_json(package_file(NAME), reference_of(sys.argv[1:])))  # noqa: T201


if __name__ == "__main__":
    main()
