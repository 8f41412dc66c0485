"""Data sets are found by name, folders by path, and an unknown name says what there is."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tl_core.data
from tl_core.data import DataSet, data_names, load_data
from tl_core.errors import DataError


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder named like a data set, as the working folder's child."""
    monkeypatch.chdir(tmp_path)
    for name, level in (("dark", 10), ("light", 200)):
        (tmp_path / "digits" / name).mkdir(parents=True)
        for i in range(5):
            pixels = np.full((6, 6, 3), level + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "digits" / name / f"{i}.png")
    return tmp_path / "digits"


def test_the_names_are_those_that_are_promised():
    assert {"cifar10", "digits", "photo-patches"} <= set(data_names())


@pytest.mark.parametrize("name", ["digits", "photo-patches"])
def test_an_embedded_data_set_carries_the_name_it_was_asked_by(name):
    data = load_data(name)
    assert isinstance(data, DataSet)
    assert data.name == name


@pytest.mark.parametrize("name", ["imagenet", "folder", "dataset", "photo_patches", "DIGITS"])
def test_an_unknown_name_lists_those_that_exist_and_mentions_folders(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_data(name)
    assert repr(name) in str(caught.value)
    assert ", ".join(data_names()) in str(caught.value)
    assert "folder of class/image files" in str(caught.value)


def test_a_file_is_no_data_set(tmp_path):
    (tmp_path / "picture.png").touch()
    with pytest.raises(DataError, match=r"picture\.png' is a file"):
        load_data(tmp_path / "picture.png")


def test_a_name_wins_over_a_folder_of_the_same_name(pictures):
    assert pictures.is_dir()
    assert load_data("digits").class_names == tuple("0123456789")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f".{os.sep}digits", id="dot"),
        pytest.param(Path("digits"), id="path-object"),
    ],
)
def test_a_path_reaches_a_folder_that_is_named_like_a_data_set(pictures, path):
    assert pictures.is_dir()
    assert load_data(path).class_names == ("dark", "light")


def test_a_new_module_with_a_load_function_is_a_data_set(tmp_path, monkeypatch):
    module = tmp_path / "two_dots.py"
    module.write_text("def load(*, download, seed):\n    return download, seed\n")
    monkeypatch.setattr(tl_core.data, "__path__", [*tl_core.data.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    monkeypatch.delenv("TLBENCH_DOWNLOAD", raising=False)
    try:
        assert "two-dots" in data_names()
        assert load_data("two-dots", seed=3) == (False, 3)
        assert load_data("two-dots", download=True) == (True, 0)
        monkeypatch.setenv("TLBENCH_DOWNLOAD", "1")
        assert load_data("two-dots") == (True, 0)
    finally:
        sys.modules.pop("tl_core.data.two_dots", None)


def test_all_names_every_public_name():
    assert sorted(tl_core.data.__all__) == ["DataSet", "Split", "data_names", "load_data"]
    assert all(hasattr(tl_core.data, name) for name in tl_core.data.__all__)


def test_loading_data_by_name_imports_neither_tensorflow_nor_the_other_data_sets():
    code = (
        "import sys; from tl_core.data import load_data; load_data('photo-patches');"
        "print([m for m in ('tensorflow', 'skimage', 'sklearn', 'tl_core.data.cifar10')"
        " if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
