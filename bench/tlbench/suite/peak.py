"""This machine's matrix-multiply peak in this process, with the threads that the network has."""

from __future__ import annotations

from tl_core.devices import set_threads
from tl_core.errors import DeviceError
from tlbench.machine.probe_tensorflow import product
from tlbench.machine.probes import Probe, matmul, matmul_numpy, peak


def peak_here(threads: int) -> Probe | None:
    """The faster of NumPy's and TensorFlow's float32 matrix multiply, on the CPU.

    Measured beside the rounds that are shown as a share of it: minutes earlier the machine may
    have been faster or slower. None where others had so much of the CPUs that it is no peak.

    Args:
        threads: As the engine has.
    """
    probes = [matmul_numpy(threads)]
    try:
        set_threads(threads)  # beside another engine it may have all
        probes.append(matmul(product, "tensorflow", threads))
    except DeviceError:  # it runs already, with another number: no peak of this one
        pass
    best = peak(probes, threads)
    return None if best is None or best.disturbed else best
