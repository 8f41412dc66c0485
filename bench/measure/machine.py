"""What stays the same from minute to minute about the machine and its software."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import Any

import cpuinfo
import psutil

from tl_core.devices import usable_cpus

#: Packages whose versions change speed or results.
PACKAGES = ("tensorflow", "tensorflow-hub", "tf-keras", "numpy", "pillow", "scikit-learn")


def fingerprint() -> dict[str, Any]:
    """Stable facts only: nothing that another run on this machine would see differently."""
    cpu = cpuinfo.get_cpu_info()
    return {
        "cpu": cpu.get("brand_raw", platform.processor()),
        "architecture": platform.machine(),
        "cpus_usable": usable_cpus(),
        "memory_bytes": psutil.virtual_memory().total,
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def machine_name(facts: dict[str, Any]) -> str:
    """A folder name for results, such as ``amd-epyc-2-cpus``."""
    words = re.sub(r"\(R\)|\(TM\)|CPU|Processor|@.*", " ", str(facts["cpu"]), flags=re.IGNORECASE)
    slug = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "machine"
    return f"{slug}-{facts['cpus_usable']}-cpus"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
