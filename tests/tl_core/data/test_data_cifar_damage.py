"""A damaged or malicious copy of CIFAR-10 is refused with the file and what was expected."""

import os
import pickle
import re

import numpy as np
import pytest
from cifar_files import (
    FINGERPRINT,
    N,
    binary_files,
    load,
    original,
    python_files,
    write_files,
    write_npz,
    write_tar,
)

from tl_core.data.cifar_layouts import CLASS_NAMES
from tl_core.errors import DataError

pytestmark = pytest.mark.usefixtures("home")


def changed(files, **blobs):
    return {name: blobs.get(name.replace(".", "_"), blob) for name, blob in files.items()}


def meta(names):
    return changed(binary_files(), batches_meta_txt="\n".join(names).encode())


DAMAGED = {
    "cut-off-by-a-byte": (
        changed(binary_files(), data_batch_3_bin=binary_files()["data_batch_3.bin"][:-1]),
        rf"data_batch_3\.bin: {N * 3073 - 1} bytes, expected {N * 3073}",
    ),
    "cut-off-by-a-whole-record": (
        changed(binary_files(), test_batch_bin=binary_files()["test_batch.bin"][:-3073]),
        rf"test_batch\.bin: {(N - 1) * 3073} bytes, expected {N * 3073}",
    ),
    "too-long": (
        changed(binary_files(), data_batch_1_bin=binary_files()["data_batch_1.bin"] * 2),
        rf"data_batch_1\.bin: {2 * N * 3073} bytes, expected {N * 3073}",
    ),
    "empty": (changed(binary_files(), data_batch_2_bin=b""), r"data_batch_2\.bin: 0 bytes"),
    "label-10": (
        changed(binary_files(), data_batch_2_bin=b"\x0a" + binary_files()["data_batch_2.bin"][1:]),
        r"data_batch_2\.bin: label 10 of image 0, expected 0 to 9",
    ),
    "a-file-missing": (
        {name: blob for name, blob in binary_files().items() if name != "data_batch_4.bin"},
        r"incomplete CIFAR-10, without data_batch_4\.bin",
    ),
    "nine-names": (meta(CLASS_NAMES[:9]), r"batches\.meta\.txt: class names .*expected ten"),
    "a-name-twice": (meta([*CLASS_NAMES[:9], "ship"]), r"batches\.meta\.txt: class names"),
    "pickle-cut-off": (
        changed(python_files(), data_batch_3=python_files()["data_batch_3"][:-500]),
        "data_batch_3: not a pickle",
    ),
    "pickle-without-labels": (
        changed(python_files(), data_batch_3=pickle.dumps({"data": np.zeros((N, 3072), np.uint8)})),
        r"data_batch_3: labels object \(\), expected integers",
    ),
    "pickle-of-fewer-images": (
        changed(
            python_files(),
            data_batch_3=pickle.dumps({"data": np.zeros((3, 3072), np.uint8), "labels": [1] * 3}),
        ),
        r"data_batch_3: data uint8 \(3, 3072\), expected uint8 \(12, 3072\)",
    ),
    "pickle-with-negative-label": (
        changed(
            python_files(),
            data_batch_3=pickle.dumps(
                {"data": np.zeros((N, 3072), np.uint8), "labels": [0] * (N - 1) + [-1]}
            ),
        ),
        "data_batch_3: label -1 of image 11",
    ),
    "pickle-without-names": (
        changed(python_files(), batches_meta=pickle.dumps({"num_vis": 3072})),
        r"batches\.meta: class names",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_copy_is_refused_with_the_file_and_what_was_expected(case, home):
    files, message = DAMAGED[case]
    write_files(home, files)
    with pytest.raises(DataError, match=message):
        load()


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_archive_is_refused_with_the_file_and_what_was_expected(case, home):
    files, message = DAMAGED[case]
    binary = "test_batch.bin" in files
    name = "cifar-10-binary.tar.gz" if binary else "cifar-10-python.tar.gz"
    write_tar(home / name, files, "folder")
    with pytest.raises(DataError, match=f"{re.escape(name)}: .*?{message.rpartition(': ')[2]}"):
        load()


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_cut_off_archive_is_refused_by_name(keep, home):
    path = home / "cifar-10-binary.tar.gz"
    write_tar(path, binary_files(), "folder")
    blob = path.read_bytes()
    path.write_bytes(blob[: int(keep * len(blob)) if keep < 1 else keep])
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: .*download it again"):
        load()


def test_an_archive_with_damaged_compression_is_refused_by_name(home):
    write_tar(home / "cifar-10-binary.tar.gz", binary_files(), "folder")
    blob = bytearray((home / "cifar-10-binary.tar.gz").read_bytes())
    blob[len(blob) // 2 : len(blob) // 2 + 64] = bytes(64)
    (home / "cifar-10-binary.tar.gz").write_bytes(blob)
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz"):
        load()


def test_an_archive_is_not_unpacked_to_disk(home):
    write_tar(home / "cifar-10-binary.tar.gz", binary_files(), "../../escape")
    before = sorted(home.parent.rglob("*"))
    assert load().fingerprint == FINGERPRINT
    assert sorted(home.parent.rglob("*")) == before


class Evil:
    """Unpickles by making a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_an_npy_that_is_called_npz_is_refused_by_name(home):
    home.mkdir()
    with (home / "cifar10.npz").open("wb") as file:
        np.save(file, original()[0])
    with pytest.raises(DataError, match=r"cifar10\.npz: "):
        load()


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_a_malicious_pickle_is_refused_and_runs_nothing(name, home, tmp_path):
    files = python_files()
    files[name] = pickle.dumps({b"data": Evil(tmp_path / "pwned"), b"labels": [0] * N})
    write_files(home, files)
    with pytest.raises(DataError, match=re.escape(name) + r": .*it asks for .*mkdir"):
        load()
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"y_test": None}, "y_test", id="missing-array"),
        pytest.param(
            {"x_test": np.zeros((N, 32, 32, 3), np.float32)}, "float32.*expected", id="float-pixels"
        ),
        pytest.param(
            {"x_test": np.zeros((N, 3, 32, 32), np.uint8)}, r"\(12, 3, 32, 32\)", id="planes-first"
        ),
        pytest.param({"y_test": np.zeros((N, 10), np.int64)}, r"\(12, 10\)", id="one-hot"),
        pytest.param({"y_test": np.full(N, 10)}, "label 10 of image 0", id="label-10"),
        pytest.param({"y_test": np.zeros(N - 1, np.int64)}, r"\(11,\)", id="too-few-labels"),
        pytest.param({"y_test": np.array([{}] * N)}, "y_test object", id="pickled-objects"),
    ],
)
def test_an_npz_of_other_arrays_is_refused_by_name(changes, message, home):
    write_npz(home / "cifar10.npz", **changes)
    with pytest.raises(DataError, match=rf"cifar10\.npz: .*{message}"):
        load()


def test_a_cut_off_npz_is_refused_by_name(home):
    write_npz(home / "cifar10.npz")
    blob = (home / "cifar10.npz").read_bytes()
    (home / "cifar10.npz").write_bytes(blob[: len(blob) // 2])
    with pytest.raises(DataError, match=r"cifar10\.npz"):
        load()
