"""Modules from TensorFlow Hub and Kaggle, in the cache layout of TensorFlow Hub's own client."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tl_core.download import fetch as fetch_file
from tl_core.errors import DownloadError, ModelError, StorageError
from tl_core.models import archive
from tl_core.models.pins import check_pin
from tl_core.models.savedmodel import find_root
from tl_core.storage import cache_dir, cached_dir, sha256_of

CACHE_VARIABLE = "TFHUB_CACHE_DIR"
#: Asks Hub and Kaggle for the module itself, a ``.tar.gz``, in place of its page.
COMPRESSED = "tf-hub-format=compressed"
#: Seconds without data after which a download fails.
TIMEOUT_S = 60.0
_NOTE = "Module: "


def fetch(url: str, pin: str | None = None) -> Path:
    """The module of a model's or ``.tar.gz``'s URL as a SavedModel folder, downloaded once.

    A complete entry of the cache is used without the network. The cache is ``TFHUB_CACHE_DIR`` if
    that is set, else ``cache_dir()/hub``; of a URL with a pin, the sha256 of its ``.tar.gz``, that
    of archives.

    Raises:
        ModelError: Not reachable, refused, cut off, too large, another sha256 than the pin, or not
            a complete SavedModel; nothing of it remains in the cache.
    """
    target = archive.cache_entry(pin) if pin else cache_entry(url)

    def write(folder: Path) -> None:
        _download(url, pin, target, folder)
        if pin is None:
            _note_file(target).write_text(f"{_NOTE}{url}\n", encoding="utf-8")

    try:
        return find_root(cached_dir(target, archive.is_whole, write))
    except StorageError as error:
        raise ModelError(f"{url}: {error} ({CACHE_VARIABLE}, if that is set)") from error


def cache_entry(url: str) -> Path:
    """The folder in which the module of a URL is cached; it may be absent."""
    name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    return _cache_folder() / name


def cached_urls() -> list[str]:
    """The URLs of the modules in the cache, sorted, from the notes beside them."""
    urls = []
    for note in _cache_folder().glob("*.descriptor.txt"):
        first, *_ = note.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        url = first.removeprefix(_NOTE)
        if first.startswith(_NOTE) and cache_entry(url).is_dir():
            urls.append(url)
    return sorted(urls)


def _cache_folder() -> Path:
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override) if override else cache_dir() / "hub"


def _note_file(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.descriptor.txt")


def _download(url: str, pin: str | None, target: Path, folder: Path) -> None:
    """Unpack the module of a URL into an empty folder, which will be the entry ``target``."""
    parts = urlsplit(url)
    query = f"{parts.query}&{COMPRESSED}".removeprefix("&")
    address = urlunsplit(parts._replace(query=query, fragment=""))
    # A killed process's is written anew: only one process fills an entry.
    file = target.with_name(f".{target.name}.tar.gz")
    try:
        fetch_file(address, file, timeout_s=TIMEOUT_S)
        check_pin(url, sha256_of(file), pin)
        archive.extract(file, url, folder)
    except DownloadError as error:
        raise ModelError(
            f"{error}. Or download the model's .tar.gz with a browser (TensorFlow 2), and pass "
            "that file as the model"
        ) from error
    finally:
        file.unlink(missing_ok=True)
