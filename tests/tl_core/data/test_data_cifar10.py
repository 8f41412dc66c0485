"""CIFAR-10 is the same in every layout, found where people keep it, never fetched unasked."""

import gzip
import os
import tarfile
from pathlib import Path

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

from tl_core.data import cifar10, load_data
from tl_core.data.cifar_layouts import CLASS_NAMES, RECORDS
from tl_core.errors import DataError

pytestmark = pytest.mark.usefixtures("home")

SHARED = Path(__file__).parents[4] / "shared" / "data" / "cifar-10-batches-bin.tar.xz"


LAYOUTS = {
    "binary": lambda d: write_files(d, binary_files()),
    "binary-in-its-folder": lambda d: write_files(d / "cifar-10-batches-bin", binary_files()),
    "binary-two-levels-down": lambda d: write_files(
        d / "cifar10" / "cifar-10-batches-bin", binary_files()
    ),
    "binary-archive": lambda d: write_tar(
        d / "cifar-10-binary.tar.gz", binary_files(), "cifar-10-batches-bin"
    ),
    "python": lambda d: write_files(d, python_files()),
    "python-in-its-folder": lambda d: write_files(d / "cifar-10-batches-py", python_files()),
    "python-archive": lambda d: write_tar(
        d / "cifar-10-python.tar.gz", python_files(), "cifar-10-batches-py"
    ),
    "archive-one-level-down": lambda d: write_tar(
        d / "cifar10" / "cifar-10-python.tar.gz", python_files(), "cifar-10-batches-py"
    ),
    "npz": lambda d: write_npz(d / "cifar10.npz"),
    "keras-folder": lambda d: write_files(
        d.parent / "keras" / "datasets" / "cifar-10-batches-py", python_files()
    ),
    "keras-3-folder": lambda d: write_files(
        d.parent / "keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py", python_files()
    ),
    "keras-archive": lambda d: write_tar(
        d.parent / "keras/datasets/cifar-10-batches-py.tar.gz", python_files(), "batches"
    ),
    "keras-3-archive": lambda d: write_tar(
        d.parent / "keras/datasets/cifar-10-batches-py-target_archive", python_files(), "batches"
    ),
    "cache-folder": lambda d: (
        os.environ.pop("TLBENCH_DATA"),
        write_files(d.parent / "cache" / "data", binary_files()),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pixels_labels_and_fingerprint(layout, home):
    LAYOUTS[layout](home)
    data = load()
    pixels, labels = original()
    np.testing.assert_array_equal(data.train.images.pixels, pixels[: 5 * N])
    np.testing.assert_array_equal(data.test.images.pixels, pixels[5 * N :])
    np.testing.assert_array_equal(data.train.labels, labels[: 5 * N])
    np.testing.assert_array_equal(data.test.labels, labels[5 * N :])
    assert data.class_names == CLASS_NAMES
    assert data.name == "cifar10"
    assert data.fingerprint == FINGERPRINT


def test_the_first_plane_of_a_record_is_red(home):
    files = binary_files()
    record = bytes([7]) + bytes([10]) * 1024 + bytes([20]) * 1024 + bytes([30]) * 1024
    files["data_batch_1.bin"] = record + files["data_batch_1.bin"][3073:]
    write_files(home, files)
    (image,) = load().train.images.take([0])
    assert (image == [10, 20, 30]).all()
    assert load().train.labels[0] == 7


def test_rows_of_a_plane_run_from_top_to_bottom(home):
    files = binary_files()
    plane = b"".join(bytes([row]) * 32 for row in range(32))
    files["data_batch_1.bin"] = bytes([0]) + plane * 3 + files["data_batch_1.bin"][3073:]
    write_files(home, files)
    (image,) = load().train.images.take([0])
    assert image[:, 5, 0].tolist() == list(range(32))


def test_class_names_come_from_the_meta_file(home):
    files = binary_files()
    files["batches.meta.txt"] = files["batches.meta.txt"].replace(b"airplane", b"plane")
    write_files(home, files)
    assert load().class_names[:2] == ("plane", "automobile")


def test_class_names_are_the_official_ones_without_a_meta_file(home):
    files = binary_files()
    del files["batches.meta.txt"]
    write_files(home, files)
    assert load().fingerprint == FINGERPRINT


def test_ours_is_looked_at_before_kerass_cache(home):
    write_files(home.parent / "keras" / "datasets" / "cifar-10-batches-py", python_files())
    files = binary_files()
    files["test_batch.bin"] = files["data_batch_1.bin"]
    write_files(home, files)
    assert load().fingerprint != FINGERPRINT


def test_what_is_not_found_says_where_what_and_how(home):
    with pytest.raises(DataError) as caught:
        load_data("cifar10")
    message = str(caught.value)
    for part in (
        str(home), str(home.parent / "keras" / "datasets"), "data_batch_1.bin",
        "cifar-10-python.tar.gz", ".npz", "TLBENCH_DATA", "TLBENCH_DOWNLOAD=1", "download=True",
    ):  # fmt: skip
        assert part in message


def test_the_official_batch_files_have_ten_thousand_records(home):
    assert RECORDS == 10_000
    write_files(home, binary_files())
    with pytest.raises(DataError, match="expected 30730000"):
        load_data("cifar10")


@pytest.fixture
def fetched(monkeypatch):
    """Stands in for the network: what was asked for, and a small archive as the answer."""
    calls = []

    def fetch(url, target, sha256):
        calls.append((url, target, sha256))
        write_tar(target, python_files(), "cifar-10-batches-py")
        return target

    monkeypatch.setattr(cifar10, "fetch", fetch)
    return calls


def test_a_download_happens_only_when_it_is_allowed(home, fetched):
    with pytest.raises(DataError):
        cifar10.load(download=False, seed=0, records=N)
    assert fetched == []
    data = cifar10.load(download=True, seed=0, records=N)
    assert data.fingerprint == FINGERPRINT
    assert [(target.parent, target.name) for _, target, _ in fetched] == [
        (home, "cifar-10-python.tar.gz")
    ]


def test_what_was_downloaded_is_found_the_next_time(fetched):
    cifar10.load(download=True, seed=0, records=N)
    assert cifar10.load(download=True, seed=0, records=N).fingerprint == FINGERPRINT
    assert len(fetched) == 1


def test_a_copy_on_this_machine_is_never_downloaded_again(home, fetched):
    write_files(home, binary_files())
    assert cifar10.load(download=True, seed=0, records=N).fingerprint == FINGERPRINT
    assert fetched == []


def test_address_and_checksum_are_those_of_keras():
    import importlib.util

    folder = Path(importlib.util.find_spec("keras").origin).parent
    source = (folder / "src" / "datasets" / "cifar10.py").read_text()
    assert f'"{cifar10.URL}"' in source
    assert f'"{cifar10.SHA256}"' in source


def test_gzip_is_recognised_whatever_the_file_is_called(home):
    write_tar(home / "cifar-10-python.tar.gz", python_files(), "folder")
    path = home / "cifar-10-python.tar.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))  # a browser may have unpacked it
    assert load().fingerprint == FINGERPRINT


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the real CIFAR-10 files are not there")
def test_the_real_files_have_the_official_numbers(home):
    home.mkdir()
    with tarfile.open(SHARED) as archive:
        archive.extractall(home)
    data = load_data("cifar10")
    assert data.sizes == (50_000, 10_000)
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert data.class_names == CLASS_NAMES
    # The first training image of CIFAR-10 is a frog, the next two are trucks.
    assert [CLASS_NAMES[i] for i in data.train.labels[:3]] == ["frog", "truck", "truck"]
    assert data.train.images.pixels[0, 0, 0].tolist() == [59, 62, 63]
