"""Conversions are made once, by content, and made again where they are damaged."""

import json

import numpy as np
import pytest

from tl_core.conversion import cache, converted, freeze
from tl_core.engines import NetworkSettings, open_model
from tl_core.models import open_module, resolve
from tl_core.storage import tree_digest


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    return tmp_path


class Converting:
    def __init__(self):
        self.count = 0

    def __call__(self, folder):
        self.count += 1
        (folder / "model.bin").write_bytes(b"converted")


def test_the_same_is_made_once(folder):
    convert = Converting()
    first = converted({"model": "a", "size": 64}, convert)
    assert converted({"size": 64, "model": "a"}, convert) == first
    assert convert.count == 1
    assert (first / "model.bin").read_bytes() == b"converted"
    assert json.loads((first / cache.KEY_FILE).read_text())["made_of"] == {"model": "a", "size": 64}


def test_whatever_it_depends_on_makes_another(folder):
    convert = Converting()
    keys = [{"model": "a", "size": 64}, {"model": "b", "size": 64}, {"model": "a", "size": 65}]
    assert len({converted(key, convert) for key in keys}) == 3


@pytest.mark.parametrize("damage", ["changed", "cut off", "missing", "no key", "another key"])
def test_a_damaged_one_is_made_again(folder, damage):
    convert = Converting()
    place = converted({"model": "a"}, convert)
    if damage == "changed":
        (place / "model.bin").write_bytes(b"converteD")
    elif damage == "cut off":
        (place / "model.bin").write_bytes(b"conv")
    elif damage == "missing":
        (place / "model.bin").unlink()
    elif damage == "no key":
        (place / cache.KEY_FILE).unlink()
    else:
        (place / cache.KEY_FILE).write_text("[1]")
    assert converted({"model": "a"}, convert) == place
    assert convert.count == 2
    assert (place / "model.bin").read_bytes() == b"converted"


def test_one_that_fails_leaves_nothing(folder):
    def failing(place):
        (place / "half").write_text("half")
        raise RuntimeError("no converter")

    with pytest.raises(RuntimeError, match="no converter"):
        converted({"model": "a"}, failing)
    assert list((folder / "converted").iterdir()) == []


def test_a_models_digest_is_of_names_and_content(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    digests = [tree_digest(tmp_path)]
    (tmp_path / "variables" / "data").write_bytes(b"weightS")
    digests.append(tree_digest(tmp_path))
    (tmp_path / "variables" / "data").rename(tmp_path / "variables" / "other")
    digests.append(tree_digest(tmp_path))
    assert len(set(digests)) == 3


def test_the_frozen_graph_computes_what_the_module_does():
    module = open_module(resolve("efficientnet-lite0", "features"))
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    frozen = freeze(module, 48)
    assert [(each.name, each.dtype.name) for each in frozen.inputs] == [("images:0", "uint8")]
    expected = np.asarray(module(images.astype(np.float32) / 255))
    import tensorflow as tf

    np.testing.assert_allclose(frozen(tf.constant(images))[0], expected, rtol=1e-3, atol=1e-4)


def test_an_engine_opens_again_without_converting(monkeypatch):
    settings = NetworkSettings(48)
    open_model("efficientnet-lite0", "features", "litert", settings)
    from tl_core.conversion import opening

    monkeypatch.setattr(opening, "open_module", None)
    again = open_model("efficientnet-lite0", "features", "litert", settings)
    assert again.network.output_size == 1280
