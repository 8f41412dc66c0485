"""Modules from TensorFlow Hub and Kaggle, through TensorFlow Hub's own client and cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import warnings
import zlib
from contextlib import contextmanager, redirect_stdout
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

from tl_core.errors import ModelError
from tl_core.models.savedmodel import find_root, root_fault
from tl_core.progress import bars
from tl_core.storage import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE_VARIABLE = "TFHUB_CACHE_DIR"
PROGRESS_VARIABLE = "TFHUB_DOWNLOAD_PROGRESS"
#: The requirements of the client for pip: it imports pkg_resources, which setuptools 82 dropped.
CLIENT = "tensorflow-hub 'setuptools<82'"
#: Seconds without data after which a download fails; the client itself waits forever.
TIMEOUT_S = 60.0
#: What to do, by HTTP status.
_ADVICE = {
    403: "The server refuses programs (Kaggle sometimes does): download the model in a "
    "browser (TensorFlow 2, .tar.gz) and pass that file as the model",
    404: "Check the URL: it has publisher, model, format, variation and version",
    429: "The server limits downloads: wait, or download the .tar.gz in a browser and pass it",
}
_OFFLINE_ADVICE = (
    "Check the network, or download the model's .tar.gz elsewhere and pass that file as the model"
)


def fetch(url: str) -> Path:
    """The module of a model's or ``.tar.gz``'s URL as a SavedModel folder, from the client's cache.

    The cache is ``TFHUB_CACHE_DIR`` if that is set, else ``cache_dir()/hub``. A complete entry is
    used without the client. A broken one, for example after a cleanup of temporary files, is
    downloaded again once.

    Raises:
        ModelError: Not reachable, refused, cut off, or not a complete SavedModel; no broken entry
            remains in the cache.
    """
    for _ in range(2):
        entry = cache_entry(url)
        if not entry.is_dir():
            entry = _resolve(url)
        problem = root_fault(entry)
        if not problem:
            return find_root(entry)
        _remove(entry)
    raise ModelError(
        f"{url}: downloaded twice, each time without a complete SavedModel ({problem}); expected "
        "a .tar.gz of one. Check that the URL is of a TensorFlow 2 model, or try again later"
    )


def _cache_folder() -> Path:
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override) if override else cache_dir() / "hub"


def cache_entry(url: str) -> Path:
    """The folder in which the client caches the module of a URL; it may be absent."""
    name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    return _cache_folder() / name


def cached_urls() -> list[str]:
    """The URLs of the modules in the cache, sorted, from the client's notes beside them."""
    prefix, urls = "Module: ", []
    for note in _cache_folder().glob("*.descriptor.txt"):
        first, *_ = note.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        url = first.removeprefix(prefix)
        if first.startswith(prefix) and cache_entry(url).is_dir():
            urls.append(url)
    return sorted(urls)


def _resolve(url: str) -> Path:
    """The client's cache entry for the URL, downloaded if absent."""
    hub = client()
    import tensorflow as tf

    try:
        with _client_settings():
            return Path(hub.resolve(url))
    except HTTPError as error:
        advice = _ADVICE.get(error.code, "Try again later")
        raise ModelError(f"{url}: HTTP {error.code} ({error.reason}). {advice}") from error
    except URLError as error:
        raise ModelError(f"{url}: not reachable ({error.reason}). {_OFFLINE_ADVICE}") from error
    except (ValueError, OSError, EOFError, HTTPException, zlib.error) as error:
        raise ModelError(
            f"{url}: download failed ({error}); expected a whole .tar.gz of a SavedModel. It may "
            "have been cut off: try again"
        ) from error
    except tf.errors.OpError as error:
        raise ModelError(
            f"{url}: can't be stored ({error.message}); expected a writable cache folder with "
            f"room. Set {CACHE_VARIABLE} to another folder"
        ) from error


def client() -> Any:  # noqa: ANN401 - a module without types
    """TensorFlow Hub's own package, imported when it is first needed.

    Raises:
        ModelError: It is absent, or can't be imported.
    """
    with warnings.catch_warnings():
        # It imports what setuptools calls deprecated; users can't change this.
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        try:
            import tensorflow_hub
        except ImportError as error:
            raise ModelError(
                f"tensorflow_hub, which downloads models, can't be imported ({error}); run: pip "
                f"install {CLIENT}. Or download the model's .tar.gz and pass that file as the model"
            ) from error
    return tensorflow_hub


@contextmanager
def _client_settings() -> Iterator[None]:
    """Settings that the client reads only from its process, restored afterwards."""
    ours = {}
    if not os.environ.get(CACHE_VARIABLE):
        ours[CACHE_VARIABLE] = str(_cache_folder())
    if sys.stderr.isatty():
        ours.setdefault(PROGRESS_VARIABLE, "1")
    before = {name: os.environ.get(name) for name in ours}
    timeout = socket.getdefaulttimeout()
    os.environ.update(ours)
    socket.setdefaulttimeout(TIMEOUT_S if timeout is None else timeout)
    try:
        with redirect_stdout(bars()):  # the client prints its progress among the results
            yield
    finally:
        socket.setdefaulttimeout(timeout)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _remove(entry: Path) -> None:
    """Delete an entry and the client's note about it."""
    shutil.rmtree(entry, ignore_errors=True)
    entry.with_name(f"{entry.name}.descriptor.txt").unlink(missing_ok=True)
