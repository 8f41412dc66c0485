"""Photographs that come with installed packages: always available."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from tl_core.errors import DataError
from tl_core.labels import CLASSES, imagenet_labels

#: ImageNet's label for the portrait, matplotlib's sample of Grace Hopper in uniform.
PORTRAIT_LABEL = "military uniform"
#: scikit-image's colour and grey photographs.
_SCIKIT_IMAGE = (
    *("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "ihc.png", "retina.jpg", "motorcycle_left.png"),
)

#: Right ImageNet labels of some photographs, with the packages that contain them.
_NAMED = {
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"): {PORTRAIT_LABEL},
    ("skimage", "data/chelsea.png"): {"tabby", "tiger cat", "Egyptian cat"},
    ("skimage", "data/coffee.png"): {"espresso", "cup", "coffee mug"},
    ("skimage", "data/motorcycle_left.png"): {"motor scooter", "moped"},
    ("skimage", "data/camera.png"): {"tripod"},
}


def portrait() -> Path:
    """Matplotlib's photograph with which classifiers are checked; DataError if it is missing."""
    return _packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


def photographs() -> dict[str, Path]:
    """Ten photographs by the first word of their names, in a fixed order; else DataError."""
    return {
        re.split(r"[._]", file)[0]: _packaged("skimage", f"data/{file}") for file in _SCIKIT_IMAGE
    }


def named_photographs() -> dict[Path, tuple[int, ...]]:
    """Photographs that show one of ImageNet's classes, with their numbers, 0 to 999, in order."""
    first_words = [label.split(", ")[0] for label in imagenet_labels(CLASSES)]
    return {
        _packaged(*file): tuple(n for n, word in enumerate(first_words) if word in names)
        for file, names in _NAMED.items()
    }


def _packaged(package: str, file: str) -> Path:
    """A file inside an installed package, found without importing it, which takes seconds."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, file)
        if path.is_file():
            return path
    raise DataError(f"{package}: its file {file} is missing; install the package again")
