"""What decoding at a fraction changes in features and accuracy, for the study ``decoding``."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.studies.jpeg_files import GRID, write_parts
from bench.studies.options import as_workload
from tl_core.extractor import FeatureExtractor
from tl_core.jpeg import shrink_for
from tl_core.transfer import TransferModel, evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.studies.fresh import Task

    Pixels = NDArray[np.uint8]

#: Pixels of a crop that is to be recognised.
PARTS = (240, 180)
#: Image sizes at which that is tried, from full decoding and from each fraction.
SIZES, SHRINKS = (36, 45, 64, 80), (2, 4)


def scaled(*, options: Task, count: int) -> Task:
    """Features and accuracy from pictures decoded at fractions, beside full decoding."""
    workload = as_workload(options)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths, labels = write_parts(Path(folder), count, *PARTS)
        blobs = [path.read_bytes() for path in paths]
    for size in SIZES:
        extractor = FeatureExtractor(workload.model, image_size=size, **workload.network)
        whole = _features(extractor, [_at(data, 1) for data in blobs])
        reference = _accuracy(extractor, whole, labels)
        for shrink in SHRINKS:
            pictures = [_at(data, shrink) for data in blobs]
            features = _features(extractor, pictures)
            accuracy = _accuracy(extractor, features, labels)
            rows.append({
                "image_size": size, "shrink": shrink,
                "ratio": min(pictures[0].shape[:2]) / size,
                "allowed": shrink_for(*PARTS, size) >= shrink,
                **_nearness(features, whole),
                "accuracy": accuracy, "accuracy_of_full": reference,
                "accuracy_kept": accuracy / reference,
            })  # fmt: skip
            print(rows[-1], flush=True)  # noqa: T201
    return {"images": count, "classes": 10 * GRID**2, "rows": rows}


def _at(data: bytes, shrink: int) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (image.width // shrink, image.height // shrink))
        return np.asarray(image.convert("RGB"))


def _features(extractor: FeatureExtractor, pictures: list[Pixels]) -> NDArray[np.float32]:
    return extractor.extract(np.stack(pictures))


def _nearness(features: NDArray[np.float32], whole: NDArray[np.float32]) -> dict[str, float]:
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(whole, axis=1)
    cosines = (features * whole).sum(axis=1) / lengths
    return {"least_cosine": float(cosines.min()), "mean_cosine": float(cosines.mean())}


def _accuracy(
    extractor: FeatureExtractor, features: NDArray[np.float32], labels: Sequence[int]
) -> float:
    """Top-1 of a ridge head on the last third."""
    given, first = np.array(labels, np.int64), len(labels) * 2 // 3
    names = tuple(str(label) for label in range(10 * GRID**2))
    model = TransferModel(extractor, names)
    model.fit_ridge(features[:first], given[:first])
    return evaluation(model.head.predict(features[first:]), given[first:]).accuracy
