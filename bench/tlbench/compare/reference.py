"""An entry's throughput as a multiple of a reference machine's, in one number.

``python -m bench.studies.derive_reference`` makes ``reference.json``.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from tlbench.compare.entries import by_job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.compare.entries import Entry

FILE = Path(__file__).with_name("reference.json")


@dataclass(frozen=True)
class Headline:
    """An entry's throughput as a multiple of a reference machine's with its engine.

    ``value`` is the geometric mean of ``parts`` by benchmark; None with a ``reason`` where a check
    failed or a part is missing.
    """

    value: float | None
    parts: Mapping[str, float]
    reference: str
    reason: str | None = None

    @property
    def of_itself(self) -> bool:
        """Whether the entry is the reference: nothing is compared."""
        return self.value is not None and all(abs(part - 1) < 1e-9 for part in self.parts.values())


def headline(entry: Entry) -> Headline | None:
    """The headline of an entry; None for jobs that the reference machine hasn't run."""
    known = _known().get(json.dumps(entry.job.facts))
    if known is None:
        return None
    rates, lacking = known["images_per_s"], known["not_measured"]
    name = f"{known['machine']} {known['engine']}"
    parts = {
        label: entry.rate(label) / rate
        for label, rate in rates.items()
        if label in entry.benchmarks
    }
    failed = sorted(set(entry.last.not_measured) - set(lacking))
    missing = sorted(set(rates) - {row.label for row in entry.last.rows})
    if failed or missing:
        what = ", ".join(failed or missing)
        return Headline(None, parts, name, f"not measured in its latest run: {what}")
    return Headline(geometric_mean(parts.values()), parts, name)


def reference_first(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with each job's reference before the others: for results that nobody put in order."""
    jobs = by_job(entries).values()
    return [each for of_job in jobs for each in sorted(of_job, key=_is_other)]


def _is_other(entry: Entry) -> bool:
    files = _known().get(json.dumps(entry.job.facts), {}).get("files", [])
    return {Path(file).name for file in files}.isdisjoint(run.path.name for run in entry.runs)


@functools.cache
def _known() -> dict[str, dict[str, Any]]:
    jobs = json.loads(FILE.read_text(encoding="utf-8"))["jobs"] if FILE.exists() else []
    return {json.dumps(each["job"]): each for each in jobs}
