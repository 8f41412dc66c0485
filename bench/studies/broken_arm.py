"""A pytest plugin that makes one mistake in an arm, to see whether a gate detects it.

Loaded in one arm only: ``env.PYTEST_PLUGINS=bench.studies.broken_arm,env.TLBENCH_BROKEN=MISTAKE``,
where MISTAKE is ``slower:0.10``, ``range``, ``labels`` or ``labels:0.3``.
"""

from __future__ import annotations

import functools
import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.engines import tensorflow
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.engines.mixed_module import MixedModule
    from tl_core.models import HubModule
    from tl_core.models.untyped import Tensor


def pytest_configure() -> None:
    """Make the mistake that ``TLBENCH_BROKEN`` names."""
    mistake, _, share = os.environ["TLBENCH_BROKEN"].partition(":")
    mistakes = {"slower": _slower, "range": _wrong_range, "labels": _shuffled_labels}
    mistakes[mistake](float(share or 1))


def _slower(share: float) -> None:
    """Extraction takes longer by a share of its time."""
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


def _wrong_range(share: float) -> None:
    """The engine gives the module images in [-1, 1], as Keras has them, where it expects [0, 1]."""
    del share
    original = tensorflow._function  # noqa: SLF001 - where pixels are scaled

    def broken(module: HubModule | MixedModule, *others: Any, **options: Any) -> Any:  # noqa: ANN401
        def shifted(images: Tensor) -> Tensor:
            return module(images * 2.0 - 1.0)

        return original(shifted, *others, **options)  # type: ignore[arg-type]

    tensorflow._function = broken  # noqa: SLF001


def _shuffled_labels(share: float) -> None:
    """A share of the training labels is shuffled."""
    original = TransferModel._train  # noqa: SLF001 - where all ways of training by steps meet

    @functools.wraps(original)
    def broken(
        model: TransferModel,
        run: Any,  # noqa: ANN401 - passed through
        labels: NDArray[np.int64],
        *others: Any,  # noqa: ANN401
    ) -> list[float]:
        rng = np.random.default_rng(0)
        wrong = rng.permutation(len(labels))[: round(share * len(labels))]
        shuffled = labels.copy()
        shuffled[wrong] = labels[rng.permutation(wrong)]
        return original(model, run, shuffled, *others)

    TransferModel._train = broken  # type: ignore[method-assign, assignment] # noqa: SLF001
