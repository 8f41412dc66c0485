"""A fingerprint's facts as people read them: values with units, names in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

#: Units that names of facts end in, and how many of them a printed unit has.
UNITS = {
    "_bytes": ("GB", 1e9),
    "_mhz": ("MHz", 1.0),
    "_c": ("°C", 1.0),
    "_w": ("W", 1.0),
    "_s": ("s", 1.0),
    "_j": ("J", 1.0),
}
#: Names of facts in words, where they aren't words already.
WORDS = {
    "cpu": "CPU",
    "cpu_id": "CPU's family",
    "instruction_sets": "instructions",
    "physical_cores": "cores",
    "logical_cpus": "CPUs",
    "cpus_affinity": "CPUs that may be used",
    "cores_affinity": "cores that may be used",
    "cpu_quota": "CPUs that may be busy at once",
    "cpus_usable": "CPUs this process may use",
    "memory_bytes": "memory",
    "memory_limit_bytes": "memory limit",
    "instance_type": "instance type",
    "gpus": "GPUs",
    "gpu_memory_bytes": "GPU memory",
    "gpu_driver": "GPU driver",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "os": "kernel",
    "os_name": "operating system",
    "python": "Python",
    "onednn": "oneDNN",
    "onednn_source": "oneDNN set by",
    "uptime_s": "time since start",
    "load_1_minute": "load of the last minute",
    "memory_available_bytes": "memory available",
    "swap_used_bytes": "swap used",
    "gpu_states": "states of GPUs",
    "blas.library": "BLAS",
    "blas.version": "BLAS version",
    "blas.kernels": "BLAS kernels",
    "blas.threading": "BLAS threading",
    "commit": "commit of the suite",
    "isolated": "benchmarks in processes of their own",
}
#: Groups of facts whose members' names say enough, and what the absence of a member is.
GROUPS = {"packages.": "not installed", "settings.": "not set"}


def named(name: str) -> str:
    """A fact's name in words, such as ``memory`` for ``memory_bytes``."""
    if name in WORDS:
        return WORDS[name]
    for group in GROUPS:
        name = name.removeprefix(group)
    level = name.removeprefix("caches.")
    return name if level == name else f"{level} cache"


def shown(name: str, value: object) -> str:
    """A fact as people read it, its unit taken from its name's end."""
    if isinstance(value, list):
        return ", ".join(shown(name, each) for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(key, each)}" for key, each in flat(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return next((absent for group, absent in GROUPS.items() if name.startswith(group)), "none")
    if not isinstance(value, int | float):
        return str(value)
    unit, scale = next((each for end, each in UNITS.items() if name.endswith(end)), ("", 1.0))
    if name.startswith("caches."):
        unit, scale = "KiB", 1024.0
    number = value / scale
    return f"{number:,.4g} {unit}".strip() if abs(number) < 1000 else f"{number:,.0f} {unit}"


def facts_lines(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of known facts in words."""
    return [(named(name), shown(name, value)) for name, value in flat(facts)]


def flat(
    facts: Mapping[str, Any], none_is_known: Container[str] = (), within: str = ""
) -> Iterable[tuple[str, Any]]:
    """Every known fact, members of groups by a name with a dot, each name after ``within``.

    In facts and groups of ``none_is_known``, None is a value, too.
    """
    for key, value in facts.items():
        name = f"{within}{key}"
        if isinstance(value, dict):
            yield from flat(value, none_is_known, f"{name}.")
        elif value is not None or name.partition(".")[0] in none_is_known:
            yield name, value
