"""Features of any number of pictures, shard by shard, on one machine or on a Ray cluster.

The source is listed in a fixed order and cut into shards of a fixed number of pictures: the plan,
which depends on nothing else. A worker extracts a shard and writes it as one Parquet file, beside
its target and renamed. A shard is finished when its file is there, so that a run that was ended in
any way resumes with the shards that are absent, and each picture is in the output exactly once.
"""

from __future__ import annotations

from tl_core.extraction.pool import OneMachine, Pool
from tl_core.extraction.run import Extraction, extract
from tl_core.extraction.settings import Settings
from tl_core.extraction.sources import Source, find_source

__all__ = ["Extraction", "OneMachine", "Pool", "Settings", "Source", "extract", "find_source"]
