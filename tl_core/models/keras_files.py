"""Whole Keras models in ``.keras`` and ``.h5`` files, of Keras 3 and Keras 2, as SavedModels."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tl_core.errors import ModelError, line_of
from tl_core.models.export import FORMAT_VERSION, cached_export
from tl_core.models.keras_config import check_config
from tl_core.models.keras_layers import save_part
from tl_core.models.keras_weights import check_weights
from tl_core.models.own_process import export_with_keras
from tl_core.storage import sha256_of
from tl_core.zip_files import ZIP_ERRORS, checked_zip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded

SUFFIXES = (".keras", ".h5", ".hdf5")
#: Raised when the conversion changes.
CONVERTER_VERSION = 1
#: Bytes of a model's description as JSON, at most; a network of 1,000 layers has about one million.
CONFIG_BYTES = 1 << 24
#: The file of the weights in a .keras file.
_WEIGHTS = "model.weights.h5"


def is_keras_file(path: Path) -> bool:
    """Whether the file's name is that of a Keras model."""
    return path.name.lower().endswith(SUFFIXES)


def convert(path: Path, kind: Kind, layer: str | None) -> Path:
    """A Keras model as a SavedModel folder in the cache, converted the first time.

    Its input is that of the file; for its output see ``keras_layers.save_part``.

    Raises:
        ModelError: Damaged, without the model itself, with code or layers that aren't Keras's own,
            without such a layer, or it takes too long or too much memory to load.
    """
    made_of: dict[str, str | int] = {"file": sha256_of(path), "kind": kind, "layer": layer or ""}
    made_of["converter"] = CONVERTER_VERSION
    versions = [version("keras"), version("tf_keras"), FORMAT_VERSION]
    text = json.dumps([made_of, *versions])
    key = f"keras-file-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    how = {"kind": kind, "layer": layer, "made_of": made_of}
    return cached_export(
        key, lambda folder: export_with_keras(f"{__name__}:export", str(path), folder, how)
    )


def export(
    name: str, folder: str, kind: Kind, layer: str | None, made_of: Mapping[str, str | int]
) -> None:
    """Write the model of the file ``name`` into an empty folder, as ``convert`` does."""
    save_part(load(Path(name)), name, kind, layer, Path(folder), made_of=made_of)


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
        raise ModelError(
            f"{path}: Keras {version(library)} can't load this model of Keras "
            f"{saved.keras_version[:20]} ({line_of(error)}); export it as a SavedModel where it "
            "was made: model.export(folder)"
        ) from error


def _read(path: Path) -> _Saved:
    """The file's own description, read without running anything of it."""
    try:
        # As Keras decides it: a file can be both.
        is_zip = path.name.endswith(SUFFIXES[0]) and zipfile.is_zipfile(path)
        keras_version, config = _read_zip(path) if is_zip else _read_h5(path)
        return _Saved(keras_version, json.loads(config))
    except (*ZIP_ERRORS, AttributeError) as error:
        raise ModelError(
            f"{path}: no whole Keras model ({line_of(error)}); expected a .keras or .h5 file as "
            "model.save writes it. Copy or save it again"
        ) from error


def _read_zip(path: Path) -> tuple[str, str]:
    with checked_zip(path) as file:
        if _WEIGHTS in file.namelist():
            with file.open(_WEIGHTS) as entry, tempfile.TemporaryFile() as weights:
                shutil.copyfileobj(entry, weights)
                check_weights(weights)
        metadata, config = (_json_text(file, name) for name in ("metadata.json", "config.json"))
        return json.loads(metadata)["keras_version"].strip(), config


def _json_text(file: zipfile.ZipFile, name: str) -> str:
    if file.getinfo(name).file_size > CONFIG_BYTES:
        raise ValueError(f"{name} has more than {CONFIG_BYTES:,} bytes")
    return file.read(name).decode()


def _read_h5(path: Path) -> tuple[str, str]:
    import h5py

    check_weights(path)
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise KeyError("it holds weights only, without the model's layers")
        return _text(file, "keras_version"), _text(file, "model_config")


def _text(file: Loaded, name: str) -> str:
    """A text among the attributes of an HDF5 file."""
    if name not in file.attrs:
        return ""
    kind = file.attrs.get_id(name)
    if kind.shape != () or kind.dtype.itemsize > CONFIG_BYTES:
        raise ValueError(f"{name} is no text of at most {CONFIG_BYTES:,} bytes")
    value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)
