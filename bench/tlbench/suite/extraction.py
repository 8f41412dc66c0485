"""A workload's features, extracted shard by shard: what ``tlbench extract`` and scaling share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.extraction import Settings
from tl_core.limits import limits

if TYPE_CHECKING:
    from tlbench.suite.workloads import Workload


def settings_of(workload: Workload, shard_size: int) -> Settings:
    """How they are extracted, with the limits that hold now."""
    return Settings(
        workload.model,
        image_size=workload.image_size,
        batch_size=workload.batch_size,
        shard_size=shard_size,
        limits=limits(),
        **workload.network,
        **workload.reading,
    )
