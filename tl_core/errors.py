"""The library's errors. Each message says what was received, what was expected, what to do."""

from __future__ import annotations


class TransferLearningError(ValueError):
    """Base of every error that this library raises on purpose."""


class ImageError(TransferLearningError):
    """A picture or a batch of images that can't be used."""


class DataError(TransferLearningError):
    """A data set that is absent, incomplete or invalid."""


class ModelError(TransferLearningError):
    """A model, its handle or its settings that can't be used."""


class DownloadError(TransferLearningError):
    """A file that could not be downloaded, or whose content is not the expected one."""


class DeviceError(TransferLearningError):
    """A device or number of threads that this machine doesn't have or can't use."""


class ClusterError(TransferLearningError):
    """A cluster that can't be reached or used."""


def line_of(error: BaseException, longest: int = 200) -> str:
    """The first line of another library's error, cut at some length; its type if it has none."""
    return next(iter(str(error)[:longest].splitlines()), "") or type(error).__name__
