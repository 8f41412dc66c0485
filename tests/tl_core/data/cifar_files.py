"""Small CIFAR-10 files in every official layout, written from the published description."""

import io
import pickle
import tarfile

import numpy as np

from tl_core.data import cifar10
from tl_core.data.cifar_layouts import CLASS_NAMES

FINGERPRINT = "0d78b363d2dd254a"  # of original(), the same from every layout
N = 12  # images in each of the small batch files that these tests write
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def original():
    """The pixels (n, 32, 32, 3) and labels (n,) that all layouts must give back."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (6 * N, 32, 32, 3), np.uint8)
    return pixels, rng.integers(0, 10, 6 * N)


def batches():
    """The six batches as rows of 3072 bytes: all of red, all of green, all of blue."""
    pixels, labels = original()
    for i, name in enumerate(BATCHES):
        part = slice(i * N, (i + 1) * N)
        rows = [
            b"".join(image[:, :, channel].tobytes() for channel in range(3))
            for image in pixels[part]
        ]
        yield name, rows, labels[part].tolist()


def binary_files():
    files = {"batches.meta.txt": "\n".join([*CLASS_NAMES, "", ""]).encode()}
    for name, rows, labels in batches():
        files[f"{name}.bin"] = b"".join(
            bytes([label]) + row for label, row in zip(labels, rows, strict=True)
        )
    return files


def python_files():
    names = [name.encode() for name in CLASS_NAMES]
    files = {"batches.meta": pickle.dumps({b"label_names": names, b"num_vis": 3072}, protocol=2)}
    for name, rows, labels in batches():
        data = np.frombuffer(b"".join(rows), np.uint8).reshape(N, 3072)
        content = {b"batch_label": b"of 6", b"labels": labels, b"data": data, b"filenames": [b"x"]}
        files[name] = pickle.dumps(content, protocol=2)
    return files


def write_files(folder, files):
    folder.mkdir(parents=True)
    for name, blob in files.items():
        (folder / name).write_bytes(blob)


def write_tar(path, files, prefix):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, blob in sorted(files.items(), reverse=True):  # any order must do
            member = tarfile.TarInfo(f"{prefix}/{name}")
            member.size = len(blob)
            archive.addfile(member, io.BytesIO(blob))


def write_npz(path, **changes):
    pixels, labels = original()
    arrays = {
        "x_train": pixels[: 5 * N],
        "y_train": labels[: 5 * N, None].astype(np.uint8),
        "x_test": pixels[5 * N :],
        "y_test": labels[5 * N :, None].astype(np.uint8),
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})


def load():
    return cifar10.load(download=False, seed=0, records=N)
