"""The library's errors. Each message says what was received, what was expected, what to do."""

from __future__ import annotations


class TransferLearningError(ValueError):
    """Base of every error that this library raises on purpose."""


class ImageError(TransferLearningError):
    """A picture or a batch of pixels that can't be used."""


class DataError(TransferLearningError):
    """A data set that is absent, incomplete or not what it says."""


class ModelError(TransferLearningError):
    """A model handle, file or module that can't be used so."""


class DownloadError(TransferLearningError):
    """A file that could not be fetched, or came with other content than expected."""


class DeviceError(TransferLearningError):
    """A device that this machine doesn't have or can't use so."""
