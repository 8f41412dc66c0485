"""Check that a module is of the required kind, by running it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.equivalence import real_images
from tl_core.errors import ModelError
from tl_core.labels import CLASSES
from tl_core.models.handles import says_classification
from tl_core.models.notes import read_notes
from tl_core.models.probing import USUAL_SIZE, at_size, plain_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models.module import HubModule
    from tl_core.models.settings import Kind


def require(
    module: HubModule, kind: Kind, classes: int | None = None, size: int | None = None
) -> None:
    """Refuse, with a ModelError, a module of another kind than required.

    For logits, it must have one output per label; ``classes`` is their number (None: ImageNet's).
    It is run on synthetic images of ``size`` pixels (None: its own size).
    """
    side = size or module.image_size or USUAL_SIZE
    if kind == "logits":
        require_classes(module.handle, module.output_size, classes)
        _outputs(module, plain_images(side))
        return
    if module.kind != "features":
        raise _classifier(module, "one per ImageNet class")
    if "class_names" not in read_notes(module.path) and says_classification(module.handle):
        raise _classifier(module, "and the handle says that they are classes")
    outputs = _outputs(module, plain_images(side))
    if module.output_size > 1 and are_probabilities(outputs):
        raise _classifier(module, "that add up to 1, as a softmax's do")
    if _is_constant(outputs) and _is_constant(_outputs(module, _photographs(side))):
        raise ModelError(
            f"{module.handle}: gives the same outputs for every image, expected features that "
            "depend on the image; check its weights and its input range"
        )


def _classifier(module: HubModule, sign: str) -> ModelError:
    return ModelError(
        f"{module.handle}: a classifier with {module.output_size} outputs ({sign}), expected a "
        "feature extractor; use the 'feature_vector' form of the model"
    )


def require_classes(handle: str, outputs: int, classes: int | None) -> None:
    """Refuse, with a ModelError, a classifier without one output per label (None: ImageNet's)."""
    if classes is not None and classes != outputs:
        raise ModelError(
            f"{handle}: {outputs} outputs but {classes} labels; pass one per output, in their order"
        )
    if classes is None and outputs not in (CLASSES, CLASSES + 1):
        raise ModelError(
            f"{handle}: a feature extractor, or a classifier of its own classes, with {outputs} "
            "outputs, expected a classifier with 1000 or 1001 outputs; use the 'classification' "
            "form of the model, or pass labels for its classes"
        )


def are_probabilities(outputs: NDArray[np.float32]) -> bool:
    """Whether rows ``(n, d)`` are positive and add up to 1, as after a softmax."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def _is_constant(outputs: NDArray[np.float32]) -> bool:
    return bool((outputs == outputs[0]).all())


def _photographs(side: int) -> NDArray[np.float32]:
    return real_images(side).astype(np.float32) / np.float32(255)


def _outputs(module: HubModule, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs for images; ModelError if the images don't fit or an output isn't finite."""
    with at_size(module.handle, images.shape[1]):
        outputs = np.asarray(module(images))
    if not np.isfinite(outputs).all():
        raise ModelError(
            f"{module.handle}: has outputs that are not finite (NaN or infinite), expected "
            "finite ones; check its weights, or export it again in float32"
        )
    return outputs
