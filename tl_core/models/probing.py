"""Run a module once on plain images, to see what it returns and whether it can."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Side in pixels at which a module is run that names none, and for which none is asked.
USUAL_SIZE = 224
#: Longest part of an error of TensorFlow's that is shown, in characters.
_MOST_TEXT = 160
#: Lines of such errors that say nothing.
_HEADINGS = ("", "Graph execution error:")


def plain_images(size: int) -> NDArray[np.float32]:
    """A black, a shaded and a noisy image, float32 in [0, 1] ``(3, size, size, 3)``."""
    shade = np.linspace(0, 1, size * size * 3, dtype=np.float32)
    noise = np.random.default_rng(0).random(size * size * 3, dtype=np.float32)
    return np.stack([np.zeros_like(shade), shade, noise]).reshape(3, size, size, 3)


@contextmanager
def at_size(name: str, size: int) -> Iterator[None]:
    """Turn what TensorFlow says of images of a wrong size into a ModelError."""
    import tensorflow as tf

    try:
        yield
    except ModelError:
        raise
    except (ValueError, tf.errors.OpError) as error:
        raise ModelError(
            f"{name}: can't take images of {size} × {size} pixels ({first_line(error)}); set "
            "another image size, such as the one that it was trained at"
        ) from error


def first_line(error: Exception) -> str:
    """What an error of TensorFlow's says, in a short line."""
    lines = [line.strip() for line in str(error).splitlines()]
    line = next((each for each in lines if each not in _HEADINGS), type(error).__name__)
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]}..."
