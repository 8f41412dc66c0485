"""The probes of GPUs, in a process in which TensorFlow runs on them.

A timed call repeats its operation until it takes about 50 ms, because starting it and waiting for
its result takes about 0.1 ms. All of it is one call of TensorFlow, and one operation's output is
the next one's input, so that none can be left out.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from tlbench.machine.disturbances import throttling
from tlbench.machine.gpu_probes import GpuProbe
from tlbench.machine.noise import NoiseMeter
from tlbench.machine.probes import FEWEST, ProbeError, repeated_seconds, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tlbench.machine.probes import Kind

    #: A tensor; TensorFlow has no types.
    Tensor: TypeAlias = Any
    #: Runs an operation so many times on the device, and waits until it is done.
    Work: TypeAlias = Callable[[int], object]

#: Seconds of a timed call.
CALL_S = 0.05
#: Most repetitions in a call.
MOST = 10_000
#: Sides of the matrices: the largest of which one product should take at most ``CALL_S`` counts.
SIDES = (1024, 2048, 4096, 8192)
#: Bytes of the array whose bandwidth is measured, far more than any GPU's caches; half as many,
#: down to the last, where these don't fit.
ARRAY_BYTES, LEAST_ARRAY_BYTES = 2**30, 2**26
#: The data types of precisions in memory.
TYPES = {"fp32": "float32", "tf32": "float32", "bf16": "bfloat16", "fp16": "float16"}
#: The first compute capability (Ampere) whose GPUs multiply in TF32 and in bfloat16.
AMPERE = (8, 0)


def probe_gpu(device: str) -> tuple[GpuProbe, ...]:
    """All probes of a device, such as ``GPU:0``; a few seconds each."""
    return (*(matmul(device, each) for each in precisions_of(device)), bandwidth(device))


def precisions_of(device: str) -> tuple[str, ...]:
    """What a device multiplies matrices in, by units of its own: keys of ``TYPES``."""
    if _capability(device) < AMPERE:
        return "fp32", "fp16"
    # NVIDIA's libraries don't use TF32 if it is turned off.
    off = os.environ.get("NVIDIA_TF32_OVERRIDE", "").strip() == "0"
    return tuple(name for name in TYPES if name != "tf32" or not off)


def multiplied_in(precision: str, device: str) -> str:
    """What TensorFlow multiplies in for a network of a precision: ``tf32`` for most of ``fp32``.

    It uses TF32 for float32 if the GPU has it, unless TF32 is turned off.
    """
    import tensorflow as tf

    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    if precision == "fp32" and allowed and "tf32" in precisions_of(device):
        return "tf32"
    return precision


def matmul(device: str, precision: str) -> GpuProbe:
    """Peak matrix multiply of a device in a precision of ``TYPES``.

    ProbeError where not even small matrices fit into its memory.
    """
    with _tensor_float_32(enabled=precision == "tf32"):
        side, work = _largest_product(lambda side: products(device, precision, side))
        return _probe("matmul", work, 2 * side**3, device=device, precision=precision, size=side)


def bandwidth(device: str) -> GpuProbe:
    """Memory bandwidth of a device: an addition to an array, which reads and writes each number.

    ProbeError where not even a small array fits into its memory.
    """
    import tensorflow as tf

    size = ARRAY_BYTES
    while True:
        try:
            work = additions(device, size // 4)
            return _probe("bandwidth", work, 2 * size, device=device, precision=None, size=size)
        except tf.errors.ResourceExhaustedError as error:
            if size <= LEAST_ARRAY_BYTES:
                raise ProbeError(f"{device}: no memory for an array of {size:,} bytes") from error
            size //= 2


def products(device: str, precision: str, side: int) -> Work:
    """What multiplies a matrix of this side so many times by another one."""
    import tensorflow as tf

    def matrix(seed: int) -> Tensor:
        numbers = tf.random.stateless_normal((side, side), (0, seed))
        return tf.cast(numbers, TYPES[precision])

    with tf.device(device):
        # Its products keep the size of the numbers, so that none overflows.
        first, other = matrix(0), matrix(1) * tf.cast(side**-0.5, TYPES[precision])
        return _repeated(device, first, lambda x: tf.linalg.matmul(x, other))


def additions(device: str, count: int) -> Work:
    """What adds 1 so many times to each of ``count`` float32 numbers."""
    import tensorflow as tf

    with tf.device(device):
        return _repeated(device, tf.zeros(count), lambda x: x + 1.0)


def _repeated(device: str, first: Tensor, step: Callable[[Tensor], Tensor]) -> Work:
    """A loop within one call of TensorFlow; what it returns is the last result's first number."""
    import tensorflow as tf

    def run(start: Tensor, times: Tensor) -> Tensor:
        with tf.device(device):
            _, last = tf.while_loop(
                lambda i, _: i < times, lambda i, x: (i + 1, step(x)), (tf.constant(0), start)
            )
            return tf.reshape(last, [-1])[0]

    loop = tf.function(run, autograph=False)
    return lambda times: loop(first, tf.constant(times)).numpy()


def _largest_product(product_of: Callable[[int], Work]) -> tuple[int, Work]:
    """The largest side of ``SIDES`` that fits and takes no longer than a call, and its work."""
    import tensorflow as tf

    chosen: tuple[int, Work] | None = None
    seconds = 0.0
    for side in SIDES:
        # Of a larger side, each number takes no longer than of the last one.
        if chosen and seconds * (side / chosen[0]) ** 3 > CALL_S:
            break
        try:
            work = product_of(side)
            seconds = _seconds_of_one(work)
        except tf.errors.ResourceExhaustedError:
            break
        chosen = side, work
    if chosen is None:
        raise ProbeError(f"no memory for matrices of {SIDES[0]} × {SIDES[0]}")
    return chosen


def _seconds_of_one(work: Work) -> float:
    work(1)  # traces, chooses kernels, touches memory
    return min(timed(lambda: work(1)) for _ in range(FEWEST))


def _probe(
    kind: Kind, work: Work, amount: int, *, device: str, precision: str | None, size: int
) -> GpuProbe:
    """Time calls of work of an amount (operations or bytes) for a second at most."""
    times = min(MOST, max(1, math.ceil(CALL_S / _seconds_of_one(work))))
    meter = NoiseMeter()
    meter.start()
    seconds = repeated_seconds(lambda: work(times))
    noise = meter.stop()
    return GpuProbe(
        kind=kind,
        precision=precision,
        device=device,
        best=times * amount / min(seconds) / 1e9,
        median=times * amount / median(seconds) / 1e9,
        n=len(seconds),
        size=size,
        throttled=throttling(noise),
    )


@contextmanager
def _tensor_float_32(*, enabled: bool) -> Iterator[None]:
    """Whether float32 is multiplied in TF32, within the block."""
    import tensorflow as tf

    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(enabled)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


def _capability(device: str) -> tuple[int, int]:
    """A GPU's compute capability; (0, 0) for what is no GPU, or doesn't say."""
    import tensorflow as tf

    kind, _, number = device.partition(":")
    gpus = tf.config.list_physical_devices("GPU") if kind == "GPU" else []
    if int(number) >= len(gpus):
        return 0, 0
    details = tf.config.experimental.get_device_details(gpus[int(number)])
    major, minor = details.get("compute_capability", (0, 0))
    return major, minor
