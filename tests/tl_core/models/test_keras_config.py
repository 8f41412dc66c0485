"""A Keras model's description may name Keras's own layers of image models, and nothing else."""

import json

import pytest

from tl_core.errors import ModelError
from tl_core.models import resolve
from tl_core.models.keras_config import check_config


def layer(name, module="keras.layers", **config):
    return {"class_name": name, "module": module, "config": config}


def model(*layers):
    return layer("Functional", "keras.src.models.functional", layers=list(layers))


def call(name):
    return layer("TFOpLambda", "tf_keras.layers", function=name)


def function(name, module="builtins"):
    return {"class_name": "function", "module": module, "config": name}


@pytest.mark.parametrize(
    "entry",
    [
        layer("Conv2D", kernel_initializer=layer("Zeros", "keras.initializers")),
        layer("Dense", activation=function("gelu")),
        layer("Add", "keras.src.ops.numpy"),
        layer("LayerScale", "tf_keras.src.applications.convnext"),
        layer("Constant", "tensorflow.python.ops.init_ops_v2"),
        {"class_name": "GlobalAveragePooling2D", "config": {}},
        {"class_name": "__slice__", "config": {"start": 1, "stop": None, "step": None}},
        call("math.multiply"),
        call("__operators__.add"),
        call("image.resize"),
        layer("VGGImageConverter", "keras_hub.src.models.vgg.vgg_image_converter"),
    ],
    ids=lambda each: each["class_name"],
)
def test_a_layer_of_an_image_model_passes(entry):
    check_config(model(layer("InputLayer"), entry), "mine")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        (layer("Lambda"), "a Lambda layer"),
        ({"class_name": "__lambda__", "config": {"value": "code"}}, "a __lambda__ layer"),
        (layer("TFSMLayer", filepath="other"), "a TFSMLayer layer"),
        (layer("TorchModuleWrapper"), "a TorchModuleWrapper layer"),
        (layer("StringLookup", vocabulary="/etc/passwd"), "a StringLookup layer"),
        (layer("TextVectorization", vocabulary="/etc/passwd"), "a TextVectorization layer"),
        (layer("Dense", "their_package"), "a Dense layer"),
        (layer("Dense", ["keras.layers"]), "a Dense layer"),
        (layer("Dense", "keras.layers;os"), "a Dense layer"),
        (layer("Theirs"), "a Theirs layer"),
        (layer("Map", "keras.src.ops.core"), "a Map layer"),
        (function("get_file", "keras.utils"), "the function get_file"),
        (function("system", "os"), "the function system"),
        (call("io.write_file"), "a call of tf.io.write_file"),
        (call("math.multiply\nio.write_file"), r"tf.math.multiply\?io"),
        (layer("ClassMethod", cls_symbol="io.gfile.GFile"), "a ClassMethod layer"),
        ({"class_name": ["Dense"], "config": {}}, r"a \['Dense'\] layer"),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else "",
)
def test_anything_else_is_refused_wherever_it_is(entry, named):
    for config in (entry, model(entry), model(layer("Conv2D", kernel_regularizer=[{"a": entry}]))):
        with pytest.raises(ModelError, match=f"theirs: not loaded, since it has .*{named}.*export"):
            check_config(config, "theirs")


def test_a_presets_folder_is_checked_before_keras_hub_reads_it(tmp_path, cache):
    pytest.importorskip("keras_hub", reason="the extra keras-hub isn't installed")
    (tmp_path / "config.json").write_text(json.dumps(model(layer("Lambda"))))
    with pytest.raises(ModelError, match="has a Lambda layer"):
        resolve(f"keras_hub:{tmp_path}", "features")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json: can't be read"):
        resolve(f"keras_hub:{tmp_path}", "features")
