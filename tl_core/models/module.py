"""One way to call every image module: pixels in, a matrix out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.labels import CLASSES
from tl_core.models.calling import find_image_function
from tl_core.models.export import noted_image_size

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.calling import ImageFunction
    from tl_core.models.handles import Kind
    from tl_core.models.untyped import Loaded, Tensor, Variable

#: The file by which a module in TensorFlow Hub's first format is known.
HUB_V1_FILE = "tfhub_module.pb"


@dataclass(frozen=True)
class HubModule:
    """An image module in memory.

    Attributes:
        handle: What the user asked for, for messages.
        path: Its SavedModel folder.
        image_size: Side in pixels of its images; None where it takes any and names none.
        output_size: Columns of its output.
        variables: All its TensorFlow variables.
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
        """Run it.

        Args:
            images: A float32 tensor or array of RGB in [0, 1], ``(n, h, w, 3)``.
            training: Whether batch norm uses and updates batch statistics.

        Returns:
            A float32 tensor ``(n, output_size)``.

        Raises:
            ModelError: Images of another dtype or shape, or ``training`` asked of a module that
                can't be fine-tuned.
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


def open_module(path: Path, handle: str | None = None) -> HubModule:
    """Load a SavedModel folder as an image module.

    Takes reusable TensorFlow 2 modules (``__call__``) and plain SavedModels with one of
    ``calling.SIGNATURES``; the output may be a dict with
    one matrix, or with a matrix under ``"default"``.

    Args:
        path: The folder, as ``handles.resolve`` returns it.
        handle: What the user asked for, for messages; the path where absent.

    Returns:
        The module, checked to map ``(n, h, w, 3)`` to ``(n, d)``.

    Raises:
        ModelError: Not loadable, without a suitable function, or its output is no matrix.
    """
    name = handle or str(path)
    loaded = _load(path, name)
    function = find_image_function(loaded, name)
    image_size = noted_image_size(path) or _square(function.input_shape)
    return HubModule(
        handle=name,
        path=path,
        image_size=image_size,
        output_size=function.columns or _probed_columns(function, image_size),
        variables=tuple(getattr(loaded, "variables", function.variables)),
        trainable_variables=tuple(getattr(loaded, "trainable_variables", ())),
        _function=function,
    )


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


def _square(input_shape: tuple[int | None, ...]) -> int | None:
    """The side of the images that the graph demands; None where it takes any."""
    return input_shape[1] if input_shape[1] == input_shape[2] else None


def _probed_columns(function: ImageFunction, image_size: int | None) -> int:
    """The width of the output where the graph leaves it open, from one black image."""
    import tensorflow as tf

    height, width = (n or image_size or 224 for n in function.input_shape[1:3])
    return int(function(tf.zeros((1, height, width, 3)), training=False).shape[1])


def require(module: HubModule, kind: Kind) -> None:
    """Check that a module is of the kind that its user needs.

    Raises:
        ModelError: A classifier where an extractor is needed, or the reverse.
    """
    if module.kind == kind:
        return
    received, needed, form = (
        ("a classifier", "a feature extractor", "feature_vector")
        if kind == "features"
        else ("a feature extractor", "a classifier with 1000 or 1001 outputs", "classification")
    )
    raise ModelError(
        f"{module.handle}: {received} with {module.output_size} outputs, expected {needed}; use "
        f"the {form!r} form of the model"
    )
