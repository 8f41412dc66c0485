"""Find the function of a loaded SavedModel that maps images to a matrix, and call it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError
from tl_core.models.adapter import adapter_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tl_core.models.adapter import Adapter
    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded, Outputs, Tensor, TensorSpec, Variable

#: Signatures of SavedModels without ``__call__``: the first one that it has is used. In Hub's first
#: format, a classifier's ``default`` returns classes, and another signature its features.
SIGNATURES: Mapping[Kind, tuple[str, ...]] = {
    "features": ("image_feature_vector", "serving_default", "default"),
    "logits": ("image_classification", "serving_default", "default"),
}
#: The output that TensorFlow Hub uses if there are several.
DEFAULT_OUTPUT = "default"
#: Possible ranks of outputs: first a matrix, then a map that is pooled, or an unknown rank.
_RANKS = ((2,), (4, None))


@dataclass(frozen=True)
class ImageFunction:
    """A function from float32 images in [0, 1] ``(n, h, w, 3)`` to a float32 matrix ``(n, d)``.

    Attributes:
        name: The model, for messages.
        owner: The loaded SavedModel.
        keyword: The argument that takes the images; None for the first one.
        trainable: Whether it takes ``training``.
        adapter: Adapts its input and output.
        output: Name of the output if it returns several.
        rank: Rank of the output, 2 or 4; None if the graph leaves it open.
        columns: ``d``; None if the graph leaves it open.
    """

    name: str
    owner: Loaded
    function: Loaded
    keyword: str | None
    trainable: bool
    adapter: Adapter
    output: str | None
    rank: int | None
    columns: int | None
    variables: tuple[Variable, ...]

    def __call__(self, images: Tensor, training: bool) -> Tensor:  # noqa: FBT001 -- as Hub's
        """Run it; see ``module.HubModule``."""
        self._check(images, training=training)
        rows = self.adapter(lambda adapted: self._run(adapted, training=training), images)
        if self.columns is not None:
            rows.set_shape((None, self.columns))
        return rows

    def _run(self, adapted: Tensor, *, training: bool) -> Tensor:
        arguments = {} if self.keyword is None else {self.keyword: adapted}
        if self.trainable:
            arguments["training"] = training
        result = self.function(*([adapted] if self.keyword is None else []), **arguments)
        output = _by_name(result)[self.output]
        if self.rank is not None:
            output.set_shape([None] * self.rank)
        return output

    def measured(self, images: Tensor) -> ImageFunction:
        """With the rank and columns that the graph leaves open, from an eager run."""
        ranks: list[int] = []

        def run(adapted: Tensor) -> Tensor:
            output = self._run(adapted, training=False)
            ranks.append(output.shape.rank)
            return output

        rows = self.adapter(run, images)
        if rows.shape.rank != 2:
            raise ModelError(
                f"{self.name}: returns {tuple(rows.shape)}; expected one matrix (n, d), or a map"
            )
        return replace(self, rank=ranks[0], columns=rows.shape[1])

    def in_range(self, name: str) -> ImageFunction:
        """The same function with another input range."""
        return replace(self, adapter=self.adapter.in_range(name))

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
        shape, expected = tuple(images.shape), (None, *self.adapter.shape[1:])
        fits = len(shape) == 4 and all(
            got == want or None in (got, want) for got, want in zip(shape, expected, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{self.name}: images of shape {shape}, expected {expected}; resize them, or leave "
                "the image size out"
            )


def find_image_function(
    loaded: Loaded, name: str, kind: Kind, input_range: str, output: str | None
) -> ImageFunction:
    """The function of a SavedModel that takes images and returns a matrix or a map.

    If it returns several, ``output`` names one. ModelError if there is no such function.
    """
    if callable(loaded) and getattr(loaded.__call__, "concrete_functions", None):
        call = loaded.__call__
        inputs, traced = _traced(call, name)
        keyword, trainable = None, "training" in inspect.signature(call).parameters
        function: Loaded = loaded
    else:
        function = traced = _signature(loaded, name, kind)
        inputs = _only_input(function, name)
        keyword, trainable = inputs.name, False
    adapter = adapter_for(inputs, name, input_range)
    chosen, spec = _output(traced.structured_outputs, name, output)
    return ImageFunction(
        name=name,
        owner=loaded,
        function=function,
        keyword=keyword,
        trainable=trainable,
        adapter=adapter,
        output=chosen,
        rank=spec.shape.rank,
        columns=_columns(spec, adapter),
        variables=tuple(traced.variables),
    )


def _traced(call: Loaded, name: str) -> tuple[TensorSpec, Loaded]:
    """Input and first trace of ``__call__``; traces differ only in ``training`` and the like."""
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


def _signature(loaded: Loaded, name: str, kind: Kind) -> Loaded:
    signatures: dict[str, Loaded] = dict(getattr(loaded, "signatures", {}))
    for known in SIGNATURES[kind]:
        if known in signatures:
            return signatures[known]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise ModelError(
        f"{name}: no __call__, and signatures {sorted(signatures) or 'none'}; expected "
        f"{' or '.join(SIGNATURES[kind])}. Export it again with a __call__ or one such signature"
    )


def _only_input(signature: Loaded, name: str) -> TensorSpec:
    _, keywords = signature.structured_input_signature
    if len(keywords) != 1:
        raise ModelError(
            f"{name}: its signature takes {sorted(keywords)}; expected one argument, the images"
        )
    keyword, spec = next(iter(keywords.items()))
    return type(spec)(spec.shape, spec.dtype, name=keyword)


def _by_name(outputs: Outputs) -> dict[str | None, Any]:
    """Outputs, or their specs, by name: those of a tuple are numbers, a single one has none."""
    if isinstance(outputs, dict):
        # TensorFlow returns them in any order; messages name them in one.
        return dict(sorted(outputs.items(), key=lambda item: str(item[0])))
    if isinstance(outputs, (tuple, list)):
        return {f"output_{number}": each for number, each in enumerate(outputs)}
    return {None: outputs}


def _output(outputs: Outputs, name: str, output: str | None) -> tuple[str | None, TensorSpec]:
    """Name and spec of the requested output, or of the only floating-point matrix or map."""
    by_name = _by_name(outputs)
    able = {
        key: spec
        for key, spec in by_name.items()
        if hasattr(spec, "dtype") and spec.dtype.is_floating and spec.shape.rank in (2, 4, None)
    }
    if output is not None:
        if output not in able:
            raise ModelError(f"{name}: no output {output!r}; it {_described(by_name)}")
        return output, able[output]
    for ranks in _RANKS:
        alike = {key: spec for key, spec in able.items() if spec.shape.rank in ranks}
        chosen = DEFAULT_OUTPUT if DEFAULT_OUTPUT in alike else next(iter(alike), None)
        if DEFAULT_OUTPUT in alike or len(alike) == 1:
            return chosen, alike[chosen]
        if alike:
            names = ", ".join(map(str, alike))
            raise ModelError(
                f"{name}: {_described(by_name)}; expected one matrix (n, d). Set layer to one of "
                f"{names}"
            )
    raise ModelError(
        f"{name}: {_described(by_name)}; expected one matrix (n, d), or a map (n, h, w, d). Use "
        "the model's 'feature_vector' or 'classification' form"
    )


def _described(by_name: dict[str | None, Any]) -> str:
    shapes = {key: getattr(spec, "shape", spec) for key, spec in by_name.items()}
    described = ", ".join(f"{key or 'output'} {shape}" for key, shape in shapes.items())
    return f"returns {described or 'nothing'}"


def _columns(spec: TensorSpec, adapter: Adapter) -> int | None:
    if spec.shape.rank is None:
        return None
    width: int | None = spec.shape[1 if adapter.channels_first else -1]
    return width
