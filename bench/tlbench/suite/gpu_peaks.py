"""What GPUs can do at most: beside a run's rounds, and for ``tlbench machine``.

``python -m tlbench.suite.gpu_peaks gpu`` prints all probes of all GPUs as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any, NamedTuple

from tl_core.devices import select_devices
from tlbench.machine.gpu_probes import GpuProbe
from tlbench.machine.probe_tensorflow_gpu import bandwidth, matmul, multiplied_in, probe_gpu
from tlbench.machine.probes import PATIENCE_S, ProbeError, in_process


class Peaks(NamedTuple):
    """What a run's device can do at most; None where that isn't known.

    Attributes:
        gflops_per_s: Of its fastest matrix multiply.
        precision: What that computes in.
        bandwidth_gb_per_s: Of a GPU's memory; of several GPUs' together.
    """

    gflops_per_s: float | None = None
    precision: str | None = None
    bandwidth_gb_per_s: float | None = None


#: Of a device that wasn't measured.
NO_PEAKS = Peaks()


def gpu_peaks(spec: str, precision: str) -> Peaks:
    """Measure the GPUs of a device specification, such as ``gpu``, one after the other.

    The matrix multiply is in what a network of this precision is computed in.
    """
    names = select_devices(spec).names
    computed = multiplied_in(precision, names[0])
    return Peaks(
        sum(matmul(name, computed).best for name in names),
        computed,
        sum(bandwidth(name).best for name in names),
    )


def probe_gpus(count: int) -> tuple[GpuProbe, ...]:
    """All probes of all GPUs that TensorFlow sees on a machine of ``count``, in another process.

    ProbeError where TensorFlow is not installed or can't use them.
    """
    if find_spec("tensorflow") is None:
        raise ProbeError("TensorFlow is not installed; expected the [gpu] extra")
    probes = in_process([__name__, "gpu"], "GPUs", patience_s=PATIENCE_S * count)
    return tuple(_probe_from(each) for each in probes)


def _probe_from(printed: dict[str, Any]) -> GpuProbe:
    """A probe from JSON, which has lists for tuples."""
    held = printed["throttled"]
    return GpuProbe(**printed | {"throttled": None if held is None else tuple(held)})


def _print_probes(spec: str) -> None:
    probes = [each for name in select_devices(spec).names for each in probe_gpu(name)]
    print(json.dumps([asdict(each) for each in probes]))  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    _print_probes(sys.argv[1])
