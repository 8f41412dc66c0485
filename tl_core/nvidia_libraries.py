"""NVIDIA's libraries that TensorFlow's package doesn't find by itself."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

#: Of the libraries that TensorFlow opens by name: the one that isn't on the search path of the file
#: that opens it, as packages install it (TensorFlow 2.21: libtensorflow_framework.so's RUNPATH
#: lacks nvidia/cusolver/lib). Without it TensorFlow uses no GPU at all.
PATTERN = "nvidia/cusolver/lib/libcusolver.so.*"


def load_libraries() -> list[Path]:
    """Load what TensorFlow would look for in vain; a library that is loaded already is found.

    Returns:
        The files that were loaded; none where NVIDIA's packages aren't installed.
    """
    loaded = []
    for folder in dict.fromkeys(sys.path):
        for path in sorted(Path(folder).glob(PATTERN)):
            with suppress(OSError):  # TensorFlow says what it lacks
                ctypes.CDLL(str(path))
                loaded.append(path)
    return loaded
