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
    """Measure in this process; ProbeError where TensorFlow doesn't take that number of threads."""
    if threads < 1:
        raise ProbeError(f"{threads} threads: expected at least 1")
    import tensorflow as tf

    threading = tf.config.threading
    threading.set_intra_op_parallelism_threads(threads)
    threading.set_inter_op_parallelism_threads(1)
    tf.config.list_logical_devices("CPU")  # the runtime starts, and threads are fixed
    running = threading.get_intra_op_parallelism_threads()
    if running != threads:
        raise ProbeError(f"TensorFlow runs {running} threads, expected {threads}")
    measured = matmul(product, "tensorflow", threads)
    if threads == 1 and measured.cpus_busy > 1.5:
        raise ProbeError(f"TensorFlow used {measured.cpus_busy:.1f} CPUs with one thread")
    return measured


def product(side: int) -> Callable[[], object]:
    """What multiplies two square float32 matrices of this side, and waits for the result."""
    import tensorflow as tf

    left = tf.random.stateless_uniform((side, side), (0, 0))
    multiply = tf.function(tf.linalg.matmul)

    def once() -> object:
        return multiply(left, left)[0, 0].numpy()  # reading an element waits for the product

    return once


if __name__ == "__main__":
    # TensorFlow imports Keras if it can, which takes as long again.
    sys.modules["keras"] = None  # type: ignore[assignment]
    print(json.dumps(asdict(probe(int(sys.argv[1])))))  # noqa: T201 - what the caller reads
