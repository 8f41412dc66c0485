"""A pytest plugin that makes the extractor slower by a known share, to see whether a gate finds it.

Loaded in one arm alone: ``env.PYTEST_PLUGINS=bench.studies.slower,env.TLBENCH_SLOWER=0.10``.
"""

from __future__ import annotations

import functools
import os
from time import perf_counter
from typing import Any

from tl_core.extractor import FeatureExtractor


def pytest_configure() -> None:
    """Let every extraction last longer by ``TLBENCH_SLOWER`` of what it took."""
    share = float(os.environ["TLBENCH_SLOWER"])
    original = FeatureExtractor.extract

    @functools.wraps(original)
    def slower(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        start = perf_counter()
        features = original(*args, **kwargs)
        end = start + (1 + share) * (perf_counter() - start)
        while perf_counter() < end:
            pass
        return features

    FeatureExtractor.extract = slower  # type: ignore[method-assign]
