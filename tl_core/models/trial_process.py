"""What runs in the process of ``trial``: a model on its first images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tl_core.errors import ModelError
from tl_core.models.module import open_module
from tl_core.models.probing import USUAL_SIZE, first_line, plain_images


def problem(folder: str, name: str, reading: dict[str, Any]) -> str | None:
    """Load a model and run it once; what went wrong.

    What has a message of its own isn't a problem: the caller then shows that.
    """
    import tensorflow as tf

    try:
        module = open_module(Path(folder), name, trust=True, **reading)  # the caller has checked it
        module(plain_images(reading["image_size"] or module.image_size or USUAL_SIZE))
    except (MemoryError, tf.errors.ResourceExhaustedError):
        return "it asks for more memory than there is"
    except ModelError as error:
        short = isinstance(error.__cause__, (MemoryError, tf.errors.ResourceExhaustedError))
        return "it asks for more memory than there is" if short else None
    except (ValueError, tf.errors.OpError):
        return None  # at_size and _load have messages for these
    except Exception as error:  # noqa: BLE001 - of any kind: it is another's program
        return first_line(error)
    return None
