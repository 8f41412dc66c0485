"""Whether the machine is a virtual one, and whether this process is in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.machine.cpu import cpuinfo_blocks
from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
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
