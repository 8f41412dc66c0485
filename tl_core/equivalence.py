"""Whether an engine is equivalent: compare its outputs with the reference's on real images."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError
from tl_core.images import load_image
from tl_core.photographs import photographs
from tl_core.resize import resize_batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tl_core.models.settings import Kind

#: Images that are compared.
IMAGES = 60
#: Classes of the fixed head, whose weights come from a fixed seed.
CLASSES, SEED = 10, 20180307
#: Smallest and largest side of the crops, as shares of a photograph's shorter side.
SIDES = (0.1, 1.0)


@dataclass(frozen=True)
class Tolerance:
    """Least cosine with the reference, and least share of images with its top-1 class."""

    cosine: float
    agreement: float


#: By precision. In single precision, sums in another order may change the class of one image near a
#: boundary. Lower precisions are judged by accuracy on the job's own data; here, only a broken
#: conversion must be detected.
TOLERANCES: dict[str, Tolerance] = {
    "fp32": Tolerance(0.9999, 1 - 1.5 / IMAGES),
    "bf16": Tolerance(0.95, 0.85),
    "fp16": Tolerance(0.95, 0.85),
    "int8": Tolerance(0.6, 0.6),
}


@dataclass(frozen=True)
class Equivalence:
    """How close an engine is to the reference.

    ``cosine`` is the smallest of all images, ``agreement`` the share of the images to which a fixed
    head gives the same class.
    """

    cosine: float
    agreement: float
    images: int


@functools.lru_cache(maxsize=4)
def real_images(size: int, first: int = 0, count: int = IMAGES) -> NDArray[np.uint8]:
    """Square crops of photographs at many scales, always the same, read-only.

    Args:
        size: Their side in pixels.
        first: Number of the first; each number is another crop.
        count: How many: uint8 RGB ``(count, size, size, 3)``.
    """
    photos = [load_image(path) for path in photographs().values()]
    squares = [_square(photos[n % len(photos)], n) for n in range(first, first + count)]
    images = resize_batch(squares, size)
    images.setflags(write=False)
    return images


def images_digest(images: NDArray[np.uint8]) -> str:
    """The sha256 of pixels, for cache keys of results that depend on them."""
    return hashlib.sha256(images.data).hexdigest()


def _square(photo: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng((SEED, number))
    height, width = photo.shape[:2]
    side = max(1, int(rng.uniform(*SIDES) * min(height, width)))
    top, left = (int(rng.integers(0, length - side + 1)) for length in (height, width))
    return photo[top : top + side, left : left + side]


def compare(
    outputs: NDArray[np.float32], reference: NDArray[np.float32], kind: Kind
) -> Equivalence:
    """Compare an engine's outputs ``(n, d)`` with the reference's of the same images.

    A fixed head gives classes to features; logits have them.
    """
    if not (np.isfinite(outputs).all() and np.isfinite(reference).all()):
        return Equivalence(-1.0, 0.0, len(outputs))
    norms = np.linalg.norm(outputs, axis=1) * np.linalg.norm(reference, axis=1)
    cosines = (outputs * reference).sum(axis=1) / np.maximum(norms, np.finfo(np.float32).tiny)
    if kind == "features":
        head = np.random.default_rng(SEED).normal(size=(reference.shape[1], CLASSES))
        mean = reference.mean(axis=0)
        outputs, reference = (outputs - mean) @ head, (reference - mean) @ head
    same = outputs.argmax(axis=1) == reference.argmax(axis=1)
    return Equivalence(float(cosines.min()), float(same.mean()), len(outputs))


def verify(
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    size: int,
    reference: NDArray[np.float32],
    kind: Kind,
    *,
    engine: str,
    precision: str,
    count: int = IMAGES,
) -> Equivalence:
    """Compare an engine with the reference, and refuse one that isn't equivalent.

    Args:
        run: The engine's network.
        size: Side of its input in pixels.
        reference: The reference's outputs for ``real_images(size)``.
        kind: Whether these are features or logits.
        engine: For messages.
        precision: Decides which of ``TOLERANCES`` must hold, else ModelError.
        count: Images of the one call; more than ``IMAGES`` are the same again and again.
    """
    images = np.resize(real_images(size), (count, size, size, 3))
    nearness = compare(run(images), np.resize(reference, (count, reference.shape[1])), kind)
    allowed = TOLERANCES[precision]
    if nearness.cosine < allowed.cosine or nearness.agreement < allowed.agreement:
        raise ModelError(
            f"engine {engine} {precision} differs from the reference: cosine "
            f"{nearness.cosine:.6f}, expected at least {allowed.cosine}; the same class for "
            f"{nearness.agreement:.1%} of "
            f"{nearness.images} images, expected {allowed.agreement:.1%}; use "
            f"{instead_of(precision)}"
        )
    return nearness


def instead_of(precision: str) -> str:
    """What to use where an engine computes something else in this precision, for messages."""
    return "the engine tensorflow" if precision == "fp32" else "precision fp32"
