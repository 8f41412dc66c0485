"""What must hold before a timing counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from tl_core.equivalence import TOLERANCES, compare
from tl_core.jpeg import PIXEL_BOUND, needed_side
from tlbench.suite.costs import warm_up_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.data import DataSet, Split
    from tl_core.sources import FileSource
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload

#: Share of test images that may stand in the training set pixel by pixel; CIFAR-10 itself has a
#: few such duplicates.
LEAKAGE = 0.01
#: Largest relative difference of the features' lengths from the reference's.
LENGTH = {"fp32": 1e-3, "bf16": 0.05, "fp16": 0.05, "int8": 0.5}
#: Images that each check looks at.
SAMPLE = 8


def warm_up_split(workload: LoadedWorkload, split: Split) -> Split:
    """The first few batches of a split: what the long stages warm up on."""
    return split.head(min(len(split), warm_up_images(workload)))


def check_data(data: DataSet) -> None:
    """Both splits hold every class's images, and hardly any test image stands in training."""
    classes = len(data.class_names)
    for name, split in (("training", data.train), ("test", data.test)):
        present = len(np.unique(split.labels))
        assert present == classes, f"{name} images of {present} classes, expected {classes}"
    share = data.leaked / len(data.test)
    assert share <= LEAKAGE, (
        f"{data.leaked} of {len(data.test)} test images are training images too"
    )


def check_decoded(source: FileSource, size: int) -> None:
    """JPEG files decoded for this image size are Pillow's pixels, called here file by file.

    At the same fraction of their size, with a difference of at most ``PIXEL_BOUND`` levels. Other
    formats are decoded by Pillow.
    """
    sample = source.head(SAMPLE)
    for path, pixels in zip(sample.paths, sample.take(range(len(sample)), size), strict=True):
        with Image.open(path) as picture:
            if picture.format != "JPEG":
                continue
            picture.draft(None, (needed_side(size), needed_side(size)))
            reference = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"), np.int16)
        assert pixels.shape == reference.shape, f"{pixels.shape}, Pillow has {reference.shape}"
        worst = np.abs(pixels - reference).max()
        assert worst <= PIXEL_BOUND, f"pixels differ from Pillow's by up to {worst} levels"


def check_pixels(images: list[NDArray[np.uint8]], resized: NDArray[np.uint8]) -> None:
    """Resized pixels equal Pillow's, called here image by image."""
    height, width = resized.shape[1:3]
    for image, pixels in zip(images[:SAMPLE], resized, strict=False):
        reference = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
        assert np.array_equal(pixels, np.asarray(reference)), "pixels differ from Pillow's"


def check_features(workload: LoadedWorkload) -> None:
    """The extractor's features equal an eager call of the module on Pillow's pixels in [0, 1]."""
    images = workload.data.train.images.head(SAMPLE)
    size = (workload.extractor.image_size,) * 2
    lanczos = Image.Resampling.LANCZOS
    pixels = [Image.fromarray(i).resize(size, lanczos) for i in images.take(range(len(images)))]
    unit = np.stack([np.asarray(picture, np.float32) / 255 for picture in pixels])
    module = workload.extractor.opened.model.open()
    reference = np.asarray(module(unit, training=False))
    features, precision = workload.extractor.extract(images), workload.options.precision
    assert features.shape == reference.shape
    cosine, least = compare(features, reference, "features").cosine, TOLERANCES[precision].cosine
    assert cosine >= least, f"cosine with the reference {cosine:.6f}, below {least}"
    lengths = np.linalg.norm(features, axis=1), np.linalg.norm(reference, axis=1)
    assert np.allclose(*lengths, rtol=LENGTH[precision]), (
        "the features' lengths differ from the reference's"
    )


def check_accuracy(accuracy: float, bounds: Bounds) -> None:
    """A speed counts only at an accuracy between floor and ceiling."""
    assert accuracy >= bounds.floor, (
        f"accuracy {accuracy:.4f} is below the floor {bounds.floor:.4f} ({bounds.origin})"
    )
    assert accuracy <= bounds.ceiling, (
        f"accuracy {accuracy:.4f} is above the ceiling {bounds.ceiling:.4f} ({bounds.origin}): "
        "test images or labels have leaked into training"
    )
