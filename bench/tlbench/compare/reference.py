"""An entry's whole job, and each of its benchmarks, as multiples of a reference machine's.

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
from tlbench.compare.models import FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.compare.entries import Entry, Job

FILE = Path(__file__).with_name("reference.json")


@dataclass(frozen=True)
class Headline:
    """An entry beside a reference machine with its engine.

    Attributes:
        seconds: Of the whole job; None where it was not measured.
        times: The whole job's throughput as a multiple of the reference's; None where one of the
            two lacks it, or for a ``reason``.
        parts: Every benchmark's multiple.
        mean: Their geometric mean; None for a ``reason``.
        reason: A check that failed, or a part that is missing.
    """

    seconds: float | None
    times: float | None
    mean: float | None
    parts: Mapping[str, float]
    reference: str
    reason: str | None = None

    @property
    def of_itself(self) -> bool:
        """Whether the entry is the reference: nothing is compared."""
        return self.mean is not None and all(abs(part - 1) < 1e-9 for part in self.parts.values())


def headline(entry: Entry) -> Headline | None:
    """The headline of an entry; None for jobs that the reference machine hasn't run."""
    known = _reference_of(entry.job)
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
        reason = f"not measured in its latest run: {what}"
        return Headline(entry.job_seconds, None, None, parts, name, reason)
    times = parts.get(entry.whole_job or "")
    return Headline(entry.job_seconds, times, geometric_mean(parts.values()), parts, name)


def reference_first(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with each job's reference before the others: for results that nobody put in order."""
    jobs = by_job(entries).values()
    return [each for of_job in jobs for each in sorted(of_job, key=_is_other)]


def _is_other(entry: Entry) -> bool:
    files = (_reference_of(entry.job) or {}).get("files", [])
    return {Path(file).name for file in files}.isdisjoint(run.path.name for run in entry.runs)


def _reference_of(job: Job) -> dict[str, Any] | None:
    """What is known of a job, by its model's name where either side lacks the fingerprint."""
    facts = dict(job.facts)
    fingerprint = facts.pop(FINGERPRINT, None)
    known = _known().get(json.dumps(list(facts.items())))
    if known and fingerprint and known[FINGERPRINT] not in (None, fingerprint):
        return None
    return known


@functools.cache
def _known() -> dict[str, dict[str, Any]]:
    jobs = json.loads(FILE.read_text(encoding="utf-8"))["jobs"] if FILE.exists() else []
    known = {}
    for each in jobs:
        facts = dict(each["job"])
        fingerprint = facts.pop(FINGERPRINT, None)
        known[json.dumps(list(facts.items()))] = each | {FINGERPRINT: fingerprint}
    return known
