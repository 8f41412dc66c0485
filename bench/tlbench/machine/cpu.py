"""The processor: its name, what it can compute with, and which part of it this process may use."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Instruction sets that decide how fast a network runs, as Linux names them: x86, then Arm.
INSTRUCTION_SETS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx_vnni_int8", "avx_ne_convert"),
    *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)

#: Arm's own cores by "CPU part": Arm kernels print a number where x86 ones print a name.
ARM_CORES = {
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse N1",
    "0xd40": "Neoverse V1",
    "0xd49": "Neoverse N2",
    "0xd4f": "Neoverse V2",
}


@dataclass(frozen=True)
class Cpu:
    """A machine's processors, by the name that they give themselves.

    Attributes:
        identity: Vendor, family, model and stepping, since clouds sell many CPUs under one name.
        instruction_sets: Those of ``INSTRUCTION_SETS`` that it has; None where unknown.
        core_of: Socket and core of each logical CPU; empty where unknown.
    """

    model: str
    identity: str | None
    instruction_sets: tuple[str, ...] | None
    core_of: dict[int, tuple[int, int]]

    @property
    def physical_cores(self) -> int | None:
        """Cores of all sockets."""
        return len(set(self.core_of.values())) or psutil.cpu_count(logical=False)

    @property
    def sockets(self) -> int | None:
        """Separate processors."""
        return len({socket for socket, _ in self.core_of.values()}) or None

    def cores_among(self, cpus: Iterable[int]) -> int | None:
        """Physical cores that these logical CPUs belong to: two of one core share its units."""
        return len({self.core_of[cpu] for cpu in cpus if cpu in self.core_of}) or None


def read_cpu(root: Path = ROOT) -> Cpu:
    """Describe the processor; on systems other than Linux through py-cpuinfo."""
    blocks = cpuinfo_blocks(root)
    if not blocks:
        return _elsewhere()
    first = blocks[0]
    flags = (first.get("flags") or first.get("Features") or "").split()
    return Cpu(
        model=first.get("model name") or _arm_name(first) or platform.processor(),
        identity=_identity(first),
        instruction_sets=tuple(name for name in INSTRUCTION_SETS if name in flags) or None,
        core_of=_cores(blocks, root),
    )


def cpuinfo_blocks(root: Path = ROOT) -> list[dict[str, str]]:
    """/proc/cpuinfo, a dictionary for each logical CPU; empty where there is none."""
    blocks = []
    for text in (read_text(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in text.splitlines())
        block = {name.strip(): value.strip() for name, _, value in pairs}
        if "processor" in block:
            blocks.append(block)
    return blocks


def allowed_cpus() -> tuple[int, ...]:
    """Numbers of the logical CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def caches(root: Path = ROOT) -> dict[str, int]:
    """Bytes of a cache of each level that CPU 0 reads data through, as in ``{"L2": 1048576}``."""
    sizes = {}
    for folder in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = (read_text(folder / name) for name in ("type", "level", "size"))
        if kind in {"Data", "Unified"} and size and size.endswith("K"):
            sizes[f"L{level}" + ("d" if kind == "Data" else "")] = int(size[:-1]) * 1024
    return sizes


def last_level_cache(root: Path = ROOT) -> int | None:
    """Bytes of the largest level's caches, all of them together; None where unknown."""
    sizes = caches(root)
    if not sizes:
        return None
    level = max(sizes, key=lambda name: name[1])
    folders = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cache/index*")
    last = (folder for folder in folders if read_text(folder / "level") == level[1])
    return sizes[level] * max(1, len({read_text(folder / "shared_cpu_list") for folder in last}))


def _identity(block: dict[str, str]) -> str | None:
    """Such as ``AuthenticAMD family 26 model 2 stepping 1``."""
    get = block.get
    if "vendor_id" in block and "cpu family" in block:
        family = f"{get('vendor_id')} family {get('cpu family')}"
        return f"{family} model {get('model')} stepping {get('stepping')}"
    if "CPU implementer" in block:
        part = f"implementer {get('CPU implementer')} part {get('CPU part')}"
        return f"{part} variant {get('CPU variant')} revision {get('CPU revision')}"
    return None


def _arm_name(block: dict[str, str]) -> str | None:
    part = block.get("CPU part")
    return None if part is None else ARM_CORES.get(part, f"Arm part {part}")


def _cores(blocks: list[dict[str, str]], root: Path) -> dict[int, tuple[int, int]]:
    """Socket and core by logical CPU, from cpuinfo (x86) or else from sysfs (Arm)."""
    cores = {}
    for block in blocks:
        number = int(block["processor"])
        topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
        socket = block.get("physical id") or read_text(topology / "physical_package_id")
        core = block.get("core id") or read_text(topology / "core_id")
        if socket is not None and core is not None:
            cores[number] = (int(socket), int(core))
    return cores


def _elsewhere() -> Cpu:
    import cpuinfo  # slow: it starts processes

    facts = cpuinfo.get_cpu_info()
    flags = facts.get("flags", ())
    return Cpu(
        model=facts.get("brand_raw") or platform.processor(),
        identity=facts.get("vendor_id_raw"),
        instruction_sets=tuple(name for name in INSTRUCTION_SETS if name in flags) or None,
        core_of={},
    )
