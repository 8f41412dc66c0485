"""What differs between two fingerprints: in the machine itself, and in its software.

What decides whether two results may be compared. CPU affinity, CPU quota and memory limit count as
the machine: a container with half the CPUs is, for a speed, other hardware. Thread settings, the
oneDNN switch, versions, kernel and driver count as software: they are what one compares on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlbench.machine.fact_format import flat, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Facts about hardware and about how much of it may be used; all others are software.
MACHINE = frozenset(
    (
        *("cpu", "cpu_id", "architecture", "instruction_sets", "sockets", "physical_cores"),
        *("logical_cpus", "caches", "cpus_affinity", "cores_affinity", "cpu_quota", "cpus_usable"),
        *("memory_bytes", "memory_limit_bytes", "hypervisor", "gpus", "gpu_memory_bytes"),
        *("cloud", "instance_type"),
    )
)
#: Facts whose None says "there is none"; elsewhere it says "not known".
NONE_IS_KNOWN = frozenset({"cpu_quota", "memory_limit_bytes", "packages", "settings"})
#: Facts that follow from others: not listed where one of these differs already.
FOLLOWS_FROM = {
    "cpus_usable": ("cpus_affinity", "cpu_quota"),
    "cores_affinity": ("cpus_affinity",),
    "cuda": ("packages.tensorflow",),
    "cudnn": ("packages.tensorflow",),
}
#: Why oneDNN is on or off; only whether it is changes a speed.
NOT_COMPARED = frozenset({"onednn_source"})
#: The kernel keeps a little memory to itself before it counts, another bit in each version.
MEMORY_TOLERANCE = 0.02


@dataclass(frozen=True)
class Change:
    """One fact that differs, such as ``packages.tensorflow``, as it was and as it is."""

    key: str
    old: object
    new: object

    def __str__(self) -> str:
        if isinstance(self.old, list) and isinstance(self.new, list):
            gone = [f"-{each}" for each in self.old if each not in self.new]
            added = [f"+{each}" for each in self.new if each not in self.old]
            if gone or added:
                return f"{self.key}: {' '.join([*gone, *added])}"
        return f"{self.key}: {shown(self.key, self.old)} -> {shown(self.key, self.new)}"


@dataclass(frozen=True)
class FingerprintDifference:
    """What differs: facts about the hardware and the share of it that may be used, and software."""

    machine: tuple[Change, ...]
    software: tuple[Change, ...]


def compare_fingerprints(a: Mapping[str, Any], b: Mapping[str, Any]) -> FingerprintDifference:
    """Compare an older and a newer fingerprint; a fact that only one of them has is no difference.

    Files of earlier versions lack facts. But two that don't both name their CPU are never called
    the same machine.
    """
    old, new = dict(flat(a, NONE_IS_KNOWN)), dict(flat(b, NONE_IS_KNOWN))
    both = [name for name in old if name in new and name not in NOT_COMPARED]
    changes = [Change(k, old[k], new[k]) for k in both if not _equal(k, old[k], new[k])]
    if "cpu" not in both:
        changes.append(Change("cpu", old.get("cpu"), new.get("cpu")))
    changed = {change.key for change in changes}
    listed = [c for c in changes if not changed.intersection(FOLLOWS_FROM.get(c.key, ()))]
    machine = tuple(change for change in listed if change.key.partition(".")[0] in MACHINE)
    return FingerprintDifference(machine, tuple(each for each in listed if each not in machine))


def _equal(name: str, old: object, new: object) -> bool:
    if name == "memory_bytes" and isinstance(old, int) and isinstance(new, int):
        return abs(old - new) <= MEMORY_TOLERANCE * max(old, new)
    return old == new
