"""Whose cloud a machine is of, and its instance type there, from the firmware's tables (DMI).

Nothing is asked of any metadata service: that would need a network, and could hang.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
    from pathlib import Path

#: A file of DMI with its whole text, and whose cloud writes it.
CLOUDS = (
    ("sys_vendor", "Amazon EC2", "Amazon EC2"),
    ("product_name", "Google Compute Engine", "Google Compute Engine"),
    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"),
    ("chassis_asset_tag", "OracleCloud.com", "Oracle Cloud"),
    ("product_name", "Alibaba Cloud ECS", "Alibaba Cloud"),
)
#: Clouds whose ``product_name`` is the instance type; the others' DMI doesn't name it.
NAMES_TYPE = frozenset({"Amazon EC2"})


def cloud_facts(root: Path = ROOT) -> dict[str, str | None]:
    """``cloud`` and ``instance_type``, such as ``c7i.large``; None where DMI doesn't say."""
    folder = root / "sys/class/dmi/id"
    cloud = next(
        (name for file, text, name in CLOUDS if read_text(folder / file) == text),
        None,
    )
    instance = read_text(folder / "product_name") if cloud in NAMES_TYPE else None
    return {"cloud": cloud, "instance_type": instance or None}
