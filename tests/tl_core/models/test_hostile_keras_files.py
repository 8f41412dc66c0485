"""A Keras file from a stranger is checked before Keras takes memory for it or runs any of it."""

import io
import json
import re
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest
from limited_process import outcomes

from tl_core import limits
from tl_core.errors import ModelError
from tl_core.models import keras_files

#: The limits of this test.
BYTES, MEMBERS = 30_000_000, 100
METADATA = json.dumps({"keras_version": "3.10.0"})
CONFIG = json.dumps({"class_name": "Functional", "config": {}})
ZEROS = 100_000_000


def zipped(compression=zipfile.ZIP_DEFLATED, **changes):
    """A .keras file of these parts, by name; None leaves one out."""
    parts = {"metadata.json": METADATA, "config.json": CONFIG, "model.weights.h5": weights()}
    parts |= {name.replace("_", "."): content for name, content in changes.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return file.getvalue()


def weights(change=lambda file: None):
    """An HDF5 file with one small array, and what ``change`` does to it."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["kernel"] = np.zeros(3)
        change(file)
    return content.getvalue()


def whole(config=CONFIG, keras_version="2.15.0", change=lambda file: None):
    """An .h5 file as Keras 2 writes it."""

    def write(file):
        file.attrs["model_config"] = config
        file.attrs["keras_version"] = keras_version
        change(file)

    return weights(write)


def many(parts):
    return {f"layer{i}": b"" for i in range(parts)}


def linked(link):
    return lambda file: file.__setitem__("other", link)


def cycle(file):
    file.create_group("a")["b"] = file["/"]


def elsewhere(file):
    file.create_dataset("other", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "a", (4,))
    file.create_virtual_dataset("other", layout)


def chunks(shape):
    return lambda file: file.create_dataset("other", shape, "f4", chunks=(1024,))


def groups(file):
    for i in range(MEMBERS + 1):
        file.create_group(f"g{i}")


ESCAPED = r'{"class_name": "Sequential", "config": [{"class_name": "\u004cambda", "config": {}}]}'
NESTED = b"[" * 100_000
LAMBDA = json.dumps({"class_name": "Lambda", "config": {}})

HOSTILE_KERAS_FILES = {
    # Much memory.
    "k-config-of-100-MB": (lambda: zipped(config_json=bytes(ZEROS)), "bytes unpacked, at most"),
    "k-config-of-17-MB": (lambda: zipped(config_json=b" " * 17_000_000), "more than 16,777,216"),
    "k-weights-of-100-MB": (lambda: zipped(model_weights_h5=bytes(ZEROS)), "bytes unpacked"),
    "k-101-parts": (lambda: zipped(**many(MEMBERS)), "103 files of"),
    "k-bzip2": (lambda: zipped(zipfile.ZIP_BZIP2, asset=bytes(9_000_000)), "than by deflate"),
    "k-lzma": (lambda: zipped(zipfile.ZIP_LZMA), "than by deflate"),
    "k-array-of-10**13": (
        lambda: zipped(model_weights_h5=weights(chunks((10**13,)))), "40,000,000,000,0",
    ),
    "h-array-of-10**13": (lambda: whole(change=chunks((10**13,))), "40,000,000,000,0"),
    "h-array-of-2**62": (lambda: whole(change=chunks((2**62,))), "bytes or more, at most"),
    "h-101-groups": (lambda: whole(change=groups), "arrays and groups"),
    "h-config-as-an-array": (lambda: whole(config=np.zeros(5000)), "model_config is no text"),
    # Much time.
    "h-group-within-itself": (lambda: whole(change=cycle), "101 arrays and groups"),
    "k-config-of-100,000-levels": (lambda: zipped(config_json=NESTED), "recursion"),
    "k-metadata-of-100,000-levels": (lambda: zipped(metadata_json=NESTED), "recursion"),
    "h-config-of-100,000-levels": (lambda: whole(NESTED[:60_000].decode()), "recursion"),
    # Other files of this machine.
    "h-link-to-another-file": (
        lambda: whole(change=linked(h5py.ExternalLink("/etc/hostname", "/"))), "links",
    ),
    "h-link-by-name": (lambda: whole(change=linked(h5py.SoftLink("/kernel"))), "links"),
    "h-array-in-another-file": (lambda: whole(change=elsewhere), "arrays in other files"),
    "h-virtual-array": (lambda: whole(change=virtual), "arrays in other files"),
    # Programs.
    "h-lambda": (lambda: whole(LAMBDA), "has a Lambda layer"),
    "h-lambda-with-escapes": (lambda: whole(ESCAPED), "has a Lambda layer"),
    "h-lambda-behind-a-zip": (lambda: whole(LAMBDA) + zipped(), "has a Lambda layer"),
    "k-lambda-with-escapes": (lambda: zipped(config_json=ESCAPED), "has a Lambda layer"),
    "k-python-function": (
        lambda: zipped(config_json='{"activation": {"class_name": "__lambda__"}}'), "__lambda__",
    ),
    "k-pytorch-module": (
        lambda: zipped(config_json='[{"class_name": "TorchModuleWrapper"}]'), "TorchModuleWrapper",
    ),
    # Wrong content.
    "k-without-config": (lambda: zipped(config_json=None), "config.json"),
    "k-metadata-is-a-list": (lambda: zipped(metadata_json="[]"), "no whole Keras model"),
    "k-version-is-a-number": (lambda: zipped(metadata_json='{"keras_version": 3}'), "no whole"),
    "k-config-is-no-unicode": (lambda: zipped(config_json=b'"\xff"'), "utf-8"),
    "k-weights-are-no-hdf5": (lambda: zipped(model_weights_h5=b"PK"), "no whole Keras model"),
    "k-empty": (lambda: b"", "no whole Keras model"),
    "h-empty": (lambda: b"", "no whole Keras model"),
}  # fmt: skip


def prepare():
    """Set the limits of this test."""
    limits.set_limits(replace(limits.limits(), archive_bytes=BYTES, archive_members=MEMBERS))


def _load(folder, name, build):
    path = folder / ("m.keras" if name.startswith("k-") else "m.h5")
    path.write_bytes(build())
    keras_files.load(path)


CASES = {
    name: lambda folder, name=name, build=build: _load(folder, name, build)
    for name, (build, _) in HOSTILE_KERAS_FILES.items()
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return outcomes(__file__, tmp_path_factory.mktemp("keras"))


@pytest.mark.parametrize("case", HOSTILE_KERAS_FILES)
def test_a_hostile_keras_file_is_an_error_of_one_line_in_little_memory_and_time(case, errors):
    kind, message = errors[case]
    assert kind == "ModelError"
    assert re.search(rf"m\.(keras|h5): .*{HOSTILE_KERAS_FILES[case][1]}", message)
    assert len(message) < 500
    assert "\n" not in message


@pytest.mark.parametrize(("name", "content"), [("m.keras", zipped()), ("m.h5", whole())])
def test_such_a_file_without_anything_wrong_passes_the_checks(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="can't load this model"):  # of no layers, by Keras itself
        keras_files.load(tmp_path / name)
