"""A SavedModel's operations are read as data, and those that do more than compute are refused."""

import numpy as np
import pytest
from hostile_models import HOSTILE, save_unused, save_with_resource, save_with_table
from odd_models import IMAGES, features, save

from tl_core.engines.finding import find_model
from tl_core.errors import ModelError
from tl_core.models import NetworkSettings, open_module, program
from tl_core.models.allowed_ops import ALLOWED
from tl_core.models.program import check_program
from tl_core.models.savedmodel import GRAPH_FILE

#: In a session of few tests: these start many processes, or read what may harm one.
pytestmark = pytest.mark.slow

#: The operations of tf_keras.applications, one network of each family, for inference and training.
KERAS_OPERATIONS = """
AddV2 AssignVariableOp AvgPool BiasAdd ConcatV2 Const Conv2D DepthwiseConv2dNative Erfc
FusedBatchNormV3 GatherV2 GreaterEqual Identity IdentityN MatMul MaxPool Maximum Mean Mul Neg NoOp
Pack Pad PartitionedCall Placeholder Prod RandomUniform ReadVariableOp RealDiv Relu Relu6 Reshape
Rsqrt SelectV2 Shape Sigmoid Sqrt SquaredDifference StopGradient StridedSlice Sub Transpose
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_model_that_does_more_than_compute_is_refused_before_it_runs(tmp_path, name):
    function, operation = HOSTILE[name]
    target = tmp_path / "target"
    save(tmp_path / "model", lambda images: function(images, str(target)))

    with pytest.raises(ModelError, match=f"not run, since its .*{operation}") as caught:
        open_module(tmp_path / "model", "theirs")

    assert str(caught.value).startswith("theirs: not run")
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(
    ("save_model", "operation"),
    [
        pytest.param(save_with_resource, "WriteFile", id="when it is loaded"),
        pytest.param(save_with_table, "InitializeTableFromTextFile", id="table from a file"),
        pytest.param(save_unused, "WriteFile", id="in a function that nothing calls"),
    ],
)
def test_so_is_one_whose_objects_do(tmp_path, save_model, operation):
    path = tmp_path / "target"
    save_model(tmp_path / "model", path)
    with pytest.raises(ModelError, match=operation):
        open_module(tmp_path / "model")


def test_a_trusted_model_runs(tmp_path):
    target = tmp_path / "target"
    save(tmp_path / "model", lambda images: HOSTILE["writes a file"][0](images, str(target)))

    open_module(tmp_path / "model", trust=True)(IMAGES)

    assert target.read_text() == "written"


def test_it_is_refused_even_where_everything_about_it_is_cached(tmp_path):
    folder = tmp_path / "model"
    save(folder, lambda images: HOSTILE["reads a file"][0](images, __file__))
    trusting = NetworkSettings(trust=True, image_size=4, input_range="0-1")
    assert find_model(str(folder), "features", trusting).trust

    with pytest.raises(ModelError, match="ReadFile"):
        find_model(str(folder), "features", NetworkSettings(image_size=4, input_range="0-1"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The bytes of the graph of a plain model with a variable."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("plain")
    module = tf.train.Checkpoint(scale=tf.Variable(2.0))
    inner = tf.function(lambda images: tf.nn.relu(features(images)) * module.scale)
    module.__call__ = tf.function(
        lambda images: inner(images) * 1, input_signature=[tf.TensorSpec((None, 4, 4, 3))]
    )
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return (folder / GRAPH_FILE).read_bytes()


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """The same of TensorFlow 1, whose saver is in its main graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, 4, 4, 3), name="images")
        outputs = tf.reduce_mean(images, (1, 2)) * v1.get_variable("scale", ())
        session.run(v1.global_variables_initializer())
        folder = tmp_path_factory.mktemp("older") / "v1"
        v1.saved_model.simple_save(session, str(folder), {"images": images}, {"default": outputs})
    return (folder / GRAPH_FILE).read_bytes()


def _edited(content, edit, folder):
    """A folder with this graph after ``edit(meta_graph)``."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(content)
    edit(saved.meta_graphs[0])
    folder.joinpath(GRAPH_FILE).write_bytes(saved.SerializeToString(deterministic=True))
    return folder


def _unchanged(meta):
    del meta


@pytest.mark.parametrize("form", ["plain", "older"])
def test_an_honest_model_passes(request, tmp_path, form):
    check_program(_edited(request.getfixturevalue(form), _unchanged, tmp_path), "mine")


@pytest.mark.parametrize(
    "operation",
    [
        *(
            "WriteFile",
            "PyFunc",
            "PyFuncStateless",
            "EagerPyFunc",
            "RemoteCall",
            "SymbolicGradient",
        ),
        *("XlaCallModule", "XlaLaunch", "TPUExecute", "IteratorFromStringHandle", "TensorSummary"),
        *("InitializeTableFromTextFileV2", "LookupTableExportV2", "DecodeProtoV2", "ParseTensor"),
        *("WholeFileReaderV2", "ReaderReadV2", "QueueDequeueV2", "Stage", "MapDefun", "_Send"),
        *("DeserializeIterator", "LoadDataset", "DatasetFromGraph", "ImmutableConst", "Print"),
        *("SparseCross", "AnOperationOfTheirOwn", "Add\nNothing"),
    ],
)
def test_an_operation_that_is_not_on_the_list_is_refused_whatever_it_is(tmp_path, plain, operation):
    def edit(meta):
        nodes = [n for f in meta.graph_def.library.function for n in f.node_def if n.op == "Relu"]
        nodes[0].op = operation

    with pytest.raises(ModelError, match=f"has the operation {operation[:3]}") as caught:
        check_program(_edited(plain, edit, tmp_path), "theirs")
    assert "\n" not in str(caught.value)


def _functions(meta, part):
    return [f for f in meta.graph_def.library.function if part in f.signature.name]


def _calls(meta):
    """Nodes of functions that call a function."""
    return [
        node
        for function in meta.graph_def.library.function
        for node in function.node_def
        if node.op == "StatefulPartitionedCall"
    ]


def _calls_an_operation(meta):
    _calls(meta)[0].attr["f"].func.name = "WriteFile"


def _names_a_function_so(meta):
    _functions(meta, "traced_restore")[0].signature.name = "WriteFile"


def _calls_itself(meta):
    (name,) = {node.attr["f"].func.name for node in _calls(meta)[:1]}
    function = _functions(meta, name)[0]
    function.node_def.add(name="again", op=name)


def _calls_the_saver(meta):
    _calls(meta)[0].attr["f"].func.name = _functions(meta, "traced_save")[0].signature.name


def _calls_the_saver_by_its_name(meta):
    _calls(meta)[0].op = _functions(meta, "traced_save")[0].signature.name


def _loads_the_saver(meta):
    name = _functions(meta, "traced_save")[0].signature.name
    meta.object_graph_def.concrete_functions[name].SetInParent()


def _differentiates_by_the_saver(meta):
    name = _functions(meta, "traced_save")[0].signature.name
    meta.graph_def.library.gradient.add(function_name="f", gradient_func=name)


def _names_two_functions_the_same(meta):
    meta.graph_def.library.function.append(meta.graph_def.library.function[0])


def _has_a_variant(meta):
    constant = next(n for f in _functions(meta, "") for n in f.node_def if n.op == "Const")
    constant.attr["value"].tensor.dtype = 21  # DT_VARIANT


def _serves_the_saver(meta):
    serving = meta.signature_def["serving_default"].outputs["output_0"]
    serving.name = meta.saver_def.save_tensor_name


def _has_an_asset_outside(meta):
    meta.asset_file_def.add(filename="../../secret").tensor_info.name = "images:0"


def _has_a_registered_object(meta):
    meta.object_graph_def.nodes[0].registered_name = "Theirs>Class"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(_calls_an_operation, "calls 'WriteFile', which isn't one of", id="calls"),
        pytest.param(_names_a_function_so, "has the name of an operation", id="shadows"),
        pytest.param(_calls_itself, "calls itself", id="recursion"),
        pytest.param(_calls_the_saver, "uses files of variables", id="calls the saver"),
        pytest.param(_calls_the_saver_by_its_name, "uses files of", id="calls it by its name"),
        pytest.param(_loads_the_saver, "uses files of variables", id="loads the saver"),
        pytest.param(_differentiates_by_the_saver, "uses files of", id="as a gradient"),
        pytest.param(_names_two_functions_the_same, "the same name", id="two of a name"),
        pytest.param(_has_a_variant, "stands for an object in memory", id="variant"),
        pytest.param(_serves_the_saver, "uses files of variables", id="serves the saver"),
        pytest.param(_has_an_asset_outside, "outside its folder", id="asset"),
        pytest.param(_has_a_registered_object, "registered class", id="registered object"),
    ],
)
def test_a_graph_that_hides_what_it_runs_is_refused(tmp_path, plain, edit, message):
    with pytest.raises(ModelError, match=message):
        check_program(_edited(plain, edit, tmp_path), "theirs")


def _node(meta, operation):
    return next(node for node in meta.graph_def.node if node.op == operation)


def _runs_it_first(meta):
    meta.collection_def["legacy_init_op"].node_list.value.append(_node(meta, "SaveV2").name)


def _initializes_by_it(meta):
    from tensorflow.core.framework import variable_pb2

    variable = variable_pb2.VariableDef(initializer_name=f"{_node(meta, 'SaveV2').name}:0")
    values = meta.collection_def["variables"].bytes_list.value
    values.append(variable.SerializeToString())


def _outputs_after_it(meta):
    output = meta.signature_def["serving_default"].outputs["default"].name
    saves = f"^{_node(meta, 'SaveV2').name}"
    next(n for n in meta.graph_def.node if n.name == output.split(":")[0]).input.append(saves)


def _restores_after_it(meta):
    saves = f"^{_node(meta, 'SaveV2').name}"
    next(n for n in meta.graph_def.node if n.name == "save/restore_all").input.append(saves)


def _restores_another_file(meta):
    _node(meta, "RestoreV2").input[0] = "save/RestoreV2/tensor_names"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(_runs_it_first, "uses files of variables", id="first operation"),
        pytest.param(_initializes_by_it, "uses files of variables", id="a variable's start"),
        pytest.param(_outputs_after_it, "uses files of variables", id="before the output"),
        pytest.param(_restores_after_it, "which restores, writes files", id="while restoring"),
        pytest.param(_restores_another_file, "reads another file", id="another file"),
    ],
)
def test_nothing_but_the_saver_of_tensorflow_1_uses_files(tmp_path, older, edit, message):
    with pytest.raises(ModelError, match=message):
        check_program(_edited(older, edit, tmp_path), "theirs")


def test_every_graph_of_a_file_is_read(tmp_path, older, plain):
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(plain)
    second = saved_model_pb2.SavedModel.FromString(older).meta_graphs[0]
    second.graph_def.node.add(name="hidden", op="WriteFile")
    saved.meta_graphs.append(second)
    (tmp_path / GRAPH_FILE).write_bytes(saved.SerializeToString())

    with pytest.raises(ModelError, match="main graph has the operation WriteFile"):
        check_program(tmp_path, "theirs")


def test_an_accepted_graph_is_known_by_its_content_and_the_list(
    tmp_path, plain, cache, monkeypatch
):
    folder = _edited(plain, _unchanged, tmp_path)
    check_program(folder, "mine")

    with monkeypatch.context() as patch:
        patch.setattr(program, "meta_graphs", None)
        check_program(folder, "mine")
        patch.setattr(program, "list_version", lambda: "another")
        with pytest.raises(TypeError):
            check_program(folder, "mine")


def test_keras_networks_are_on_the_list():
    assert set(KERAS_OPERATIONS.split()) <= ALLOWED


def test_outputs_of_a_checked_model_are_its_own(tmp_path):
    folder = save(tmp_path, features)
    np.testing.assert_allclose(open_module(folder)(IMAGES), features(IMAGES), rtol=1e-5)
