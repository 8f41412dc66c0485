"""A data set: class names, and train and test images with their labels."""

from __future__ import annotations

import hashlib
import json
import logging
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import DataError
from tl_core.progress import progress
from tl_core.sources import FileSource, TolerantFiles, digest_of, error_at, readable

if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash

    from numpy.typing import NDArray

    from tl_core.sources import ImageSource

log = logging.getLogger(__name__)

#: Pictures that can't be read and are named in a warning.
NAMED = 3
#: Hexadecimal digits of a fingerprint: 64 bits, enough to avoid collisions.
FINGERPRINT_DIGITS = 16


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Attributes:
        images: n uint8 RGB images, in memory or in files.
        labels: int64 ``(n,)``: positions in the data set's class names.

    Raises:
        DataError: No images, labels of another dtype or shape, or not one label per image.
    """

    images: ImageSource
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.labels.dtype != np.int64 or self.labels.ndim != 1:
            raise DataError(
                f"labels of dtype {self.labels.dtype} and shape {self.labels.shape}: expected "
                "int64 (n,), a class number for each image, not one-hot"
            )
        if len(self.images) != len(self.labels):
            raise DataError(
                f"{len(self.images)} images with {len(self.labels)} labels: expected as many "
                "labels as images"
            )
        if len(self.labels) == 0:
            raise DataError("0 images: expected at least one")

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, n: int) -> Split:
        """The first ``n`` images and labels, 1 to all of them; else DataError."""
        if not 1 <= n <= len(self):
            raise DataError(f"{n} images: expected 1 to the {len(self)} available")
        return Split(self.images.head(n), self.labels[:n])

    def pick(self, places: NDArray[np.integer]) -> Split:
        """The images and labels at some positions, at least one; else DataError."""
        return Split(self.images.pick(places), self.labels[places])


@dataclass(frozen=True, eq=False)
class DataSet:
    """Train and test images of the same classes.

    Attributes:
        class_names: One name for each label, in label order.
        train: The images on which the head is trained.
        test: The images on which accuracy is measured; never used to choose anything.

    Raises:
        DataError: A label that has no class name.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split

    def __post_init__(self) -> None:
        for kind, split in (("train", self.train), ("test", self.test)):
            low, high = int(split.labels.min()), int(split.labels.max())
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"{self.name}: {kind} labels from {low} to {high}: expected 0 to "
                    f"{len(self.class_names) - 1}, one for each class name"
                )

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of train and of test images."""
        return len(self.train), len(self.test)

    @property
    def majority_rate(self) -> float:
        """Top-1 test accuracy, 0 to 1, of always predicting the majority class of the test."""
        return float(np.bincount(self.test.labels).max() / len(self.test))

    def head(self, train_size: int | None = None, test_size: int | None = None) -> DataSet:
        """The first train and test images; None takes all, more than there are is a DataError."""
        splits = {"train": (self.train, train_size), "test": (self.test, test_size)}
        heads = []
        for kind, (split, size) in splits.items():
            try:
                heads.append(split if size is None else split.head(size))
            except DataError as error:
                raise DataError(f"{self.name}, {kind}: {error}") from error
        return DataSet(self.name, self.class_names, *heads)

    def tolerant(self) -> DataSet:
        """The same, but pictures in files that can't be read are black, not errors.

        Which they are is known once they were decoded; then ``readable`` leaves them out.
        """
        splits = (
            Split(TolerantFiles(split.images.paths, split.images.reader), split.labels)
            if isinstance(split.images, FileSource)
            else split
            for split in (self.train, self.test)
        )
        return DataSet(self.name, self.class_names, *splits)

    def readable(self) -> DataSet:
        """Without the pictures that turned out to be unreadable; a warning names the first.

        DataError where a split has no others.
        """
        errors, splits = [], []
        for kind, split in (("train", self.train), ("test", self.test)):
            reasons = [error_at(split.images, place) for place in range(len(split))]
            errors += [reason for reason in reasons if reason]
            if all(reasons):
                raise DataError(f"{self.name}, {kind}: no picture can be read: {reasons[0]}")
            splits.append(split.pick(readable(split.images)) if any(reasons) else split)
        if not errors:
            return self
        shown = "; ".join(errors[:NAMED]) + "; ..." * (len(errors) > NAMED)
        count = f"{len(errors):,} unreadable picture{'s' * (len(errors) > 1)}"
        log.warning("%s: left out: %s: %s", self.name, count, shown)
        return DataSet(self.name, self.class_names, *splits)

    @property
    def fingerprint(self) -> str:
        """A digest of class names, labels, order, split and every image: 16 hexadecimal digits.

        It includes the pixels of images in memory and the bytes of files, not the data set's name.
        Computed once, together with ``leaked``. Nothing is decoded, and files that were read before
        aren't read again. ImageError for a file that is absent.
        """
        return self._content[0]

    @property
    def leaked(self) -> int:
        """Number of test images that equal a training image in pixels or bytes."""
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[str, int]:
        digest = hashlib.sha256(json.dumps(self.class_names).encode())
        with progress(sum(self.sizes), "fingerprint") as bar:
            train, test = (
                _digest_images(split, digest, bar.update) for split in (self.train, self.test)
            )
        known = set(train)
        return digest.hexdigest()[:FINGERPRINT_DIGITS], sum(image in known for image in test)


def _digest_images(split: Split, whole: _Hash, update: Callable[[], object]) -> list[str]:
    """Add a split to the digest of the whole data set, and return each image's own digest."""
    whole.update(struct.pack("<q", len(split)))
    whole.update(split.labels.astype("<i8").tobytes())
    digests = []
    for i in range(len(split)):
        digests.append(digest_of(split.images, i))
        if isinstance(split.images, FileSource):
            whole.update(bytes.fromhex(digests[-1]))
        else:
            (image,) = split.images.take((i,))
            # The shape separates images, and 2 x 8 pixels from 4 x 4.
            whole.update(struct.pack("<3q", *image.shape))
            whole.update(np.ascontiguousarray(image).data)
        update()
    return digests


def permutation(n: int, bits: np.random.BitGenerator) -> NDArray[np.int64]:
    """The numbers 0 to n - 1 in random order, int64 ``(n,)``.

    NumPy promises that a bit generator's raw stream never changes; ``Generator.permutation`` may
    change with any release. A stable sort decides ties, whose probability is 2^-64.
    """
    return np.argsort(bits.random_raw(n), kind="stable")


def stratified_split(
    labels: NDArray[np.int64], test_share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide images into train and test with the same mix of classes in each.

    scikit-learn's ``train_test_split`` can leave a small class without a test image; here each
    class has at least one, and at least one train image.

    Args:
        labels: int64 ``(n,)``, at least two of each class.
        test_share: Share of each class that goes to test, 0 to 1, rounded to whole images.
        seed: Random seed of split and order.

    Returns:
        Positions of the train and of the test images, int64, both shuffled.
    """
    bits = np.random.PCG64(seed)
    train, test = [], []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[permutation(len(members), bits)]
        n_test = min(max(round(test_share * len(members)), 1), len(members) - 1)
        test.append(members[:n_test])
        train.append(members[n_test:])
    return _shuffled(train, bits), _shuffled(test, bits)


def _shuffled(parts: list[NDArray[np.int64]], bits: np.random.BitGenerator) -> NDArray[np.int64]:
    whole = np.concatenate(parts)
    return whole[permutation(len(whole), bits)]
