"""Names of machines, which are also their folders of results."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

#: Generations of server CPUs by family, model and, where it decides, stepping. Clouds sell several
#: of them under one name.
GENERATIONS = {
    "AuthenticAMD": {
        "23 1": "Naples",
        "23 49": "Rome",
        "25 1": "Milan",
        "25 17": "Genoa",
        "25 160": "Bergamo",
        "26 2": "Turin",
        "26 17": "Turin Dense",
    },
    "GenuineIntel": {
        "6 45": "Sandy Bridge",
        "6 62": "Ivy Bridge",
        "6 63": "Haswell",
        "6 79": "Broadwell",
        "6 85": "Skylake",
        **dict.fromkeys(("6 85 5", "6 85 6", "6 85 7"), "Cascade Lake"),
        **dict.fromkeys(("6 85 10", "6 85 11"), "Cooper Lake"),
        "6 106": "Ice Lake",
        "6 143": "Sapphire Rapids",
        "6 173": "Granite Rapids",
        "6 175": "Sierra Forest",
        "6 207": "Emerald Rapids",
    },
}
_IDENTITY = re.compile(r"(\S+) family (\S+) model (\S+) stepping (\S+)")


def machine_name(facts: dict[str, Any]) -> str:
    """Such as ``amd-epyc-turin-2-cpus`` or ``intel-xeon-e5-2670-v3-16-cpus-a100-sxm4-40gb``.

    The CPU's generation is named where its own name has no number. GPUs are counted from two on,
    as in ``...-2x-a100``.

    Args:
        facts: The machine's fingerprint.
    """
    cpu = _slug(re.sub(r"CPU|Processor|@.*", " ", str(facts["cpu"]), flags=re.IGNORECASE))
    if not re.search(r"\d", cpu):
        generation = _slug(_generation(facts.get("cpu_id") or ""))
        if generation.replace("-", "") not in cpu.replace("-", ""):
            cpu = f"{cpu}-{generation}".strip("-")
    gpus = Counter(_slug(str(each).replace("NVIDIA", "")) for each in facts.get("gpus") or [])
    parts = [f"{count}x-{name}" if count > 1 else name for name, count in sorted(gpus.items())]
    return "-".join([f"{cpu or 'machine'}-{facts['cpus_usable']}-cpus", *parts])


def _generation(identity: str) -> str:
    """A CPU's generation, or else its family and model; empty where it doesn't say."""
    parts = _IDENTITY.fullmatch(identity)
    if not parts:
        return ""
    vendor, family, model, stepping = parts.groups()
    known = GENERATIONS.get(vendor, {})
    key = f"{family} {model}"
    return known.get(f"{key} {stepping}") or known.get(key) or f"family {family} model {model}"


def _slug(text: str) -> str:
    """Lower-case letters and digits, with hyphens between."""
    words = re.sub(r"\(R\)|\(TM\)", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
