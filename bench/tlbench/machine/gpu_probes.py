"""What GPUs can do at most, as measured: matrix multiplies in each precision, memory bandwidth.

TensorFlow measures, see ``probe_tensorflow_gpu``; this module works without it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tlbench.machine.probes import UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.machine.probes import Kind


@dataclass(frozen=True)
class GpuProbe:
    """A measured rate of one GPU.

    Attributes:
        kind: ``matmul`` (GFLOP/s, two operations for each multiply-add) or ``bandwidth`` (GB/s of
            1e9 bytes, read and written ones counted).
        precision: What the matrices are multiplied in: ``fp32``, ``tf32`` (float32 in memory),
            ``bf16`` or ``fp16``; sums are float32. None for the bandwidth.
        device: TensorFlow's name of the GPU, such as ``GPU:0``.
        best, median, n: Of all timed calls, and how many these were.
        size: Side of the matrices, or bytes of the array.
        throttled: What held a GPU's clock down meanwhile; None where no GPU says.
    """

    kind: Kind
    precision: str | None
    device: str
    best: float
    median: float
    n: int
    size: int
    throttled: tuple[str, ...] | None

    @property
    def unit(self) -> str:
        """Of ``best`` and ``median``."""
        return UNITS[self.kind]


def gpu_probes_json(probes: Sequence[GpuProbe]) -> list[dict[str, Any]]:
    """Probes for JSON, each with its unit."""
    return [asdict(each) | {"unit": each.unit} for each in probes]
