"""Whether two measurements of a benchmark may be compared; if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tlbench.machine.difference import compare_fingerprints

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: What two rows of this suite must have in common: their job.
JOB = (
    *("workload", "model", "data_fingerprint", "engine", "precision", "device", "threads"),
    *("batch_size", "image_size", "train_size", "test_size", "images"),
)


def other_machine(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    allowed: Collection[str] = (),
    *,
    hint: str = "",
) -> str | None:
    """Why speeds of two machines' fingerprints can't be compared; None where they can.

    Args:
        old: The baseline's.
        new: This machine's.
        allowed: Software facts that may differ: names such as ``packages.numpy``, or of groups,
            such as ``packages``. Hardware may not.
        hint: What to do about software.
    """
    difference = compare_fingerprints(old, new)
    if difference.machine:
        return f"another machine ({'; '.join(map(str, difference.machine))})"
    changes = [each for each in difference.software if not _is_allowed(each.key, allowed)]
    if not changes:
        return None
    return f"other software ({'; '.join(map(str, changes))}){hint}"


def other_job(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Why two rows' ``extra_info`` aren't of the same job; None where they are, or aren't ours."""
    if "stage" not in old and "stage" not in new:
        return None
    changes = [
        f"{key} {old.get(key)} -> {new.get(key)}" for key in JOB if old.get(key) != new.get(key)
    ]
    return f"another job ({'; '.join(changes)})" if changes else None


def other_isolation(old: object, new: object) -> str | None:
    """Why a run with a process per benchmark isn't compared with one without."""
    if bool(old) == bool(new):
        return None
    words = ("not isolated", "isolated")
    return (
        f"the baseline is {words[bool(old)]}, this run is {words[bool(new)]}: run both with "
        "--isolate, or both with --no-isolate"
    )


def _is_allowed(key: str, allowed: Collection[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in allowed)
