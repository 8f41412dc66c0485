"""A pin is the sha256 that a model must have, wherever a handle is taken."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tl_core.classifier import ImageClassifier
from tl_core.engines.finding import find_model
from tl_core.errors import ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.models import NetworkSettings, resolve
from tl_core.models.handles import (
    classifier_handle,
    has_layers,
    public_name,
    says_classification,
)
from tl_core.storage import sha256_of, tree_digest
from tl_core.transfer import TransferModel
from tlbench.cli.main import main
from tlbench.runs.model_name import short_name

WRONG = "0" * 64


@pytest.fixture
def sources(cache, tiny_module, pack):
    """Each kind of local handle, with its sha256."""
    folder = shutil.copytree(tiny_module, cache.parent / "mine")
    archive = cache.parent / "mine.tar.gz"
    archive.write_bytes(pack())
    return {"folder": (folder, tree_digest(folder)), "archive": (archive, sha256_of(archive))}


@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_a_model_with_its_own_pin_is_that_model(sources, kind, case):
    path, sha256 = sources[kind]
    assert resolve(f"{path}#sha256={case(sha256)}", "features") == resolve(str(path), "features")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_model_of_another_sha256_is_refused_with_both_and_not_kept(cache, sources, kind):
    path, sha256 = sources[kind]
    expected = re.escape(f"{path}: sha256 {sha256}, expected {WRONG}: another model than")
    with pytest.raises(ModelError, match=expected):
        resolve(f"{path}#sha256={WRONG}", "features")
    assert not list(cache.rglob("*.pb"))


def test_a_changed_byte_in_a_folder_is_refused(sources):
    path, sha256 = sources["folder"]
    (path / "assets.extra" / "new").write_bytes(b"x")
    with pytest.raises(ModelError, match=f"expected {sha256}"):
        resolve(f"{path}#sha256={sha256}", "features")


def test_a_keras_file_of_another_sha256_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    (tmp_path / "m.keras").write_bytes(b"anything")
    sha256 = hashlib.sha256(b"anything").hexdigest()
    with pytest.raises(ModelError, match=f"sha256 {sha256}, expected {WRONG}"):
        resolve(f"{tmp_path / 'm.keras'}#sha256={WRONG}", "features")
    with pytest.raises(ModelError, match="no whole Keras model"):  # the pin is right, it isn't
        resolve(f"{tmp_path / 'm.keras'}#sha256={sha256}", "features")


def test_links_to_folders_are_refused_since_the_sha256_does_not_cover_them(sources):
    path, _ = sources["folder"]
    (path / "variables").rename(path.parent / "elsewhere")
    (path / "variables").symlink_to(path.parent / "elsewhere")
    with pytest.raises(ModelError, match=r"doesn't cover 'variables'.*without links to folders"):
        resolve(f"{path}#sha256={tree_digest(path)}", "features")


BAD_PINS = {
    "empty": ("model#sha256=", "64 hexadecimal digits"),
    "63-digits": (f"model#sha256={'0' * 63}", "64 hexadecimal digits"),
    "65-digits": (f"model#sha256={'0' * 65}", "64 hexadecimal digits"),
    "not-hexadecimal": (f"model#sha256={'g' * 64}", "64 hexadecimal digits"),
    "with-spaces": (f"model#sha256= {'0' * 63}", "64 hexadecimal digits"),
    "two-lines": (f"model#sha256={'0' * 64}\n", "64 hexadecimal digits"),
    "two-pins": (f"model#sha256={WRONG}#sha256={WRONG}", "64 hexadecimal digits"),
    "of-a-url": ("https://127.0.0.1:9/m#sha256=1", "64 hexadecimal digits"),
    "embedded": (f"efficientnet-lite0#sha256={WRONG}", "can't be pinned"),
    "keras": (f"keras:MobileNetV2#sha256={WRONG}", "can't be pinned"),
    "keras-hub": (f"keras_hub:resnet_18_imagenet#sha256={WRONG}", "can't be pinned"),
    "nothing": (f"#sha256={WRONG}", "model handle '' is unknown"),
    "absent": (f"no/such/model#sha256={WRONG}", "model handle 'no/such/model' is unknown"),
}


@pytest.mark.parametrize("case", BAD_PINS)
def test_a_bad_pin_is_an_error_of_one_line(case):
    handle, message = BAD_PINS[case]
    with pytest.raises(ModelError, match=message) as caught:
        resolve(handle, "features")
    assert "\n" not in str(caught.value)


def test_a_pin_changes_neither_names_nor_keys(sources):
    path, sha256 = sources["archive"]
    pinned, settings = f"{path}#sha256={sha256}", NetworkSettings()
    models = [find_model(handle, "features", settings) for handle in (str(path), pinned)]
    assert len({model.digest for model in models}) == 1
    assert len({model.fingerprint for model in models}) == 1
    assert len({model.path for model in models}) == 1


@pytest.mark.parametrize(
    "handle",
    [
        "https://host/google/some-model/classification/1",
        "https://host/google/some-model/feature_vector/1",
        "some/where/mine.keras",
        "some/where/mine-classification.tar.gz",
        "some/where/folder/1",
    ],
)
@pytest.mark.parametrize("facts", [public_name, has_layers, says_classification, short_name])
def test_what_a_handle_says_does_not_depend_on_its_pin(handle, facts):
    assert facts(f"{handle}#sha256={WRONG}") == facts(handle)


def test_the_classifier_of_a_pinned_extractor_is_unknown_unless_it_is_the_same_file():
    url = "https://host/google/some-model/feature_vector/1"
    assert classifier_handle(url) == "https://host/google/some-model/classification/1"
    assert classifier_handle(f"{url}#sha256={WRONG}") is None
    assert classifier_handle(f"mine.keras#sha256={WRONG}") == f"mine.keras#sha256={WRONG}"


@pytest.mark.parametrize("model", [FeatureExtractor, ImageClassifier, TransferModel.load])
def test_the_library_s_classes_take_pins(sources, model):
    path, _ = sources["folder"]
    with pytest.raises(ModelError, match=f"expected {WRONG}"):
        model(f"{path}#sha256={WRONG}")


COMMANDS = {
    "classify": ("classify", "--model"),
    "train": ("train", "photo-patches", "--train-size", "60", "--test-size", "20", "--model"),
    "models": ("models",),
    "predict": ("predict",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_take_pins(tiny_model, command):
    path, sha256 = tiny_model, tree_digest(Path(tiny_model))
    rest = [__file__] if command == "predict" else []
    done = CliRunner().invoke(main, [*COMMANDS[command], f"{path}#sha256={WRONG}", *rest])
    assert done.exit_code == 2
    assert f"{path}: sha256 {sha256}, expected {WRONG}" in done.output
