"""Transfer learning on TensorFlow Hub image models: the library that is measured.

All public names are here. A name's module is imported when the name is first used, TensorFlow when
a model is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tl_core.late_keras import import_keras_late

if TYPE_CHECKING:
    from tl_core.classifier import ImageClassifier, Prediction
    from tl_core.convergence import Convergence
    from tl_core.data import DataSet, Split, load_data
    from tl_core.errors import (
        ClusterError,
        DataError,
        DeviceError,
        DownloadError,
        ImageError,
        ModelError,
        StorageError,
        TransferLearningError,
    )
    from tl_core.extractor import FeatureExtractor
    from tl_core.images import load_image
    from tl_core.limits import Limits, set_limits
    from tl_core.resize import resize_batch
    from tl_core.transfer import Evaluation, TransferModel

__all__ = [
    "ClusterError",
    "Convergence",
    "DataError",
    "DataSet",
    "DeviceError",
    "DownloadError",
    "Evaluation",
    "FeatureExtractor",
    "ImageClassifier",
    "ImageError",
    "Limits",
    "ModelError",
    "Prediction",
    "Split",
    "StorageError",
    "TransferLearningError",
    "TransferModel",
    "load_data",
    "load_image",
    "resize_batch",
    "set_limits",
]
#: Public names by module.
_MODULES = {
    "classifier": ("ImageClassifier", "Prediction"),
    "convergence": ("Convergence",),
    "data": ("DataSet", "Split", "load_data"),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "extractor": ("FeatureExtractor",),
    "images": ("load_image",),
    "limits": ("Limits", "set_limits"),
    "resize": ("resize_batch",),
    "transfer": ("Evaluation", "TransferModel"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

import_keras_late()


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is public
    """Import a public name's module on first use, so that nobody waits for the others."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tl_core' has no attribute '{name}'")
    return getattr(importlib.import_module(f"tl_core.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
