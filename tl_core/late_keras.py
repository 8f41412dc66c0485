"""Import TensorFlow without Keras, which takes as long again, and import Keras when it is used.

At the end of its own import TensorFlow imports Keras, so that Keras's optimizers are known to saved
models. Keras imports scikit-learn and Matplotlib, if they are installed. This library runs models
without Keras. ``tf.keras`` and ``import keras`` work as before.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType


class _LateKeras:
    """Finds Keras as others do, but where TensorFlow's own import asks for it, it can't be run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to import Keras at such a time: not at all; None for anything else."""
        if name != "keras" or not _asked_by_tensorflow():
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _refuse  # type: ignore[method-assign]
        return spec


def _refuse(module: ModuleType) -> None:
    """Raise what TensorFlow expects where Keras isn't installed."""
    raise ModuleNotFoundError("keras: imported when it is used", name=module.__name__)


def _asked_by_tensorflow() -> bool:
    """Whether this thread is running TensorFlow's ``__init__``."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - ``inspect`` takes long to import
    while frame is not None:
        if frame.f_globals.get("__name__") == "tensorflow":
            return True
        frame = frame.f_back
    return False


def import_keras_late() -> None:
    """Do so in this process, if it has not imported TensorFlow yet."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _LateKeras())
