"""Run a module once on synthetic images, to see whether it can and what it returns."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Side in pixels at which a module is run if neither it nor the user states one.
USUAL_SIZE = 224
#: The most characters of TensorFlow's error that are shown.
_MOST_TEXT = 160
#: Lines of such errors without information.
_HEADINGS = ("", "Graph execution error:")


def plain_images(size: int) -> NDArray[np.float32]:
    """A black, a shaded and a noisy image, float32 in [0, 1] ``(3, size, size, 3)``."""
    shade = np.linspace(0, 1, size * size * 3, dtype=np.float32)
    noise = np.random.default_rng(0).random(size * size * 3, dtype=np.float32)
    return np.stack([np.zeros_like(shade), shade, noise]).reshape(3, size, size, 3)


@contextmanager
def at_size(name: str, size: int) -> Iterator[None]:
    """Turn TensorFlow's error for images of a wrong size into a ModelError."""
    import tensorflow as tf

    try:
        yield
    except ModelError:
        raise
    except (ValueError, tf.errors.OpError) as error:
        raise ModelError(
            f"{name}: can't take images of {size} × {size} pixels ({first_line(error)}); set "
            "another image size, such as the one with which it was trained"
        ) from error


def shown(text: str, most: int = _MOST_TEXT) -> str:
    """Text from a file in one line that changes no terminal: at most so many characters of it."""
    return "".join(each if each.isprintable() else "?" for each in text[:most])


def first_line(error: Exception) -> str:
    """The message of TensorFlow's error in one short line."""
    lines = [line.strip() for line in str(error).splitlines()]
    line = next((each for each in lines if each not in _HEADINGS), type(error).__name__)
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]}..."
