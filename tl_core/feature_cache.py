"""Extracted features on disk: read again at once, resumed after any interruption.

An entry is a folder named after all that its features depend on: pixels, model, engine, precision,
size and filter. In it lie the features as one memory-mapped array, and a log with a line for each
block of rows that is done, with the block's checksum. Rows are written first and logged then, so
that a process killed at any moment loses at most the blocks under way; nothing has to reach the
disk in order, because a block whose rows don't have their checksum is extracted again.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from tl_core.conversion.cache import version_of
from tl_core.devices import cpu_flags
from tl_core.progress import progress
from tl_core.sources import FileSource
from tl_core.storage import atomic_file, cache_dir, sha256_of
from tl_core.streaming import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.sources import ImageSource
    from tl_core.streaming import OutputBatches

#: Blocks per batch. Up to three are under way at once, so that less than a batch is ever lost.
BLOCKS_PER_BATCH = 4
#: Raised when the same key would stand for other features: of resizing, freezing, converting.
VERSION = 3
#: Distributions whose versions may change features.
PACKAGES = (
    *("tensorflow", "pillow", "numpy", "numba"),
    *("ai-edge-litert", "onnxruntime", "onnxruntime-gpu", "openvino", "tf2onnx", "onnx"),
)
ARRAY, LOG, FACTS = "features.npy", "done.jsonl", "made-of.json"


@dataclass(frozen=True)
class Entry:
    """One set of features on disk: its folder, images and features of each, and rows of a block."""

    folder: Path
    shape: tuple[int, int]
    block: int

    def missing(self) -> list[int]:
        """Numbers of the blocks that aren't there, or whose rows are damaged."""
        done, numbers = self._logged(), range(-(-self.shape[0] // self.block))
        if not done:
            return list(numbers)
        rows = self.rows()
        return [n for n in numbers if done.get(n) != _checksum(rows[self.places(n)])]

    def rows(self) -> NDArray[np.float32]:
        """The array, memory-mapped, float32 ``(n, d)``; only what was logged has a meaning."""
        rows: NDArray[np.float32] = np.load(self.folder / ARRAY, mmap_mode="r")
        return rows

    def add(self, parts: Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> None:
        """Write blocks, each as it comes: first its rows, then its line in the log."""
        array, row_bytes = self.folder / ARRAY, self.shape[1] * np.dtype(np.float32).itemsize
        start = array.stat().st_size - self.shape[0] * row_bytes
        # Written, not through the memory map: a full disk is an error then, and not a crash.
        with array.open("r+b") as rows, (self.folder / LOG).open("a", encoding="utf-8") as log:
            for places, features in parts:
                rows.seek(start + int(places[0]) * row_bytes)
                rows.write(np.ascontiguousarray(features).data)
                rows.flush()
                log.write(_line(int(places[0]) // self.block, _checksum(features)))
                log.flush()

    def places(self, number: int) -> slice:
        """The rows of a block."""
        return slice(number * self.block, (number + 1) * self.block)

    def prepare(self, facts: dict[str, object]) -> None:
        """Make the array and the log, or mend them, so that blocks can be added."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._has_array():
            with atomic_file(self.folder / ARRAY) as part:
                # Zeros; where the file system can, they take no room until they are written to.
                np.lib.format.open_memmap(part, "w+", np.float32, self.shape).flush()
            (self.folder / LOG).unlink(missing_ok=True)
        # Lines that are whole: a process that was killed may have left half of one.
        text = "".join(_line(n, digest) for n, digest in self._logged().items())
        for name, content in ((LOG, text), (FACTS, json.dumps(facts, indent=1) + "\n")):
            with atomic_file(self.folder / name) as part:
                part.write_text(content, encoding="utf-8")

    def _has_array(self) -> bool:
        try:
            rows = self.rows()
        except (OSError, ValueError, EOFError):
            return False
        return rows.shape == self.shape and rows.dtype == np.float32

    def _logged(self) -> dict[int, str]:
        """Checksum by number of each block that the log has; what can't be read was never done."""
        log, digests = self.folder / LOG, dict[int, str]()
        if not self._has_array() or not log.is_file():
            return {}
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                digests[int(entry["block"])] = str(entry["sha256"])
        return digests


def cached_features(
    facts: dict[str, object],
    images: int,
    features: int,
    extract: Callable[[NDArray[np.int64], int], OutputBatches],
    *,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.float32]:
    """Features from the cache; those that are absent or damaged are extracted and added.

    Where another process extracts the same, this one waits for it.

    Args:
        facts: All that they depend on, see ``feature_facts``.
        images: Number of images.
        features: Number of features per image.
        extract: From positions and a block's rows to the features, block by block in this order.
        batch_size: Images that may be lost at most where it is interrupted.

    Returns:
        float32 ``(images, features)`` in the images' order, memory-mapped and read-only.
    """
    block = max(1, batch_size // BLOCKS_PER_BATCH)
    facts = facts | {"block": block}
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    entry = Entry(cache_dir() / "features" / name, (images, features), block)
    return completed(entry, facts, lambda order: extract(order, block))


def completed(
    entry: Entry,
    facts: dict[str, object],
    extract: Callable[[NDArray[np.int64]], OutputBatches],
) -> NDArray[np.float32]:
    """The rows of an entry, of which those that are absent are extracted now.

    ``extract`` gets their positions, block by block in order; ``facts`` are noted beside the rows.
    """
    entry.folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{entry.folder}.lock"):
        missing = entry.missing()
        if missing:
            entry.prepare(facts)
            places = np.arange(entry.shape[0])
            order = np.concatenate([places[entry.places(n)] for n in missing])
            with closing(extract(order)) as parts, progress(len(order), "extract") as bar:
                entry.add(_counted(parts, bar.update))
        return entry.rows()


def feature_facts(extractor: dict[str, object], source: ImageSource) -> dict[str, object]:
    """All that features of these images depend on, as JSON; see ``FeatureExtractor.facts``."""
    return {
        **extractor,
        "version": VERSION,
        "pixels": pixels_digest(source),
        "images": len(source),
        "versions": {name: version_of(name) for name in PACKAGES},
        "cpu": cpu_flags(),
    }


def pixels_digest(source: ImageSource) -> str:
    """The sha256 of all images and their shapes; of files, of what is in them."""
    whole = hashlib.sha256()
    if isinstance(source, FileSource):
        for path in source.paths:
            whole.update(sha256_of(path).encode())
        return whole.hexdigest()
    for number in range(len(source)):
        (image,) = source.take([number])
        whole.update(f"{image.shape}".encode())
        whole.update(np.ascontiguousarray(image).data)
    return whole.hexdigest()


def _counted(parts: OutputBatches, update: Callable[[int], object]) -> OutputBatches:
    for places, features in parts:
        yield places, features
        update(len(places))


def _line(block: int, digest: str) -> str:
    return json.dumps({"block": block, "sha256": digest}) + "\n"


def _checksum(rows: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()
