"""Find the function of a loaded SavedModel that maps images to a matrix, and call it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from tl_core.models.untyped import Loaded, Outputs, Tensor, TensorSpec, Variable

#: Signatures that a SavedModel without ``__call__`` is used by, the first that it has.
SIGNATURES = ("serving_default", "default")
#: The output that TensorFlow Hub means where there are several.
DEFAULT_OUTPUT = "default"


@dataclass(frozen=True)
class ImageFunction:
    """A function from float32 images ``(n, h, w, 3)`` to a float32 matrix ``(n, d)``.

    Attributes:
        name: The model, for messages.
        owner: The loaded SavedModel.
        keyword: The argument that takes the images; None where it is the first.
        trainable: Whether it takes ``training``.
        input_shape: Batch, height, width, channels; None where any.
        output: Key of the output in the dict that it returns; None where that is a tensor.
        columns: ``d``, or None where the graph leaves it open.
    """

    name: str
    owner: Loaded
    function: Loaded
    keyword: str | None
    trainable: bool
    input_shape: tuple[int | None, ...]
    output: str | None
    columns: int | None
    variables: tuple[Variable, ...]

    def __call__(self, images: Tensor, training: bool) -> Tensor:  # noqa: FBT001 -- as Hub's
        """Run it; see ``module.HubModule``."""
        self._check(images, training=training)
        arguments = {} if self.keyword is None else {self.keyword: images}
        if self.trainable:
            arguments["training"] = training
        result = self.function(*([images] if self.keyword is None else []), **arguments)
        return result if self.output is None else result[self.output]

    def _check(self, images: Tensor, *, training: bool) -> None:
        if training and not self.trainable:
            raise ModelError(
                f"{self.name}: training=True, but it takes no such argument; expected a reusable "
                "TensorFlow 2 module. It can be used frozen (training=False)"
            )
        if images.dtype.name != "float32":
            raise ModelError(
                f"{self.name}: images of dtype {images.dtype}, expected float32 in [0, 1]; divide "
                "uint8 pixels by 255"
            )
        shape = tuple(images.shape)
        fits = len(shape) == 4 and all(
            got == want or None in (got, want)
            for got, want in zip(shape, self.input_shape, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{self.name}: images of shape {shape}, expected {self.input_shape}; resize them"
            )


def find_image_function(loaded: Loaded, name: str) -> ImageFunction:
    """The function of a SavedModel that takes images and returns a matrix; else ModelError."""
    if callable(loaded) and getattr(loaded.__call__, "concrete_functions", None):
        call = loaded.__call__
        inputs, traced = _traced(call, name)
        keyword, trainable = None, "training" in inspect.signature(call).parameters
        function: Loaded = loaded
    else:
        function = traced = _signature(loaded, name)
        inputs = _only_input(function, name)
        keyword, trainable = inputs.name, False
    key, output = _matrix(traced.structured_outputs, name)
    return ImageFunction(
        name=name,
        owner=loaded,
        function=function,
        keyword=keyword,
        trainable=trainable,
        input_shape=_image_shape(inputs, name),
        output=key,
        columns=output.shape[1],
        variables=tuple(traced.variables),
    )


def _traced(call: Loaded, name: str) -> tuple[TensorSpec, Loaded]:
    """Input and first trace of ``__call__``; traces differ in training and the like only."""
    import tensorflow as tf

    for concrete in call.concrete_functions:
        flat = tf.nest.flatten(concrete.structured_input_signature)
        tensors = [spec for spec in flat if isinstance(spec, tf.TensorSpec)]
        if len(tensors) == 1:
            return tensors[0], concrete
    raise ModelError(
        f"{name}: its __call__ takes no single tensor; expected an image module, float32 images "
        "(n, h, w, 3) in, a matrix out"
    )


def _signature(loaded: Loaded, name: str) -> Loaded:
    signatures: dict[str, Loaded] = dict(getattr(loaded, "signatures", {}))
    for known in SIGNATURES:
        if known in signatures:
            return signatures[known]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise ModelError(
        f"{name}: no __call__, and signatures {sorted(signatures) or 'none'}; expected "
        f"{' or '.join(SIGNATURES)}. Export it again with a __call__ or one such signature"
    )


def _only_input(signature: Loaded, name: str) -> TensorSpec:
    _, keywords = signature.structured_input_signature
    if len(keywords) != 1:
        raise ModelError(
            f"{name}: its signature takes {sorted(keywords)}; expected one argument, the images"
        )
    keyword, spec = next(iter(keywords.items()))
    return type(spec)(spec.shape, spec.dtype, name=keyword)


def _image_shape(spec: TensorSpec, name: str) -> tuple[int | None, ...]:
    shape = spec.shape.as_list() if spec.shape.rank is not None else [None] * 4
    if spec.dtype.name != "float32" or len(shape) != 4 or shape[3] not in (3, None):
        raise ModelError(
            f"{name}: takes {spec.dtype.name} {tuple(shape)}; expected an image module: float32 "
            "RGB in [0, 1], (n, h, w, 3)"
        )
    return tuple(shape)


def _matrix(outputs: Outputs, name: str) -> tuple[str | None, TensorSpec]:
    """Key (None for a bare tensor) and spec of the one floating-point output of rank 2."""
    by_key = outputs if isinstance(outputs, dict) else {None: outputs}
    candidates = {
        key: spec
        for key, spec in by_key.items()
        if hasattr(spec, "dtype") and spec.dtype.is_floating and spec.shape.rank == 2
    }
    if DEFAULT_OUTPUT in candidates:
        return DEFAULT_OUTPUT, candidates[DEFAULT_OUTPUT]
    if len(candidates) == 1:
        return next(iter(candidates.items()))
    raise ModelError(f"{name}: {_description(by_key)}")


def _description(by_key: dict[Any, Any]) -> str:
    shapes = {key: getattr(spec, "shape", spec) for key, spec in by_key.items()}
    if any(getattr(shape, "rank", None) == 4 for shape in shapes.values()):
        return (
            "returns a map (n, h, w, d), expected a matrix (n, d); use the model's "
            "'feature_vector' form, or export it again with global average pooling"
        )
    described = ", ".join(f"{key or 'output'} {shape}" for key, shape in shapes.items())
    return (
        f"returns {described or 'nothing'}; expected one float32 matrix (n, d). Use the model's "
        "'feature_vector' or 'classification' form"
    )
