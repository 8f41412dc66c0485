"""Which nodes are alike: of the same hardware, with the same job.

How much of its hardware a node may use is no part of that, nor are versions, settings and threads:
a node that is slow because of these is slower than its like, and the report says what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.compare.entries import Entry, Job
from tlbench.compare.models import Models
from tlbench.machine.difference import compare_fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tlbench.fleet.gathering import NodeRuns

#: Facts of the machine that say how much of it may be used.
LIMITS = frozenset(
    ("cpus_affinity", "cores_affinity", "cpu_quota", "cpus_usable", "memory_limit_bytes")
)


def entries_by_node(nodes: Iterable[NodeRuns]) -> list[Entry]:
    """Each node's runs as an entry that is labelled as the node is."""
    nodes = list(nodes)
    models = Models(run for each in nodes for run in each.runs)
    entries = []
    for each in nodes:
        last = each.runs[-1]
        facts = models.job(last)
        job = Job(tuple(facts.items()), models.name(facts))
        entries.append(Entry(job, last.machine, last.setup, tuple(each.runs), label=each.label))
    return entries


def like_groups(entries: Sequence[Entry]) -> list[list[int]]:
    """Positions of entries that are alike, the largest groups first."""
    groups: list[list[int]] = []
    for place, entry in enumerate(entries):
        own = next((each for each in groups if is_like(entries[each[0]], entry)), None)
        if own is None:
            groups.append([place])
        else:
            own.append(place)
    return sorted(groups, key=len, reverse=True)


def is_like(a: Entry, b: Entry) -> bool:
    """Whether two entries have the same hardware, device and job."""
    return not unlike(a, b)


def unlike(a: Entry, b: Entry) -> list[str]:
    """Names of facts for which two entries aren't alike."""
    jobs = dict(a.job.facts), dict(b.job.facts)
    names = [name for name in jobs[0] if jobs[0][name] != jobs[1].get(name)]
    if a.last.rows[0].device != b.last.rows[0].device:
        names.append("device")
    changes = compare_fingerprints(a.last.facts, b.last.facts).machine
    return names + [change.key for change in changes if change.key not in LIMITS]
