"""Which handle goes where, and what is said about those that go nowhere."""

import shutil
import subprocess
import sys

import pytest

from tl_core import models
from tl_core.errors import ModelError
from tl_core.models import FORMS, resolve
from tl_core.models.savedmodel import fault


@pytest.mark.parametrize("kind", ["features", "logits"])
def test_the_embedded_model_s_name_is_resolved_without_network(embedded, kind):
    folder = resolve("efficientnet-lite0", kind)

    assert folder == embedded(kind)
    assert fault(folder) is None


def test_the_embedded_model_s_name_wins_over_a_folder_which_a_dot_reaches(
    embedded, tiny_module, tmp_path, monkeypatch
):
    shutil.copytree(tiny_module, tmp_path / "efficientnet-lite0")
    monkeypatch.chdir(tmp_path)

    assert resolve("efficientnet-lite0", "features") == embedded("features")
    assert resolve("./efficientnet-lite0", "features").resolve() == tmp_path / "efficientnet-lite0"


def test_a_folder_is_resolved_to_itself_and_a_tilde_to_the_home_folder(
    tiny_module, tmp_path, monkeypatch
):
    shutil.copytree(tiny_module, tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert resolve(str(tiny_module), "features") == tiny_module
    assert resolve("~/mine", "features") == tmp_path / "mine"


def test_a_folder_of_something_else_is_an_error(tmp_path):
    with pytest.raises(ModelError, match=r"no saved_model\.pb in it"):
        resolve(str(tmp_path), "features")


@pytest.mark.parametrize(
    "handle",
    ["", "nothing-here", "no/such/archive.tar.gz", "ftp://host/model", "VGG16", "efficientnet"],
)
def test_an_unknown_handle_is_an_error_that_lists_all_forms(handle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError) as caught:
        resolve(handle, "features")

    assert repr(handle) in str(caught.value)
    assert all(form in str(caught.value) for form in FORMS)


def test_a_file_of_another_kind_is_called_so(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"PK")

    with pytest.raises(ModelError, match="file of another kind"):
        resolve(str(tmp_path / "model.pth"), "features")


@pytest.mark.parametrize(
    "handle", ["efficientnet-lite-0", "EfficientNet-Lite0", "efficientnet_lite0"]
)
def test_a_near_miss_of_the_embedded_model_s_name_is_pointed_out(handle):
    with pytest.raises(ModelError, match=r"Did you mean efficientnet-lite0\?"):
        resolve(handle, "features")


def test_another_kind_is_an_error():
    with pytest.raises(ModelError, match="'features' or 'logits'"):
        resolve("efficientnet-lite0", "feature_vector")


def test_the_package_exports_what_its_list_says():
    assert {name: getattr(models, name) for name in models.__all__}


def test_importing_the_package_imports_no_tensorflow():
    code = (
        "import sys, tl_core.models, tl_core.labels\n"
        "loaded = {'tensorflow', 'tensorflow_hub', 'tf_keras', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'imported: {loaded}' if loaded else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
