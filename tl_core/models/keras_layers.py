"""Part of a Keras model, of Keras 3 or 2, as a SavedModel: up to its features, or to a layer."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from tl_core.errors import ModelError
from tl_core.models.adapter import BYTE_RANGE, BYTES
from tl_core.models.export import save_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded, Tensor

#: Layers that pool a map, and layers that may follow the last Dense layer of a classifier.
_POOLS = ("GlobalAveragePooling2D", "GlobalMaxPooling2D")
_ACTIVATIONS = ("Activation", "Softmax")
#: Activations of Dense layers that predict classes, and ImageNet's numbers of classes.
_OF_CLASSES, _IMAGENET = ("softmax", "sigmoid"), (1000, 1001)
#: Input ranges of Keras's networks that don't scale images themselves, by their names.
_APPLICATIONS = (
    (re.compile(r"(vgg|resnet)\d+"), "caffe"),
    (re.compile(r"densenet\d+"), "imagenet"),
    (re.compile(r"mobilenet(v2)?_.*|resnet\d+v2|inception_.*|xception|nasnet.*"), "-1-1"),
)


class _Call(NamedTuple):
    """One call of a layer in a model's graph."""

    layer: Loaded
    inputs: list[Tensor]
    outputs: list[Tensor]

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.layer).__name__


def save_part(
    model: Loaded,
    name: str,
    kind: Kind,
    layer: str | None,
    folder: Path,
    *,
    made_of: Mapping[str, str | int],
) -> None:
    """Write ``part_of`` a Keras model into an empty folder; its input doesn't change.

    ``made_of`` is as for ``save_module``.
    """
    notes = {
        "input_range": None,
        "likely_range": _range_by_name(model),
        "classifier_outputs": model.outputs[0].shape[-1] if len(model.outputs) == 1 else None,
    }
    save_keras(part_of(model, name, kind, layer), folder, notes=notes, made_of=made_of)


def part_of(
    model: Loaded, name: str, kind: Kind, layer: str | None, *, is_classifier: bool = False
) -> Loaded:
    """A Keras model from a model's only input, images, to one of its tensors.

    That is the output of ``layer``. Without one, it is the model's own output for ``"logits"``. For
    ``"features"``, it is the output of the last global pooling layer; else the input of the last
    Dense layer, if that predicts classes; else the model's own output. ModelError if it has no such
    layer, or takes another input.
    """
    inputs: list[Tensor] = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = [tuple(each.shape) for each in inputs]
        raise ModelError(
            f"{name}: takes {shapes or 'what only its code says'}; expected one input, images "
            "(n, h, w, 3). Export it as a SavedModel where it was made: model.export(folder)"
        )
    calls = _calls(model)
    if layer is not None:
        output = _output_of(layer, calls, name)
    elif kind == "features":
        output = _features(calls, is_classifier=is_classifier)
    else:
        output = None
    library = import_module("tf_keras" if _is_keras_2(model) else "keras")
    return library.Model(inputs[0], _only_output(model, name) if output is None else output)


def save_keras(
    model: Loaded,
    folder: Path,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    *,
    notes: dict[str, object],
    made_of: Mapping[str, str | int],
) -> None:
    """Write a Keras model of one input and one output, with preprocessing of its input."""
    import tensorflow as tf

    (images,) = model.inputs
    dtype = getattr(images.dtype, "name", images.dtype)
    shape = tuple(images.shape)[1:]
    if dtype in BYTES:
        notes = notes | {"input_range": BYTE_RANGE}

    def forward(pixels: Tensor, training: bool) -> Tensor:  # noqa: FBT001 -- as Hub's
        scaled = pixels if preprocess is None else preprocess(pixels)
        return model(tf.cast(scaled, dtype), training=training)

    save_module(
        folder,
        forward,
        [each if isinstance(each, tf.Variable) else each.value for each in model.variables],
        image_shape=shape,
        image_size=shape[0] if shape[0] == shape[1] else None,
        notes=notes,
        made_of=made_of,
    )


def _is_keras_2(model: Loaded) -> bool:
    return any(each.__module__.startswith("tf_keras.") for each in type(model).__mro__)


def _calls(model: Loaded) -> list[_Call]:
    """The calls of layers in a model's graph, from its output back to its input."""
    import tensorflow as tf

    graph = getattr(model, "_functional", None) or model
    by_depth: dict[int, list[Any]] = graph._nodes_by_depth  # noqa: SLF001 - no public name has it
    nodes = [node for depth in sorted(by_depth) for node in by_depth[depth]]
    return [
        _Call(
            getattr(node, "operation", None) or node.layer,
            tf.nest.flatten(node.input_tensors),
            tf.nest.flatten(node.output_tensors),
        )
        for node in nodes
    ]


def _features(calls: list[_Call], *, is_classifier: bool) -> Tensor | None:
    """The input of a classifier's head; None if the model's own output may be features."""
    for call in calls:
        if call.kind in _POOLS:
            return call.outputs[0]
    last = next(call for call in calls if call.kind not in _ACTIVATIONS)
    is_head = last.kind == "Dense" and (is_classifier or _names_classes(last.layer, calls))
    return last.inputs[0] if is_head else None


def _only_output(model: Loaded, name: str) -> Tensor:
    if len(model.outputs) != 1:
        raise ModelError(
            f"{name}: returns {len(model.outputs)} outputs; expected one. Set layer to one of "
            f"{', '.join(model.output_names)}"
        )
    return model.outputs[0]


def _output_of(layer: str, calls: list[_Call], name: str) -> Tensor:
    by_name = {call.layer.name: call.outputs for call in calls}
    if layer not in by_name:
        close = get_close_matches(layer, by_name, cutoff=0.3) or list(by_name)[:3]
        raise ModelError(f"{name}: no layer {layer!r}; did you mean {' or '.join(close)}?")
    return by_name[layer][0]


def _names_classes(dense: Loaded, calls: list[_Call]) -> bool:
    """Whether a model's last Dense layer predicts classes, not features."""
    activation = getattr(dense.activation, "__name__", "")
    activated = calls[0].kind in _ACTIVATIONS
    return activated or activation in _OF_CLASSES or dense.units in _IMAGENET


def _range_by_name(model: Loaded) -> str | None:
    """Input range of a model that is, or begins with, one of Keras's networks; None for others."""
    first = [call.layer for call in _calls(model) if call.kind != "InputLayer"][-1]
    for name in (model.name, first.name):
        for pattern, known in _APPLICATIONS:
            if pattern.fullmatch(name.lower()):
                return known
    return None
