"""Waiting for work that a call has only begun."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from typing import Any

import numpy as np


def synchronise(result: Any) -> None:  # noqa: ANN401 - whatever a stage returns
    """Wait for every device and every part of ``result``, and raise what its work raised.

    Futures are waited for, tensors are brought to the host, containers are searched. A stage that
    handed back NumPy arrays is done already.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and tensorflow.config.list_physical_devices("GPU"):
        tensorflow.test.experimental.sync_devices()
    _materialise(result)


def _materialise(result: Any) -> None:  # noqa: ANN401
    if isinstance(result, Future):
        _materialise(result.result())
    elif isinstance(result, dict):
        _materialise(list(result.values()))
    elif isinstance(result, (list, tuple)):
        for part in result:
            _materialise(part)
    elif not isinstance(result, np.ndarray) and hasattr(result, "numpy"):
        result.numpy()
