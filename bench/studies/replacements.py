"""What would replace tensorflow_hub and tf2onnx? ``python -m bench.studies.replacements [FILE]``.

A module comes by plain HTTP from a server on this machine that answers as tfhub.dev does, and the
embedded backbones become ONNX models by the onnx package alone. Files are compared with those that
tensorflow_hub brings, outputs with TensorFlow's.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.studies.files import write_json
from bench.studies.onnx_export import to_onnx
from tl_core.conversion import freeze
from tl_core.conversion.cache import version_of
from tl_core.download import fetch
from tl_core.engines.onnxruntime import Session
from tl_core.equivalence import real_images
from tl_core.models import Model, archive, embedded, hub, resolve
from tl_core.storage import sha256_of
from tlbench.suite.tutorial_engine import client

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Images that outputs are compared on, real ones.
IMAGES = 8


def by_http(module: Path) -> dict[str, Any]:
    """The digest of a module's files: as they are, by tensorflow_hub, and by this library."""
    with tempfile.TemporaryDirectory() as folder, _server(folder) as url:
        packed = Path(folder) / "model.tar.gz"
        with tarfile.open(packed, "w:gz") as tar:
            tar.add(module, ".")
        address = f"{url}/{packed.name}"
        plain = fetch(f"{address}?tf-hub-format=compressed", packed.with_name("copy.tar.gz"),
                      sha256_of(packed))  # fmt: skip
        folders = {"files": module, "tensorflow_hub": Path(client().resolve(address)),
                   "plain HTTP": archive.unpack(plain)}  # fmt: skip
        return {name: Model(path, "", "features").digest for name, path in folders.items()}


@contextmanager
def _server(folder: str) -> Iterator[str]:
    """A folder served on this machine, whatever the query; yields the address."""
    os.environ |= {"no_proxy": "127.0.0.1", hub.CACHE_VARIABLE: f"{folder}/hub"}
    handler = partial(_Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def by_onnx(handle: str) -> dict[str, Any]:
    """The largest difference of the ONNX model from TensorFlow's outputs on real images."""
    module = Model(resolve(handle, "features"), handle, "features").load()
    size = module.image_size or 224
    images, frozen = real_images(size)[:IMAGES], freeze(module, size)
    expected = np.asarray(module(images / np.float32(255)))
    outputs = Session(to_onnx(frozen).SerializeToString(), 1)(images)
    return {
        "model": handle,
        "largest_output": float(np.abs(expected).max()),
        "largest_difference": float(np.abs(outputs - expected).max()),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    file = parser.parse_args(arguments).file
    names = ("tensorflow", "tensorflow-hub", "onnx", "onnxruntime")
    study = {
        "http": by_http(resolve(next(iter(embedded.MODELS)), "features")),
        "onnx": [by_onnx(name) for name in embedded.MODELS],
        "versions": {name: version_of(name) for name in names},
    }
    print(study)  # noqa: T201
    if file:
        write_json(file, study)


if __name__ == "__main__":
    main()
