"""What stays the same from minute to minute about the machine and its software.

What changes is in ``tlbench.machine.state``; how two fingerprints differ, in
``tlbench.machine.difference``.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import psutil

from tlbench.machine.cgroup import cpu_quota, memory_limit
from tlbench.machine.cloud import cloud_facts
from tlbench.machine.cpu import Cpu, allowed_cpus, caches, cpuinfo_blocks, read_cpu
from tlbench.machine.gpu import gpu_facts, open_nvml
from tlbench.machine.software import (
    blas,
    cuda_build,
    onednn,
    package_versions,
    settings,
    tensorflow_threads,
)
from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Where it is known that there is none.
NONE = "none"

#: Words in the firmware's tables, and whose hypervisor writes them.
FIRMWARE = {
    "amazon ec2": "amazon",
    "google compute engine": "google",
    "virtual machine": "microsoft",  # Hyper-V and Azure call their product just so
    "vmware": "vmware",
    "virtualbox": "virtualbox",
    "parallels": "parallels",
    "openstack": "kvm",
    "kvm": "kvm",
    "qemu": "kvm",
    "xen": "xen",
}

#: Words in the first process's control group, and which program makes such containers.
CONTAINER_GROUPS = {"kubepods": "kubernetes", "docker": "docker", "libpod": "podman", "lxc": "lxc"}


def fingerprint(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Stable facts only: nothing that another run on this machine would see differently.

    TensorFlow isn't imported; its own thread settings are in here only where it already runs. None:
    there is none, or the machine doesn't say.
    """
    cpu = read_cpu(root)
    return {
        **_processor(cpu, root),
        **_resources(cpu, root),
        "hypervisor": hypervisor(root),
        "container": container(root),
        **cloud_facts(root),
        **_gpus(root),
        "os": f"{platform.system()} {platform.release()}",
        "os_name": _os_name(root),
        "python": platform.python_version(),
        "packages": package_versions(),
        "blas": blas(),
        **onednn(cpu, environ),
        "settings": settings(environ) | tensorflow_threads(),
    }


def _processor(cpu: Cpu, root: Path) -> dict[str, Any]:
    sets = cpu.instruction_sets
    return {
        "cpu": cpu.model,
        "cpu_id": cpu.identity,
        "architecture": platform.machine(),
        "instruction_sets": None if sets is None else list(sets),
        "sockets": cpu.sockets,
        "physical_cores": cpu.physical_cores,
        "logical_cpus": os.cpu_count(),
        "caches": caches(root) or None,
    }


def _resources(cpu: Cpu, root: Path) -> dict[str, Any]:
    """What of the machine this process may use: fewer CPUs make another machine of it."""
    allowed, quota = allowed_cpus(), cpu_quota(root)
    total = psutil.virtual_memory().total
    return {
        "cpus_affinity": len(allowed),
        "cores_affinity": cpu.cores_among(allowed),
        "cpu_quota": quota,
        "cpus_usable": len(allowed) if quota is None or quota >= len(allowed) else quota,
        "memory_bytes": total,
        "memory_limit_bytes": memory_limit(total, root),
    }


def _gpus(root: Path) -> dict[str, Any]:
    facts = gpu_facts(open_nvml(root), root)
    # TensorFlow's wheel for Linux is built for CUDA; without a GPU that changes nothing.
    build = cuda_build() if facts["gpus"] else {"cuda": None, "cudnn": None}
    return {**facts, **build}


def _os_name(root: Path) -> str | None:
    for line in (read_text(root / "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.mac_ver()[0] or None


def hypervisor(root: Path = ROOT) -> str | None:
    """Whose hypervisor runs this machine: a name, ``unnamed``, ``none``, or None where unknown."""
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "wsl"
    flags = next((block["flags"] for block in cpuinfo_blocks(root) if "flags" in block), None)
    # A cloud's bare-metal machines carry its firmware too: on x86 the CPU's flag decides.
    if flags is not None and "hypervisor" not in flags.split():
        return NONE
    named = read_text(root / "sys/hypervisor/type") or _from_firmware(root)
    return named or ("unnamed" if flags is not None else None)


def container(root: Path = ROOT) -> str | None:
    """What kind of container this process is in, ``none``, or None where unknown."""
    if not (root / "proc/self").exists():
        return None
    named = read_text(root / "run/systemd/container")
    if named:
        return named
    if (root / "run/.containerenv").exists():
        return "podman"
    text = read_text(root / "proc/1/cgroup") or ""
    named = next((kind for word, kind in CONTAINER_GROUPS.items() if word in text), None)
    if named or not (root / ".dockerenv").exists():
        return named or NONE
    return "docker"


def _from_firmware(root: Path) -> str | None:
    names = ("sys_vendor", "product_name", "bios_vendor")
    texts = (read_text(root / "sys/class/dmi/id" / name) or "" for name in names)
    text = " ".join(texts).lower()
    return next((kind for word, kind in FIRMWARE.items() if word in text), None)
