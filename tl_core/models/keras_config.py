"""Read the description of a Keras model as data, and refuse what can run a program.

Keras makes every class and function that a description names, and some of these run code, load
other models, or read files. Here the names are compared with a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError
from tl_core.models.probing import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Layers of image models, of Keras 3 and 2.
_LAYERS = """
Activation ActivityRegularization AdaptiveAveragePooling2D AdaptiveMaxPooling2D Add
AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D
AveragePooling2D BatchNormalization CenterCrop Concatenate Conv1D Conv2D Conv2DTranspose Cropping2D
CustomScaleLayer CutMix Dense DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Equalization
Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
GlobalMaxPooling1D GlobalMaxPooling2D GroupNormalization GroupQueryAttention Identity InputLayer
LayerNormalization LayerScale LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D
Maximum Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
RMSNormalization RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
RandomContrast RandomCrop RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight
RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling
Reshape Resizing SeparableConv2D Softmax Solarization SpatialDropout2D SpectralNormalization
Subtract ThresholdedReLU TimeDistributed UnitNormalization UpSampling2D ZeroPadding2D
"""
#: Models, and what layers are described with.
_PARTS = """
Constant DTypePolicy DTypePolicyMap FloatDTypePolicy Functional GetItem GlorotNormal GlorotUniform
HeNormal HeUniform IdentityInitializer L1 L1L2 L2 LecunNormal LecunUniform MaxNorm MinMaxNorm Model
NonNeg Ones Orthogonal OrthogonalRegularizer Policy QuantizedDTypePolicy RandomNormal RandomUniform
SeedGenerator Sequential TruncatedNormal UnitNorm VarianceScaling Zeros
"""
_NAMES = frozenset((_LAYERS + _PARTS).split())
#: How values of Python are written.
_VALUES = frozenset(
    ("__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__")
)
#: Modules whose classes and functions only compute: any name in them.
_COMPUTING = re.compile(
    r"(tf_)?keras\.(src\.)?"
    r"(activations|losses|metrics|optimizers|ops(?!\.core$)|quantizers)(\.[\w.]+)?"
)
#: Other modules in which the names of the lists lie; Keras Hub's are its models' own layers.
_MODULES = re.compile(r"(tf_)?keras(\.[\w.]+)?|builtins|tensorflow\.python\.ops\.init_ops_v2")
_HUB = re.compile(r"keras_hub\.(src\.)?(layers|models)(\.[\w.]+)?")
#: TensorFlow's functions in models of Keras 2: their names, without ``tf.``.
_CALLS = frozenset(("TFOpLambda", "SlicingOpLambda"))
_FUNCTIONS = re.compile(
    r"(math|nn|__operators__)\.\w+|image\.resize|(compat\.v1\.)?(broadcast_to|cast|clip_by_value|"
    r"concat|convert_to_tensor|expand_dims|gather|identity|ones_like|pad|reshape|reverse|shape|"
    r"split|squeeze|stack|stop_gradient|strided_slice|tile|transpose|unstack|zeros_like)"
)


def check_config(config: object, name: str) -> None:
    """Refuse a Keras model's description, decoded JSON, that names anything but image layers.

    ModelError with the class or the function.
    """
    for entry in _entries(config):
        if not _is_known(entry):
            raise ModelError(
                f"{name}: not loaded, since it has {shown(_described(entry))}, which could run a "
                "program; expected only Keras's own layers of image models. If you know who made "
                "it, export it as a SavedModel where it was made: model.export(folder)"
            )


def _entries(config: object) -> Iterator[dict[str, Any]]:
    """All parts that name a class, at any depth."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _described(entry: dict[str, Any]) -> str:
    kind, config = str(entry["class_name"]), entry.get("config")
    if kind == "function":
        return f"the function {config}"
    if kind in _CALLS and isinstance(config, dict):
        return f"a call of tf.{config.get('function')}"
    return f"a {kind} layer"


def _is_known(entry: dict[str, Any]) -> bool:
    kind, module = entry["class_name"], entry.get("module")
    if not (isinstance(kind, str) and isinstance(module, str | None)):
        return False
    module = module or "builtins"
    if kind == "function":
        return module == "builtins" or bool(_COMPUTING.fullmatch(module))
    if kind in _CALLS:
        config = entry.get("config")
        called = config.get("function") if isinstance(config, dict) else None
        return isinstance(called, str) and bool(_FUNCTIONS.fullmatch(called))
    if _COMPUTING.fullmatch(module) or _HUB.fullmatch(module):
        return True
    return kind in _VALUES or (kind in _NAMES and bool(_MODULES.fullmatch(module)))
