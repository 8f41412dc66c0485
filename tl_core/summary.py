"""A transfer model's layers and parameter counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tl_core.conversion import cached_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tl_core.extractor import FeatureExtractor
    from tl_core.head import Head


@dataclass(frozen=True)
class Layer:
    """One line of a summary: output shape without the batch, and parameter counts."""

    name: str
    output: tuple[int, ...]
    parameters: int
    trainable: int


@dataclass(frozen=True)
class Summary:
    """Layers and counts; ``str()`` makes a table of it."""

    layers: tuple[Layer, ...]

    @property
    def trainable(self) -> int:
        """Parameters that training changes."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def frozen(self) -> int:
        """Parameters that training doesn't change."""
        return sum(layer.parameters for layer in self.layers) - self.trainable

    def __str__(self) -> str:
        rows = [
            f"{layer.name[-40:]:<40} {layer.output!s:>15} {layer.parameters:>11,} "
            f"{'trainable' if layer.trainable else 'frozen'}"
            for layer in self.layers
        ]
        return "\n".join([*rows, f"{self.frozen:,} frozen, {self.trainable:,} trainable"])


def summarize(extractor: FeatureExtractor, head: Head, *, fine_tune: bool) -> Summary:
    """Count a model's parameters, layer by layer; the backbone's counts are cached."""
    size = extractor.image_size
    facts = {"model": extractor.digest, "format": "parameters"}
    backbone, trainable = cached_json(facts, lambda: _counts(extractor))
    unfrozen = trainable if fine_tune else 0
    weights = _count([head.kernel, head.bias])
    return Summary(
        (
            Layer(f"resize ({extractor.resize})", (size, size, 3), 0, 0),
            Layer(extractor.handle, (extractor.feature_size,), backbone, unfrozen),
            Layer("Dense (softmax)", head.bias.shape, weights, weights),
        )
    )


def _counts(extractor: FeatureExtractor) -> list[int]:
    module = extractor.module
    return [_count(module.variables), _count(module.trainable_variables)]


def _count(variables: Iterable[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
