"""The matrix-multiply probe through TensorFlow, in a process of its own: threads can't be changed.

``python -m tlbench.machine.probe_tensorflow THREADS`` prints the probe as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from tlbench.machine.probes import Probe, ProbeError, matmul

if TYPE_CHECKING:
    from collections.abc import Callable


def probe(threads: int) -> Probe:
    """Measure in this process.

    Raises:
        ProbeError: TensorFlow didn't take that number of threads.
    """
    import tensorflow as tf

    from tl_core.devices import set_threads

    set_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)  # also where it is the default
    tf.config.list_logical_devices("CPU")  # the runtime starts, and threads are fixed
    taken = tf.config.threading.get_intra_op_parallelism_threads()
    if taken != threads:
        raise ProbeError(f"TensorFlow runs {taken} threads, not {threads}")
    found = matmul(product, "tensorflow", threads)
    if threads == 1 and found.cpus_busy > 1.5:
        raise ProbeError(f"TensorFlow kept {found.cpus_busy:.1f} CPUs busy with one thread")
    return found


def product(side: int) -> Callable[[], object]:
    """What multiplies two square float32 matrices of this side, and waits for the result."""
    import tensorflow as tf

    left = tf.random.stateless_uniform((side, side), (0, 0))
    multiply = tf.function(tf.linalg.matmul)

    def once() -> object:
        return multiply(left, left)[0, 0].numpy()  # reading an element waits for the product

    return once


if __name__ == "__main__":
    print(json.dumps(asdict(probe(int(sys.argv[1])))))  # noqa: T201 - what the caller reads
