"""Transfer learning on TensorFlow Hub image models: the thing that is measured.

Everything public is here; TensorFlow is imported when a model is first used.
"""

from tl_core.classifier import ImageClassifier, Prediction
from tl_core.data import DataSet, Split, load_data
from tl_core.errors import (
    DataError,
    DeviceError,
    DownloadError,
    ImageError,
    ModelError,
    TransferLearningError,
)
from tl_core.extractor import FeatureExtractor
from tl_core.images import load_image
from tl_core.resize import resize_batch
from tl_core.transfer import Evaluation, TransferModel

__all__ = [
    "DataError",
    "DataSet",
    "DeviceError",
    "DownloadError",
    "Evaluation",
    "FeatureExtractor",
    "ImageClassifier",
    "ImageError",
    "ModelError",
    "Prediction",
    "Split",
    "TransferLearningError",
    "TransferModel",
    "load_data",
    "load_image",
    "resize_batch",
]
