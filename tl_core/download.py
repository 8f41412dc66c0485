"""Download one file over HTTP, complete and with the expected checksum, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tl_core.errors import DownloadError
from tl_core.progress import progress
from tl_core.storage import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

#: Seconds without data, while connecting or reading, after which a download fails.
TIMEOUT_S = 30.0
#: Bytes read at a time.
PIECE_BYTES = 1 << 18
#: What to do next, by HTTP status; other statuses get ``OTHER_STATUS``.
ADVICE = {
    401: "the host requires a login: download the file with a browser and put it in place by hand",
    403: "the host refuses: download the file with a browser (some ask to accept terms first)"
    " and put it in place by hand",
    404: "the file has moved: look for its new address",
    410: "the file was removed: look for another copy with the same checksum",
    429: "too many requests: wait some minutes and try again",
}
OTHER_STATUS = "try again later, or download the file by hand and put it in place"


def downloads_allowed(*, requested: bool = False) -> bool:
    """Whether downloads are allowed: on the caller's request, or by ``TLBENCH_DOWNLOAD=1``."""
    return requested or os.environ.get("TLBENCH_DOWNLOAD") == "1"


def fetch(url: str, target: Path, sha256: str, *, timeout_s: float = TIMEOUT_S) -> Path:
    """Download a file; redirects are followed, proxies taken from the environment.

    Args:
        url: An http or https address.
        target: The path to write, which is returned. Only a verified file replaces an older one.
        sha256: The expected checksum, 64 hexadecimal digits.
        timeout_s: Seconds without data after which the download fails.

    Raises:
        DownloadError: Another scheme, a host that can't be reached or goes silent, an HTTP error
            status, another size than announced, or another checksum. Nothing is left on disk.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url}: expected an address that starts with http:// or https://")
    with _opened(url, timeout_s) as response, atomic_file(target) as part:
        with part.open("wb") as file:
            received = _copy(url, response, file)
        if received != sha256.lower():
            raise DownloadError(
                f"{url}: sha256 {received}, expected {sha256.lower()}: damaged, or replaced at its "
                "source. Try again; if the sha256 still differs, do not use the file"
            )
    return target


@contextmanager
def _opened(url: str, timeout_s: float) -> Iterator[http.client.HTTPResponse]:
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tlbench"})  # noqa: S310 - scheme checked in fetch
        response = _http_only().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            advice = ADVICE.get(error.code, OTHER_STATUS)
            raise DownloadError(f"{url}: HTTP {error.code} {error.reason}; {advice}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DownloadError(
            f"{url}: could not be reached ({reason}); check the network and the proxy settings, "
            "or fetch the file on another machine and put it in place by hand"
        ) from error
    with response:
        yield response


def _http_only() -> urllib.request.OpenerDirector:
    """An opener without file:// and ftp://, so that a redirect can't lead there either."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _copy(url: str, response: http.client.HTTPResponse, file: BinaryIO) -> str:
    """Write the body to ``file`` and return its sha256."""
    announced = response.headers.get("Content-Length")
    expected = int(announced) if announced and announced.isdigit() else None
    digest, size = hashlib.sha256(), 0
    with progress(expected, "download", unit="B") as bar:
        for piece in _pieces(url, response):
            file.write(piece)
            digest.update(piece)
            size += len(piece)
            bar.update(len(piece))
    if expected is not None and size != expected:
        raise DownloadError(
            f"{url}: {size} bytes, expected {expected}: the connection was cut; try again"
        )
    return digest.hexdigest()


def _pieces(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces. Only read errors become DownloadErrors: a full disk has its own."""
    while True:
        try:
            piece = response.read(PIECE_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(
                f"{url}: the connection was cut or went silent ({error}); try again"
            ) from error
        if not piece:
            return
        yield piece
