"""How two fingerprints differ: not at all, in software, or in the machine itself.

What decides whether two results may be compared. CPU affinity, CPU quota and memory limit count as
the machine: a container with half the CPUs is, for a speed, other hardware. Thread settings, the
oneDNN switch, versions, kernel and driver count as software: they are what one compares on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tlbench.machine.fact_format import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["same", "software", "machine"]

#: Facts about hardware and about how much of it may be used; all others are software.
MACHINE = frozenset(
    (
        *("cpu", "cpu_id", "architecture", "instruction_sets", "sockets", "physical_cores"),
        *("logical_cpus", "caches", "cpus_affinity", "cores_affinity", "cpu_quota", "cpus_usable"),
        *("memory_bytes", "memory_limit_bytes", "hypervisor", "gpus", "gpu_memory_bytes"),
    )
)

#: Facts whose None says "there is none"; elsewhere it says "not told".
NONE_IS_KNOWN = ("cpu_quota", "memory_limit_bytes", "packages", "settings")

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
    """One fact that differs.

    Attributes:
        key: Its name, such as ``packages.tensorflow``.
        old: In the first fingerprint.
        new: In the second.
    """

    key: str
    old: object
    new: object

    def __str__(self) -> str:
        if isinstance(self.old, list) and isinstance(self.new, list):
            gone = [f"-{each}" for each in self.old if each not in self.new]
            come = [f"+{each}" for each in self.new if each not in self.old]
            if gone or come:
                return f"{self.key}: {' '.join([*gone, *come])}"
        return f"{self.key}: {shown(self.key, self.old)} -> {shown(self.key, self.new)}"


@dataclass(frozen=True)
class FingerprintDifference:
    """What differs between two fingerprints.

    Attributes:
        machine: Facts about the hardware and the share of it that may be used.
        software: Versions and settings.
        unknown: Names of facts that only one of the two tells; they count as no difference.
    """

    machine: tuple[Change, ...]
    software: tuple[Change, ...]
    unknown: tuple[str, ...]

    @property
    def verdict(self) -> Kind:
        """``same``, ``software`` (the same hardware with other software) or ``machine``."""
        if self.machine:
            return "machine"
        return "software" if self.software else "same"

    def __str__(self) -> str:
        words = {
            "same": "same machine and software",
            "software": "same hardware, other software",
            "machine": "other machine",
        }
        changes = [str(change) for change in (*self.machine, *self.software)]
        if self.unknown:
            changes.append(f"not told by both: {', '.join(self.unknown)}")
        return f"{words[self.verdict]}" + (f" ({'; '.join(changes)})" if changes else "")


def compare_fingerprints(a: Mapping[str, Any], b: Mapping[str, Any]) -> FingerprintDifference:
    """Compare two fingerprints, of which either may lack facts (files of earlier versions do).

    Two that don't both name their CPU are never called the same machine.

    Args:
        a: The older one.
        b: The newer one.
    """
    old, new = dict(_facts(a)), dict(_facts(b))
    names = [name for name in {**old, **new} if name not in NOT_COMPARED]
    both = [name for name in names if name in old and name in new]
    changes = [Change(k, old[k], new[k]) for k in both if not _equal(k, old[k], new[k])]
    if "cpu" not in both:
        changes.append(Change("cpu", old.get("cpu"), new.get("cpu")))
    changed = {change.key for change in changes}
    told = [c for c in changes if not changed.intersection(FOLLOWS_FROM.get(c.key, ()))]
    return FingerprintDifference(
        machine=tuple(change for change in told if _top(change.key) in MACHINE),
        software=tuple(change for change in told if _top(change.key) not in MACHINE),
        unknown=tuple(name for name in names if name not in both and name not in changed),
    )


def _facts(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Every fact that is told, those in groups by a name with a dot."""
    for key, value in facts.items():
        name = f"{within}{key}"
        if isinstance(value, dict):
            yield from _facts(value, f"{name}.")
        elif value is not None or _top(name) in NONE_IS_KNOWN:
            yield name, value


def _equal(name: str, old: object, new: object) -> bool:
    if name == "memory_bytes" and isinstance(old, int) and isinstance(new, int):
        return abs(old - new) <= MEMORY_TOLERANCE * max(old, new)
    return old == new


def _top(name: str) -> str:
    return name.partition(".")[0]
