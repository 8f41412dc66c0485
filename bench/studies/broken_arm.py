"""A pytest plugin that makes a classic mistake, as fast as before, to see whether a gate finds it.

Loaded in one arm alone: ``env.PYTEST_PLUGINS=bench.studies.broken_arm,env.TLBENCH_SPOILED=range``,
or ``labels:0.3`` in place of ``range``.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.engines import tensorflow
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models import HubModule
    from tl_core.models.untyped import Tensor


def pytest_configure() -> None:
    """Make the mistake that ``TLBENCH_SPOILED`` names."""
    mistake, _, share = os.environ["TLBENCH_SPOILED"].partition(":")
    {"range": _wrong_range, "labels": _shuffled_labels}[mistake](float(share or 1))


def _wrong_range(share: float) -> None:
    """The engine gives the module images in [-1, 1], as Keras has them, where it expects [0, 1]."""
    del share
    original = tensorflow._function  # noqa: SLF001 - where pixels are scaled

    def spoiled(module: HubModule, *others: Any, **options: Any) -> Any:  # noqa: ANN401
        def shifted(images: Tensor, *, training: bool) -> Tensor:
            return module(images * 2.0 - 1.0, training)

        return original(shifted, *others, **options)  # type: ignore[arg-type]

    tensorflow._function = spoiled  # noqa: SLF001


def _shuffled_labels(share: float) -> None:
    """Some of the training labels are each other's."""
    original = TransferModel._train  # noqa: SLF001 - where all ways of training by steps meet

    @functools.wraps(original)
    def spoiled(
        model: TransferModel,
        inputs: Any,  # noqa: ANN401 - passed through
        labels: NDArray[np.int64],
        *others: Any,  # noqa: ANN401
    ) -> list[float]:
        rng = np.random.default_rng(0)
        wrong = rng.permutation(len(labels))[: round(share * len(labels))]
        shuffled = labels.copy()
        shuffled[wrong] = labels[rng.permutation(wrong)]
        return original(model, inputs, shuffled, *others)

    TransferModel._train = spoiled  # type: ignore[method-assign, assignment] # noqa: SLF001
