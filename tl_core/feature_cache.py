"""Extracted features on disk, image by image; an interrupted extraction resumes.

A store is a folder. Its name is a digest of all that features depend on besides the image: model,
engine, precision, size, filter, decoder, machine. It has one file of records: an image's digest,
its features, and a checksum. If ten pictures are added to a folder, only these are extracted.

Records are appended block by block under a lock, and never changed. A process that is killed loses
at most the blocks in progress. It leaves at most a part of a record, which the next process cuts
off. A record with a wrong checksum counts as absent: its image is extracted again. If two processes
extract the same image at once, the record of the first one stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tl_core.conversion.cache import version_of
from tl_core.devices import cpu_flags
from tl_core.engines.names import packages_of
from tl_core.errors import StorageError
from tl_core.images import decoder_facts
from tl_core.progress import progress
from tl_core.sources import FileSource, digest_of, error_at, readable
from tl_core.storage import atomic_file, cache_dir, locked, storing
from tl_core.streaming import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import FileIO
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.sources import ImageSource
    from tl_core.streaming import OutputBatches

#: Blocks per batch. On the CPU up to three are in progress at once, so that less than a batch can
#: be lost; on GPUs, the calls in progress.
BLOCKS_PER_BATCH = 4
#: Part of the key; raised when resizing, freezing or converting changes the features.
VERSION = 4
#: Distributions whose versions may change features, besides those of the engine.
PACKAGES = ("tensorflow", "pillow", "pillow-heif", "numpy", "numba")
RECORDS, FACTS = "features.bin", "made-of.json"
#: Bytes of an image's digest, its sha256.
KEY = 32


class Store:
    """Features on disk by the digests of their images.

    Attributes:
        folder: Its folder.
        record: Its dtype: key, checksum of key and features, features.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.folder = folder
        self.record = np.dtype([("key", f"V{KEY}"), ("sum", "<u4"), ("features", "<f4", (width,))])
        self._records = np.zeros(0, self.record)
        self._file: os.stat_result | None = None
        self._places: dict[bytes, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Find the records that this process or another one has added since.

        StorageError if their file is gone, or another one.
        """
        file, before = self.folder / RECORDS, len(self._records)
        about = file.stat() if file.is_file() else None
        self._check_same(about)
        count = about.st_size // self.record.itemsize if about else 0
        if count > before:
            self._records, self._file = np.memmap(file, self.record, "r", shape=(count,)), about
            keys = self._records["key"][before:].tobytes()
            # Of two with one key the later counts: the earlier one was damaged.
            self._places |= {
                keys[i * KEY : (i + 1) * KEY]: before + i for i in range(count - before)
            }

    def _check_same(self, about: os.stat_result | None) -> None:
        """Raise StorageError if the file of known records is gone, or another one."""
        if self._file and not (about and os.path.samestat(self._file, about)):
            raise self._gone()

    def _gone(self) -> StorageError:
        return StorageError(
            f"{self.folder / RECORDS}: removed or replaced while its features were used; expected "
            "a cache that stays. Run it again"
        )

    def __contains__(self, digest: str) -> bool:
        place = self._places.get(bytes.fromhex(digest))
        if place is None:
            return False
        record = self._records[place]
        return bool(record["sum"] == _checksum(record))

    def features(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Features of stored images, float32 ``(n, width)``, read-only; else StorageError."""
        try:
            places = [self._places[bytes.fromhex(digest)] for digest in digests]
        except KeyError as error:
            raise self._gone() from error
        rows: NDArray[np.float32] = self._records["features"][places]
        rows.flags.writeable = False
        return rows

    def add(self, digests: Sequence[str], features: NDArray[np.float32]) -> None:
        """Append the features ``(n, width)`` of images; StorageError if they can't be written."""
        records = np.zeros(len(digests), self.record)
        keys = b"".join(bytes.fromhex(digest) for digest in digests)
        records["key"] = np.frombuffer(keys, self.record["key"])
        records["features"] = features
        records["sum"] = [_checksum(record) for record in records]
        with storing(self.folder / RECORDS), locked(self.folder):
            self.refresh()  # another process may have added some of them
            new = [digest not in self for digest in digests]
            self._append(records[new].tobytes())

    def _append(self, content: bytes) -> None:
        """Write records at the end, not through a memory map: a full disk is then no crash."""
        # Unbuffered, so that nothing is written once the file was cut.
        with (self.folder / RECORDS).open("ab", buffering=0) as file:
            self._check_same(self._file and os.fstat(file.fileno()))
            self._cut(file)  # of a process that was killed
            rest = memoryview(content)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            finally:
                self._cut(file)  # where the disk is full

    def _cut(self, file: FileIO) -> None:
        """Cut off a partial record."""
        file.truncate(file.tell() // self.record.itemsize * self.record.itemsize)


def _checksum(record: np.void) -> int:
    return zlib.crc32(record["features"].tobytes(), zlib.crc32(record["key"].tobytes()))


def open_store(facts: Mapping[str, object], width: int) -> Store:
    """The store of exactly these ``feature_facts``, with ``width`` features per image.

    It is made if it is absent.
    """
    text = json.dumps(facts, sort_keys=True)
    folder = cache_dir() / "features" / hashlib.sha256(text.encode()).hexdigest()[:32]
    if not (folder / FACTS).is_file():
        with storing(folder / FACTS), atomic_file(folder / FACTS) as part:
            part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return Store(folder, width)


def cached_features(
    store: Store,
    source: ImageSource,
    extract: Callable[[Iterator[NDArray[np.int64]]], OutputBatches],
    *,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.float32]:
    """Features from the store; those that are absent or damaged are extracted and added.

    Each image is read once, in order. A file is decoded only if its features are absent.

    Args:
        store: The store.
        source: The images.
        extract: Maps positions, block by block, to their features, in this order. Called only if
            features are absent.
        batch_size: The most images that an interruption loses; on GPUs, those of the calls in
            progress.

    Returns:
        float32 ``(n, width)`` in the images' order, read-only; zeros for unreadable images.
    """
    digests = [""] * len(source)
    with progress(len(source), "extract") as bar:
        block = max(1, batch_size // BLOCKS_PER_BATCH)
        parts = _absent(store, source, digests, block, bar.update)
        first = next(parts, None)
        if first is not None:
            with closing(extract(chain([first], parts))) as outputs:
                for places, features in outputs:
                    for place in places:  # a file's may have changed since it was looked at
                        digests[place] = digest_of(source, place)
                    whole = [error_at(source, place) is None for place in places]
                    store.add([digests[place] for place in places[whole]], features[whole])
                    bar.update(len(places))
    store.refresh()
    usable = readable(source)
    if len(usable) == len(source):
        return store.features(digests)
    rows = np.zeros((len(source), *store.record["features"].shape), np.float32)
    rows[usable] = store.features([digests[place] for place in usable])
    rows.flags.writeable = False
    return rows


def _absent(
    store: Store,
    source: ImageSource,
    digests: list[str],
    block: int,
    update: Callable[[int], object],
) -> Iterator[NDArray[np.int64]]:
    """Positions of images without features, block by block; records every image's digest."""
    under_way: set[str] = set()

    def is_new(digest: str) -> bool:
        return digest not in under_way and digest not in store

    part: list[int] = []
    for place in range(len(source)):
        digests[place] = digest_of(source, place, hold=is_new)
        if not is_new(digests[place]):
            update(1)
            continue
        under_way.add(digests[place])
        part.append(place)
        if len(part) == block:
            yield np.array(part)
            part = []
            store.refresh()
    if part:
        yield np.array(part)


def feature_facts(extractor: Mapping[str, object], source: ImageSource) -> dict[str, object]:
    """All that features depend on besides the image, as JSON; see ``FeatureExtractor.facts``."""
    decoder = decoder_facts() if isinstance(source, FileSource) else None
    machine = machine_facts(str(extractor["engine"]))
    return {**extractor, **machine, "decoder": decoder, "version": VERSION}


def machine_facts(engine: str) -> dict[str, object]:
    """Versions and instruction sets, on which an engine's features can depend.

    With ``auto`` these are the versions of all engines, on which the choice can depend.
    """
    versions = {name: version_of(name) for name in (*PACKAGES, *packages_of(engine))}
    return {"versions": versions, "cpu": cpu_flags()}
