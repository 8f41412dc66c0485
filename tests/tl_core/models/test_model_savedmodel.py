"""What tells a whole SavedModel folder from a broken one."""

import shutil

import pytest

from tl_core.models.export import cached_export
from tl_core.models.savedmodel import fault


@pytest.fixture
def folder(tiny_module, tmp_path):
    return shutil.copytree(tiny_module, tmp_path / "model")


def test_a_whole_folder_has_no_fault(folder):
    assert fault(folder) is None


def test_an_absent_folder_is_a_fault(tmp_path):
    assert fault(tmp_path / "absent") == "no such folder"


@pytest.mark.parametrize("position", [0.0, 0.2, 0.5, 0.8, 0.999])
def test_a_variables_file_that_ends_early_is_a_fault_wherever_it_ends(folder, position):
    data = next((folder / "variables").glob("*.data-*"))
    content = data.read_bytes()
    data.write_bytes(content[: int(len(content) * position)])

    assert fault(folder) == "variables are cut off or damaged"


def test_a_changed_byte_in_the_variables_is_a_fault(folder):
    data = next((folder / "variables").glob("*.data-*"))
    content = bytearray(data.read_bytes())
    content[-3] ^= 0xFF
    data.write_bytes(content)

    assert fault(folder) == "variables are cut off or damaged"


@pytest.mark.parametrize("kept", [0, 10, 100], ids=lambda n: f"{n} bytes")
def test_an_index_or_graph_of_a_few_bytes_is_a_fault(folder, kept):
    for name in ("variables/variables.index", "saved_model.pb"):
        (folder / name).write_bytes((folder / name).read_bytes()[:kept])
        assert fault(folder) is not None


def test_a_missing_asset_is_a_fault(tmp_path):
    import tensorflow as tf

    (tmp_path / "words.txt").write_text("tench\n")
    module = tf.Module()
    module.asset = tf.saved_model.Asset(str(tmp_path / "words.txt"))
    tf.saved_model.save(module, str(tmp_path / "model"))
    assert fault(tmp_path / "model") is None

    (tmp_path / "model" / "assets" / "words.txt").unlink()

    assert fault(tmp_path / "model") == "assets/words.txt is missing"


@pytest.mark.parametrize("with_variables", [True, False])
def test_a_graph_of_tensorflow_1_needs_its_file_only_where_it_has_variables(
    tmp_path, with_variables
):
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, 4, 4, 3))
        scale = v1.Variable(2.0) if with_variables else tf.constant(2.0)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(
            session, str(tmp_path / "v1"), {"images": images}, {"default": images * scale}
        )
    assert fault(tmp_path / "v1") is None

    shutil.rmtree(tmp_path / "v1" / "variables", ignore_errors=True)

    assert (fault(tmp_path / "v1") is not None) == with_variables


def test_a_broken_export_is_made_anew(cache, tiny_module):
    def export(folder):
        shutil.copytree(tiny_module, folder, dirs_exist_ok=True)

    target = cached_export("tiny", export)
    (target / "variables" / "variables.index").unlink()
    assert fault(cached_export("tiny", export)) is None
