"""A few images with what was predicted for them, small enough to stand in every result file.

Only of data sets that everybody has: pictures in a person's own folder stay private.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tl_core.data import data_names
from tl_core.images import load_image
from tlbench.runs.row import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.classifier import Prediction
    from tl_core.data import DataSet
    from tl_core.head import Evaluation

#: Images at even distances, and wrong ones with the highest confidence.
TYPICAL, WRONG = 6, 4
#: Photographs shown of those that are classified.
PHOTOGRAPHS = 6
#: Longer side of a thumbnail in pixels, and JPEG's quality.
SIDE, QUALITY = 96, 85


def of_test(name: str, data: DataSet, result: Evaluation) -> list[Sample] | None:
    """Test images with their label and the prediction; None for a person's own folder.

    ``name`` is what ``--data`` says; the result has answers to all of ``data.test``.
    """
    if name not in data_names():
        return None
    labels, names = data.test.labels, data.class_names
    return [
        Sample(
            image=thumbnail(data.test.images.take([position])[0]),
            label=names[labels[position]],
            predicted=names[result.predictions[position]],
            probability=float(result.confidences[position]),
        )
        for position in _positions(result, labels)
    ]


def of_photographs(
    answers: Iterable[tuple[Path, Sequence[Prediction]]],
) -> list[Sample]:
    """Photographs with their first label, as ``of_test`` without ``label``."""
    first = dict(answers)
    return [
        Sample(
            image=thumbnail(load_image(path)),
            predicted=top[0].label,
            probability=float(top[0].probability),
        )
        for path, top in list(first.items())[:PHOTOGRAPHS]
    ]


def thumbnail(pixels: NDArray[np.uint8], side: int = SIDE, quality: int = QUALITY) -> str:
    """An image, uint8 RGB ``(h, w, 3)``, as JPEG in base64, at most ``side`` pixels long."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    text = io.BytesIO()
    image.save(text, "JPEG", quality=quality)
    return base64.b64encode(text.getvalue()).decode("ascii")


def _positions(result: Evaluation, labels: NDArray[np.int64]) -> list[int]:
    count = len(labels)
    typical = np.linspace(0, count - 1, min(TYPICAL, count)).astype(int)
    wrong = np.flatnonzero(result.predictions != labels)
    confident = wrong[np.argsort(-result.confidences[wrong], kind="stable")][:WRONG]
    return list(dict.fromkeys(int(each) for each in (*typical, *confident)))
