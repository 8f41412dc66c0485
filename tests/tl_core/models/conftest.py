"""Small modules, the embedded model converted once, and a server of modules on this machine."""

from __future__ import annotations

import importlib
import io
import json
import tarfile
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tl_core.limits import Limits, set_limits
from tl_core.models import keras_files, keras_hub_presets

#: The tiny module's kernel: 3 colours to 5 features.
TINY_KERNEL = np.random.default_rng(7).normal(size=(3, 5)).astype(np.float32)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TLBENCH_CACHE", str(folder))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    return folder


@pytest.fixture
def limited():
    """From limits to none: those of the process afterwards are those of before."""
    before = set_limits(Limits())
    yield lambda **some: set_limits(Limits(**some))
    set_limits(before)


@pytest.fixture
def keras_here(monkeypatch):
    """Convert models of Keras in this process: another takes seconds to start."""

    def export(function, name, folder, how, prefix=""):
        del prefix
        module, attribute = function.split(":")
        call = json.loads(json.dumps({"name": name, "folder": str(folder), **how}))
        getattr(importlib.import_module(module), attribute)(**call)

    for module in (keras_files, keras_hub_presets):
        monkeypatch.setattr(module, "export_with_keras", export)


@pytest.fixture
def embedded(own_cache):
    """From a kind to an embedded model's SavedModel folder, converted once a test run."""
    from tl_core.models import embedded

    return lambda kind, name="efficientnet-lite0": embedded.convert(name, kind)


@pytest.fixture(scope="session")
def tiny_module(tmp_path_factory):
    """A whole SavedModel folder: the mean colour times ``TINY_KERNEL``."""
    import tensorflow as tf

    from tl_core.models.export import save_module

    kernel = tf.Variable(TINY_KERNEL)
    folder = tmp_path_factory.mktemp("tiny")
    save_module(
        folder,
        lambda images, training: tf.matmul(tf.reduce_mean(images, (1, 2)), kernel),
        [kernel],
        image_shape=(None, None, 3),
        image_size=8,
    )
    return folder


@pytest.fixture(scope="session")
def pack(tiny_module):
    """The tiny module as the bytes of a .tar.gz whose root it is, as Hub serves it."""

    def packed(without="no such name", below="."):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as tar:
            tar.add(tiny_module, below, filter=lambda m: None if without in m.name else m)
        return data.getvalue()

    return packed


@dataclass
class Answer:
    """What the server sends: a status, a body, headers, and how much of the body it omits."""

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    omit: int = 0


class ModuleServer(ThreadingHTTPServer):
    """Serves ``answers[path]``, the last one again and again, and notes what was asked for."""

    answer = Answer

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {}
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def serve(self, path, *answers):
        """Send these answers in turn, and return the URL to ask."""
        self.answers[path] = deque(answers)
        return self.url + path


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urlsplit(self.path)
        self.server.requests.append((asked.path, parse_qs(asked.query)))
        answers = self.server.answers[asked.path]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in {"Content-Length": len(answer.body), **answer.headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) - answer.omit])

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def server(monkeypatch):
    """A running ``ModuleServer``, reached without any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = ModuleServer()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()
