"""One way to call every image module: pixels in, a matrix out."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tl_core.devices import ready_tensorflow, select_devices
from tl_core.errors import ModelError
from tl_core.labels import CLASSES
from tl_core.models.calling import find_image_function
from tl_core.models.export import noted_image_size, read_notes
from tl_core.models.handles import says_classification
from tl_core.storage import tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.models.calling import ImageFunction
    from tl_core.models.settings import Kind, NetworkSettings
    from tl_core.models.untyped import Loaded, Tensor, Variable

#: The file by which a module in TensorFlow Hub's first format is known.
HUB_V1_FILE = "tfhub_module.pb"
#: Hexadecimal digits of a model's fingerprint.
FINGERPRINT_DIGITS = 16


@dataclass(frozen=True)
class HubModule:
    """An image module in memory.

    Attributes:
        handle: The user's name for it, for messages.
        path: Its SavedModel folder.
        image_size: Side in pixels of its images; None where it takes any and names none.
        output_size: Columns of its output.
        trainable_variables: Those that fine-tuning changes.
    """

    handle: str
    path: Path
    image_size: int | None
    output_size: int
    variables: tuple[Variable, ...] = field(repr=False)
    trainable_variables: tuple[Variable, ...] = field(repr=False)
    _function: ImageFunction = field(repr=False)

    def __call__(self, images: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002 -- as Hub's
        """Outputs, float32 ``(n, output_size)``, of images, float32 RGB in [0, 1] ``(n, h, w, 3)``.

        In training, batch norm uses and updates batch statistics. ModelError for images of another
        dtype or shape, or a module that can't be trained.
        """
        return self._function(images, training)

    @property
    def loaded(self) -> Loaded:
        """What ``tf.saved_model.load`` returned, to be saved again within another model."""
        return self._function.owner

    @property
    def takes_training(self) -> bool:
        """Whether it can be called with ``training=True``."""
        return self._function.trainable

    @property
    def kind(self) -> Kind:
        """``"logits"`` where the outputs are as many as ImageNet's classes, else ``"features"``."""
        return "logits" if self.output_size in (CLASSES, CLASSES + 1) else "features"

    def ends_in_softmax(self) -> bool:
        """Whether a black image's outputs are probabilities; features never add up to 1 just so."""
        if self.output_size < 2:
            return False
        return are_probabilities(_on_black(self._function, self.image_size))

    def member(self, name: str) -> HubModule:
        """The module that ``export.save_module`` saved within this one; same variables."""
        function = find_image_function(getattr(self.loaded, name, None), self.handle)
        return replace(self, _function=function)


def open_module(path: Path, handle: str | None = None) -> HubModule:
    """Load a SavedModel folder as an image module, checked to map ``(n, h, w, 3)`` to ``(n, d)``.

    Takes reusable TensorFlow 2 modules (``__call__``) and plain SavedModels with one of
    ``calling.SIGNATURES``; the output may be a dict with one matrix, or one under ``"default"``.
    The handle is for messages; None takes the path.

    Raises:
        ModelError: Not loadable, without a suitable function, or its output is no matrix.
    """
    name = handle or str(path)
    loaded = _load(path, name)
    function = find_image_function(loaded, name)
    height, width = function.input_shape[1:3]
    image_size = noted_image_size(path) or (height if height == width else None)
    return HubModule(
        handle=name,
        path=path,
        image_size=image_size,
        output_size=function.columns or _on_black(function, image_size).shape[1],
        variables=tuple(getattr(loaded, "variables", function.variables)),
        trainable_variables=tuple(getattr(loaded, "trainable_variables", ())),
        _function=function,
    )


@dataclass(frozen=True)
class Model:
    """A model for an engine to open: its SavedModel folder, and the user's handle, for messages."""

    path: Path
    handle: str
    kind: Kind

    @functools.cached_property
    def digest(self) -> str:
        """The sha256 of its files, which are read once."""
        return tree_digest(self.path)

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell it from other models, and are the same on every machine.

        Of what it was made of, where this library converted it: TensorFlow writes the same network
        in other bytes each time. Of others the first digits of ``digest``.
        """
        made_of = read_notes(self.path).get("made_of")
        if not made_of:
            return self.digest[:FINGERPRINT_DIGITS]
        text = json.dumps(made_of, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]

    def load(self) -> HubModule:
        """The model in TensorFlow, on the CPU."""
        ready_tensorflow()
        select_devices("cpu")
        return open_module(self.path, self.handle)


def size_for(handle: str, own: int | None, settings: NetworkSettings) -> int:
    """Side of the input in pixels: as set, the module's own, or the fallback; else ModelError."""
    sizes = (settings.image_size, own, settings.fallback_size)
    size = next((int(size) for size in sizes if size is not None), None)
    if size is None:
        raise ModelError(
            f"{handle}: the model takes any image size and doesn't say which it was trained "
            "at; set image_size (often 224)"
        )
    return size


def _load(path: Path, name: str) -> Loaded:
    import tensorflow as tf

    # The first format holds a graph for training besides the one for use, which has no tags.
    tags: list[str] | None = [] if (path / HUB_V1_FILE).exists() else None
    try:
        return tf.saved_model.load(str(path), tags=tags)
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            f"{name}: can't be loaded ({str(error).splitlines()[0]}); expected a whole SavedModel "
            f"folder at {path}. Resolve the handle again, or export the model again"
        ) from error


def _on_black(function: ImageFunction, image_size: int | None) -> NDArray[np.float32]:
    import tensorflow as tf

    height, width = (n or image_size or 224 for n in function.input_shape[1:3])
    return np.asarray(function(tf.zeros((1, height, width, 3)), training=False))


def require(module: HubModule, kind: Kind, classes: int | None = None) -> None:
    """Refuse, with a ModelError, a module of another kind than its user needs.

    Where features are wanted, it is run once on a black image; where logits are, it must have as
    many outputs as there are ``classes``, labels at hand (None: ImageNet's).
    """
    if kind == "logits":
        require_classes(module.handle, module.output_size, classes)
        return
    if module.kind != "features":
        sign = "as many as ImageNet has classes"
    elif "class_names" not in read_notes(module.path) and says_classification(module.handle):
        sign = "and the handle says that they are classes"
    elif module.ends_in_softmax():
        sign = "that add up to 1, as a softmax's do"
    else:
        return
    raise ModelError(
        f"{module.handle}: a classifier with {module.output_size} outputs ({sign}), expected a "
        "feature extractor; use the 'feature_vector' form of the model"
    )


def require_classes(handle: str, outputs: int, classes: int | None) -> None:
    """Refuse a classifier without an output for each label (None: ImageNet's); ModelError."""
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
    """Whether rows ``(n, d)`` are positive and add up to 1, as those of a softmax."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))
