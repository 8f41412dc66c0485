"""Modules of every form that people publish, called in one way."""

import gc

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models import open_module, require

IMAGES = np.random.default_rng(2).random((3, 4, 4, 3), dtype=np.float32)
KERNEL = np.random.default_rng(3).normal(size=(3, 5)).astype(np.float32)
EXPECTED = IMAGES.mean((1, 2)) @ KERNEL
SPEC = (None, 4, 4, 3)


def _save(
    folder, function, *, shape=SPEC, dtype="float32", call=False, signature=None, listed=True
):
    """Write a SavedModel of ``function(images, kernel)``, callable, with a signature, or both."""
    import tensorflow as tf

    kernel = tf.Variable(KERNEL)
    lists = {"variables": [kernel], "trainable_variables": [kernel]} if listed else {}
    module = tf.train.Checkpoint(kernel=kernel, **lists)
    spec = tf.TensorSpec(shape, dtype, name="images")
    run = tf.function(lambda images: function(images, kernel), input_signature=[spec])
    if call:
        module.__call__ = run
    signatures = {signature: run.get_concrete_function()} if signature else None
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def _features(images, kernel):
    import tensorflow as tf

    return tf.matmul(tf.reduce_mean(images, (1, 2)), kernel)


def _as_dict(images, kernel):
    return {"features": _features(images, kernel), "map": images}


def _with_default(images, kernel):
    features = _features(images, kernel)
    return {"default": features, "other": features * 2, "map": images}


def _one(images, kernel):
    return {"anything": _features(images, kernel)}


@pytest.mark.parametrize(
    ("function", "form"),
    [
        pytest.param(_features, {"call": True}, id="callable"),
        pytest.param(_as_dict, {"call": True}, id="callable, dict with one matrix"),
        pytest.param(_with_default, {"call": True}, id="callable, dict with a default"),
        pytest.param(_one, {"signature": "serving_default"}, id="serving_default"),
        pytest.param(_with_default, {"signature": "default"}, id="default"),
        pytest.param(_as_dict, {"signature": "image_feature_vector"}, id="the only signature"),
    ],
)
def test_each_published_form_is_called_in_one_way(tmp_path, function, form):
    module = open_module(_save(tmp_path, function, **form))
    gc.collect()  # what only the loaded object held would be lost here

    np.testing.assert_allclose(module(IMAGES), EXPECTED, rtol=1e-5, atol=1e-6)
    assert (module.output_size, module.image_size, module.kind) == (5, 4, "features")
    assert len(module.variables) == len(module.trainable_variables) == 1


@pytest.mark.parametrize("form", [{"signature": "serving_default"}, {"call": True}], ids=str)
def test_a_savedmodel_without_lists_keeps_the_variables_that_it_reads(tmp_path, form):
    folder = _save(tmp_path, _one, listed=False, **form)

    module = open_module(folder)
    gc.collect()

    np.testing.assert_allclose(module(IMAGES), EXPECTED, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(module.variables[0], KERNEL)
    assert module.trainable_variables == ()


def test_a_plain_savedmodel_keeps_the_tables_that_its_signature_reads(tmp_path):
    import tensorflow as tf

    pairs = tf.lookup.KeyValueTensorInitializer(tf.constant([0], tf.int64), tf.constant([7.0]))
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(pairs, -1.0)

    def shifted(images):
        return {"features": tf.reduce_mean(images, (1, 2)) + module.table[tf.constant(0, tf.int64)]}

    run = tf.function(shifted, input_signature=[tf.TensorSpec(SPEC, name="images")])
    tf.saved_model.save(module, str(tmp_path), signatures=run.get_concrete_function())

    opened = open_module(tmp_path)
    gc.collect()

    np.testing.assert_allclose(opened(IMAGES), IMAGES.mean((1, 2)) + 7, rtol=1e-5)


def test_a_reusable_module_is_told_whether_it_trains(tmp_path):
    import tensorflow as tf

    module = tf.train.Checkpoint(variables=[], trainable_variables=[])
    module.__call__ = tf.function(
        lambda x, training=False: tf.reduce_mean(x, (1, 2)) + (100.0 if training else 0.0)
    )
    for training in (False, True):
        module.__call__.get_concrete_function(tf.TensorSpec(SPEC, name="x"), training=training)
    tf.saved_model.save(module, str(tmp_path))

    opened = open_module(tmp_path)

    np.testing.assert_allclose(opened(IMAGES), IMAGES.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(opened(IMAGES, training=True) - opened(IMAGES), 100.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "image_size"),
    [((None, 6, 6, 3), 6), ((None, None, None, 3), None), ((None, None, 6, 3), 6)],
    ids=str,
)
def test_the_image_size_is_what_the_graph_demands_or_none(tmp_path, shape, image_size):
    module = open_module(_save(tmp_path, _features, shape=shape, call=True))

    assert module.image_size == image_size


def test_the_image_size_that_an_export_noted_is_known_though_its_graph_takes_any(tiny_module):
    module = open_module(tiny_module)

    assert module.image_size == 8
    assert module(np.ones((2, 5, 7, 3), np.float32)).shape == (2, 5)


def test_a_width_that_the_graph_leaves_open_is_found_by_running_it(tmp_path):
    import tensorflow as tf

    def hidden(images, kernel):
        return tf.ensure_shape(
            tf.compat.v1.placeholder_with_default(_features(images, kernel), (None, None)),
            (None, None),
        )

    assert open_module(_save(tmp_path, hidden, call=True)).output_size == 5


def test_a_module_of_hub_s_first_format_is_opened(tmp_path):
    import tensorflow as tf

    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(tmp_path / "v1"))
    for tags in ([], ["train"]):
        with tf.Graph().as_default(), v1.Session() as session:
            images = v1.placeholder(tf.float32, SPEC)
            kernel = v1.get_variable("kernel", initializer=KERNEL)
            signature = v1.saved_model.predict_signature_def(
                {"images": images}, {"default": _features(images, kernel)}
            )
            session.run(v1.global_variables_initializer())
            add = builder.add_meta_graph if tags else builder.add_meta_graph_and_variables
            add(*([tags] if tags else [session, tags]), signature_def_map={"default": signature})
    builder.save()
    (tmp_path / "v1" / "tfhub_module.pb").write_bytes(b"\x08\x03")

    module = open_module(tmp_path / "v1")

    np.testing.assert_allclose(module(IMAGES), EXPECTED, rtol=1e-5, atol=1e-6)


def _two_matrices(images, kernel):
    return {"a": _features(images, kernel), "b": _features(images, kernel)}


def _vector(images, kernel):
    import tensorflow as tf

    return tf.reduce_sum(_features(images, kernel), 1)


def _labels(images, kernel):
    import tensorflow as tf

    return tf.cast(_features(images, kernel), tf.int32)


def _tokens(images, kernel):
    import tensorflow as tf

    return tf.reshape(images, (-1, 16, 3))


@pytest.mark.parametrize(
    ("function", "form", "message"),
    [
        pytest.param(_two_matrices, {"call": True}, "Set layer to one of a, b", id="two"),
        pytest.param(_vector, {"call": True}, "expected one matrix", id="a vector"),
        pytest.param(_labels, {"call": True}, "expected one matrix", id="integers"),
        pytest.param(_tokens, {"call": True}, r"output \(None, 16, 3\)", id="tokens"),
        pytest.param(
            _vector, {"call": True, "dtype": "string"}, "takes string", id="takes strings"
        ),
        pytest.param(
            _vector, {"call": True, "shape": (None, 4, 4, 1)}, r"\(None, 4, 4, 1\)", id="grey"
        ),
        pytest.param(
            _vector, {"call": True, "shape": (None, 4, 6, 3)}, "4 × 6 pixels", id="no square"
        ),
        pytest.param(
            _vector, {"call": True, "shape": (None, 7)}, r"takes float32 \(None, 7\)", id="no image"
        ),
        pytest.param(_features, {}, "no __call__, and signatures none", id="nothing to call"),
    ],
)
def test_a_module_of_another_kind_is_an_error_that_names_it(tmp_path, function, form, message):
    if "shape" in form or "dtype" in form:

        def function(images, kernel):
            return images

    _save(tmp_path, function, **form)

    with pytest.raises(ModelError, match=f"my-model: .*{message}"):
        open_module(tmp_path, "my-model")


def test_several_unknown_signatures_are_an_error_that_lists_them(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    run = tf.function(lambda x: tf.reduce_mean(x, (1, 2)), input_signature=[tf.TensorSpec(SPEC)])
    concrete = run.get_concrete_function()
    tf.saved_model.save(module, str(tmp_path), signatures={"b": concrete, "a": concrete})

    with pytest.raises(ModelError, match=r"signatures \['a', 'b'\]"):
        open_module(tmp_path)


def test_a_signature_of_two_inputs_is_an_error_that_names_them(tmp_path):
    import tensorflow as tf

    specs = [tf.TensorSpec(SPEC, name="images"), tf.TensorSpec((), name="threshold")]
    run = tf.function(lambda x, t: tf.reduce_mean(x, (1, 2)) + t, input_signature=specs)
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=run.get_concrete_function())

    with pytest.raises(ModelError, match=r"takes \['images', 'threshold'\]"):
        open_module(tmp_path)


def test_a_call_of_two_tensors_is_an_error(tmp_path):
    import tensorflow as tf

    module = tf.train.Checkpoint()
    specs = [tf.TensorSpec(SPEC), tf.TensorSpec(())]
    module.__call__ = tf.function(lambda x, t: x * t, input_signature=specs)
    tf.saved_model.save(module, str(tmp_path))

    with pytest.raises(ModelError, match="takes no single tensor"):
        open_module(tmp_path)


def test_a_folder_that_can_t_be_loaded_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="my-model: can't be loaded"):
        open_module(tmp_path, "my-model")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        pytest.param((IMAGES * 255).astype(np.uint8), "divide uint8 pixels by 255", id="uint8"),
        pytest.param(IMAGES.astype(np.float64), "dtype float64, expected float32", id="float64"),
        pytest.param(np.zeros((1, 5, 5, 3), np.float32), "resize", id="other size"),
        pytest.param(IMAGES[0], r"expected \(None, 4, 4, 3\)", id="one image"),
        pytest.param(IMAGES[..., :1], r"\(3, 4, 4, 1\), expected", id="grey"),
    ],
)
def test_images_that_the_graph_does_not_take_are_an_error(tmp_path, images, message):
    module = open_module(_save(tmp_path, _features, call=True))

    with pytest.raises(ModelError, match=message):
        module(images)


def test_training_a_module_that_takes_no_such_argument_is_an_error(tmp_path):
    module = open_module(_save(tmp_path, _one, signature="serving_default"))

    with pytest.raises(ModelError, match="can be used frozen"):
        module(IMAGES, training=True)


def _wide(outputs, *, softmaxed=False):
    """A function of as many outputs, probabilities or not."""
    import tensorflow as tf

    def function(images, kernel):
        rows = tf.tile(_features(images, kernel)[:, :1], (1, outputs))
        return tf.nn.softmax(rows) if softmaxed else rows

    return function


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [(999, "features"), (1000, "logits"), (1001, "logits"), (1002, "features")],
)
def test_the_number_of_outputs_tells_a_classifier_which_is_what_is_required(
    tmp_path, outputs, kind
):
    module = open_module(_save(tmp_path, _wide(outputs), call=True), "my-model")
    other, form = {
        "features": ("logits", "classification"),
        "logits": ("features", "feature_vector"),
    }[kind]

    assert module.kind == kind
    assert require(module, kind) is None
    with pytest.raises(ModelError, match=f"my-model: .*{outputs} outputs.*'{form}' form"):
        require(module, other)


def test_with_labels_a_classifier_may_have_any_number_of_outputs(tmp_path):
    module = open_module(_save(tmp_path, _wide(965), call=True), "my-model")

    assert require(module, "logits", 965) is None
    with pytest.raises(ModelError, match="my-model: 965 outputs but 964 labels"):
        require(module, "logits", 964)


def test_a_handle_that_says_classification_is_no_extractor(tmp_path):
    handle = "https://tfhub.dev/someone/birds/classification/1"
    module = open_module(_save(tmp_path, _wide(965), call=True), handle)

    with pytest.raises(ModelError, match=r"a classifier with 965 outputs \(and the handle says"):
        require(module, "features")


@pytest.mark.parametrize(
    ("outputs", "softmaxed", "refused"),
    [(965, True, True), (965, False, False), (1, False, False)],
    ids=["probabilities", "features", "one output"],
)
def test_outputs_that_are_probabilities_are_no_features(tmp_path, outputs, softmaxed, refused):
    function = _wide(outputs, softmaxed=softmaxed)
    module = open_module(_save(tmp_path, function, call=True), "my-model")

    if refused:
        with pytest.raises(ModelError, match=r"my-model: .*add up to 1, as a softmax's do"):
            require(module, "features")
    else:
        assert require(module, "features") is None


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("form", "outputs"),
    [("feature_vector", 1280), ("classification", 1001)],
)
def test_the_real_mobilenet_v2_computes_what_tensorflow_says(cache, shared_models, form, outputs):
    import tensorflow as tf

    from tl_core.models.archive import unpack

    folder = unpack(shared_models / f"mobilenet_v2_100_224-{form}.tar.gz")
    pixels = np.random.default_rng(0).random((2, 224, 224, 3), dtype=np.float32)

    actual = open_module(folder)(pixels)

    assert actual.shape == (2, outputs)
    np.testing.assert_array_equal(actual, tf.saved_model.load(str(folder))(pixels))
