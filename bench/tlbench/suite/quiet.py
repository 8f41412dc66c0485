"""Import TensorFlow without the log lines that it writes before its log level is read."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def import_tensorflow(device: str) -> None:
    """Import TensorFlow and start its runtime, quietly unless that fails.

    For the device ``cpu`` GPUs are hidden, so that none is touched.
    """
    import_tensorflow_later(device)
    import tensorflow  # noqa: F401, ICN001 - imported for what the import does


def import_tensorflow_later(device: str) -> None:
    """The same when something imports TensorFlow, if anything does: it takes seconds."""
    # Read when TensorFlow is first imported; what the user has set stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if device == "cpu":
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    if "tensorflow" not in sys.modules and _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _QuietFinder(MetaPathFinder):
    """Finds TensorFlow as others do, but has it say nothing while it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to import it; None for any other module."""
        spec = PathFinder.find_spec(name, path, target) if name == "tensorflow" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _quietly(  # type: ignore[method-assign,assignment]
                spec.loader.exec_module
            )
        return spec


def _quietly(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def run(module: ModuleType) -> None:
        with _quiet_stderr():
            execute(module)
            module.config.list_physical_devices()

    return run


_FINDER = _QuietFinder()


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
