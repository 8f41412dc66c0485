"""A module in mixed precision, for the engines that TensorFlow runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.conversion.mixed_precision import in_mixed_precision
from tl_core.conversion.opening import freeze
from tl_core.errors import ModelError
from tl_core.models.adapter import in_batches

if TYPE_CHECKING:
    from tl_core.conversion.mixed_precision import MixedGraph
    from tl_core.models import HubModule
    from tl_core.models.untyped import Tensor

#: TensorFlow's names of precisions.
NAMES = {"bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class MixedModule:
    """A module whose weights are constants; called within a ``tf.function`` as the module is.

    Attributes:
        graph: What it computes.
        output_size: Columns of its output.
        batch: Images that its graph takes at once; None where any number.
    """

    graph: MixedGraph
    output_size: int
    batch: int | None

    def __call__(self, images: Tensor) -> Tensor:
        """Outputs, float32 ``(n, output_size)``, of images, float32 RGB in [0, 1] ``(n, h, w, 3)``.

        Its nodes are placed on the device that is in use.
        """
        if self.batch in (None, images.shape[0]):
            return self._run(images)
        return in_batches(self._run, images, self.batch)

    def _run(self, images: Tensor) -> Tensor:
        import tensorflow as tf

        (outputs,) = tf.graph_util.import_graph_def(
            self.graph.definition,
            {self.graph.images: images},
            [self.graph.outputs],
            name="mixed_precision",
        )
        outputs.set_shape((None, self.output_size))
        return outputs


def mixed_module(module: HubModule, size: int, precision: str) -> MixedModule:
    """A module for images of ``size`` pixels a side, with its products in ``bf16`` or ``fp16``.

    ModelError where it has products that can't be computed in it, or none at all: nothing is left
    in single precision without a word.
    """
    graph = in_mixed_precision(freeze(module, size, scaled=True), NAMES[precision])
    if graph.left or not graph.products:
        raise ModelError(
            f"{module.handle}: {graph.products} of its {graph.products + graph.left} convolutions "
            f"and matrix products can be computed in {precision}, expected all of them; use "
            "precision fp32"
        )
    return MixedModule(graph, module.output_size, module.batch)
