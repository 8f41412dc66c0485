"""Whole Keras models in ``.keras`` and ``.h5`` files, of Keras 3 and Keras 2, as SavedModels."""

from __future__ import annotations

import hashlib
import json
import zipfile
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from tl_core.errors import ModelError
from tl_core.models.export import FORMAT_VERSION, cached_export
from tl_core.models.keras_config import check_config
from tl_core.models.keras_layers import save_part
from tl_core.storage import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded

SUFFIXES = (".keras", ".h5", ".hdf5")
#: Raised when the conversion changes.
CONVERTER_VERSION = 1


def is_keras_file(path: Path) -> bool:
    """Whether the file's name is that of a Keras model."""
    return path.name.lower().endswith(SUFFIXES)


def convert(path: Path, kind: Kind, layer: str | None) -> Path:
    """A Keras model as a SavedModel folder in the cache, converted the first time.

    Its input is that of the file; for its output see ``keras_layers.save_part``.

    Raises:
        ModelError: Damaged, without the model itself, with code or layers that aren't Keras's own,
            or without such a layer.
    """
    made_of: dict[str, str | int] = {"file": sha256_of(path), "kind": kind, "layer": layer or ""}
    made_of["converter"] = CONVERTER_VERSION
    versions = [version("keras"), version("tf_keras"), FORMAT_VERSION]
    text = json.dumps([made_of, *versions])
    key = f"keras-file-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return cached_export(
        key, lambda folder: save_part(load(path), str(path), kind, layer, folder, made_of=made_of)
    )


class _Saved(NamedTuple):
    """A file's description: the version of Keras that wrote it, and its layers, JSON."""

    keras_version: str
    config: Any


def load(path: Path) -> Loaded:
    """The model of a file, by the Keras that wrote it; ModelError as for ``convert``."""
    saved = _read(path)
    check_config(saved.config, str(path))
    library = "tf_keras" if saved.keras_version.startswith("2.") else "keras"
    try:
        keras = import_module(library)
        if keras.backend.backend() != "tensorflow":
            raise ModelError(
                f"{path}: Keras runs on {keras.backend.backend()} here, expected TensorFlow; set "
                "KERAS_BACKEND=tensorflow"
            )
        return keras.models.load_model(str(path), compile=False)
    except ModelError:
        raise
    except Exception as error:  # each layer has errors of its own
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path}: Keras {version(library)} can't load this model of Keras "
            f"{saved.keras_version} ({line}); export it as a SavedModel where it was made: "
            "model.export(folder)"
        ) from error


def _read(path: Path) -> _Saved:
    """The file's own description, read without running anything of it."""
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_h5(path)
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: no whole Keras model ({error}); expected a .keras or .h5 file as model.save "
            "writes it. Copy or save it again"
        ) from error


def _read_zip(path: Path) -> _Saved:
    with zipfile.ZipFile(path) as file:
        metadata = json.loads(file.read("metadata.json"))
        return _Saved(metadata["keras_version"], json.loads(file.read("config.json")))


def _read_h5(path: Path) -> _Saved:
    import h5py

    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise KeyError("it holds weights only, without the model's layers")
        written_by = _text(file.attrs.get("keras_version", ""))
        return _Saved(written_by, json.loads(_text(file.attrs["model_config"])))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
