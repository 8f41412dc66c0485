"""Import TensorFlow without the log lines that it writes before its log level is read."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_tensorflow(device: str) -> None:
    """Import TensorFlow and start its runtime, quietly unless that fails.

    For the device ``cpu`` GPUs are hidden, so that none is touched.
    """
    # Read when TensorFlow is first imported; what the user has set stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if device == "cpu":
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with _quiet_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep what native code writes to stderr; show it only if the block fails."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(real, 2)
            file.seek(0)
            os.write(2, file.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
