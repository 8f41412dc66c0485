"""Whether the extra ``tlbench[suite]`` is installed, which the base install is without."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from tlbench.errors import InputError

#: The newest Python that the extra's TensorFlow has wheels for.
NEWEST_PYTHON = (3, 13)


def check_installed(what: str) -> None:
    """Refuse what needs TensorFlow where it isn't installed; nothing is imported.

    Args:
        what: The command, such as ``tlbench train``.

    Raises:
        InputError: It isn't installed; the message says what to install.
    """
    if find_spec("tensorflow") is not None:
        return
    message = f"{what} needs TensorFlow: pip install 'tlbench[suite]'"
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        message += f", with Python {newest} or older, the newest that TensorFlow supports"
    raise InputError(message)
