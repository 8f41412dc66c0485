"""Limits that Linux control groups set: how much CPU time and memory a container may use.

Both versions are read, at every level from the process's own group up to the root, since a limit
anywhere above holds below. Inside a container the reported path may be the host's and
absent here; then the mount's root is the container's own group.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tlbench.machine.system_files import ROOT, read_fields, read_int, read_text

#: Where the second version is mounted: alone, or beside the first.
V2_MOUNTS = ("", "unified")


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPUs' worth of time that the group may use, such as 1.5; None without a limit."""
    quotas = []
    for folder in groups("cpu", root):
        text = (read_text(folder / "cpu.max") or "").split()
        if len(text) == 2 and text[0] != "max":
            quotas.append(int(text[0]) / int(text[1]))
        quota = read_int(folder / "cpu.cfs_quota_us")
        period = read_int(folder / "cpu.cfs_period_us")
        if quota is not None and quota > 0 and period:
            quotas.append(quota / period)
    return min(quotas, default=None)


def memory_limit(total: int | None, root: Path = ROOT) -> int | None:
    """Bytes of memory that the group may use; None without a limit below ``total``."""
    limits = []
    for folder in groups("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = read_int(folder / name)
            # The first version writes a number near 2**63 where there is no limit.
            if limit is not None and (total is None or limit < total) and limit < 2**60:
                limits.append(limit)
    return min(limits, default=None)


def stat_file(root: Path = ROOT) -> Path | None:
    """The innermost group's ``cpu.stat`` that counts throttling, for ``throttling``."""
    for folder in groups("cpu", root):
        if "nr_throttled" in read_fields(folder / "cpu.stat"):
            return folder / "cpu.stat"
    return None


def throttling(stat: Path | None) -> dict[str, float]:
    """How often and how long the CPU quota has stopped the group of ``stat_file`` so far.

    ``throttled_times`` are periods, ``throttled_s`` seconds summed over CPUs; empty where nothing
    counts them.
    """
    fields = read_fields(stat) if stat else {}
    if "nr_throttled" not in fields:
        return {}
    # The second version counts microseconds, the first nanoseconds.
    seconds = fields.get("throttled_usec", 0) / 1e6 + fields.get("throttled_time", 0) / 1e9
    return {"throttled_times": fields["nr_throttled"], "throttled_s": seconds}


def groups(controller: str, root: Path = ROOT) -> list[Path]:
    """Folders of this process's groups that may limit a resource, the innermost first."""
    folders: list[Path] = []
    base = root / "sys/fs/cgroup"
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, names, path = line.split(":", 2)
        if names == "":
            mounts = [base / mount for mount in V2_MOUNTS]
        elif controller in names.split(","):
            mounts = [base / names, base / controller]
        else:
            continue
        for mount in mounts:
            # Without a mount of its own, the folder above would stand for another version.
            if mount.is_dir():
                folders += [each for each in _upward(mount, path) if each not in folders]
    return folders


def _upward(mount: Path, path: str) -> list[Path]:
    inner = PurePosixPath(path.lstrip("/"))
    levels = [mount / level for level in (inner, *inner.parents)]
    return [level for level in levels if level.is_dir()]
