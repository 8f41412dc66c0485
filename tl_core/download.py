"""Download one file, complete, of a limited size and with the expected checksum, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import re
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from tl_core.errors import DownloadError
from tl_core.limits import limits
from tl_core.progress import progress
from tl_core.storage import atomic_file, storing

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


def fetch(
    url: str, target: Path, sha256: str | None = None, *, timeout_s: float = TIMEOUT_S
) -> Path:
    """Download a file; redirects are followed, proxies taken from the environment.

    Args:
        url: An https address; http only of this machine itself. So is each redirect's.
        target: The path to write, which is returned. Only a verified file replaces an older one.
        sha256: The expected checksum, 64 hexadecimal digits; None takes any.
        timeout_s: Seconds without data after which the download fails.

    Raises:
        DownloadError: Another address, a host that can't be reached or goes silent, an HTTP error
            status, more bytes than ``limits().download_bytes`` or than announced, fewer than
            announced, or another checksum. Nothing is left on disk.
        StorageError: The target can't be written.
    """
    if not _is_secure(url):
        raise DownloadError(
            f"{url}: expected an address that starts with https:// (http:// only for localhost)"
        )
    elsewhere = storing(target, "name another folder")
    with _opened(url, timeout_s) as response, elsewhere, atomic_file(target) as part:
        with part.open("wb") as file:
            received = _copy(url, response, file)
        if sha256 and received != sha256.lower():
            raise DownloadError(
                f"{url}: sha256 {received}, expected {sha256.lower()}: damaged, or replaced at its "
                "source. Try again; if the sha256 still differs, do not use the file"
            )
    return target


def _is_secure(url: str) -> bool:
    """Whether nobody between here and the host can read or change what comes."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.scheme != "http":
            return bool(host) and parts.scheme == "https"
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # no address, or a host with a name
        return False


@contextmanager
def _opened(url: str, timeout_s: float) -> Iterator[http.client.HTTPResponse]:
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tlbench"})  # noqa: S310 - scheme checked in fetch
        response = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            advice = ADVICE.get(error.code, OTHER_STATUS)
            raise DownloadError(f"{url}: HTTP {error.code} {error.reason}; {advice}") from error
    except DownloadError:
        raise
    except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DownloadError(
            f"{url}: could not be reached ({reason}); check the network and the proxy settings, "
            "or fetch the file on another machine and put it in place by hand"
        ) from error
    with response:
        yield response


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect from https to http, and none to http on another machine."""

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> http.client.HTTPResponse | None:
        try:
            response: http.client.HTTPResponse | None
            response = super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # also of an address that is none; urllib leaves the answer open
            fp.close()
            raise
        return response

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(  # noqa: PLR0917 - urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not _is_secure(newurl) or (req.type == "https" and not newurl.startswith("https:")):
            raise DownloadError(
                f"{req.full_url}: redirects to {newurl}, expected an address that starts with "
                "https://; fetch the file in another way and check where it comes from"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """An opener for HTTP and HTTPS alone: nothing leads to local files or FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        _SecureRedirects,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _copy(url: str, response: http.client.HTTPResponse, file: BinaryIO) -> str:
    """Write the body to ``file`` and return its sha256."""
    announced = response.headers.get("Content-Length", "")
    # Of more digits, the first say enough.
    expected = int(announced[:20]) if re.fullmatch("[0-9]+", announced) else None
    _check_size(url, expected or 0)
    digest, size = hashlib.sha256(), 0
    with progress(expected, "download", unit="B") as bar:
        for piece in _pieces(url, response):
            size += len(piece)
            _check_size(url, size)
            file.write(piece)
            digest.update(piece)
            bar.update(len(piece))
    if expected is not None and size != expected:
        raise DownloadError(
            f"{url}: {size} bytes, expected {expected}: the connection was cut; try again"
        )
    return digest.hexdigest()


def _check_size(url: str, size: int) -> None:
    limit = limits().download_bytes
    if size > limit:
        raise DownloadError(
            f"{url}: {size:,} bytes or more, expected at most {limit:,} (limit download_bytes); "
            "raise the limit only if you trust the host"
        )


def _pieces(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces. Only read errors become DownloadErrors: a full disk has its own."""
    while True:
        try:
            piece = response.read1(PIECE_BYTES)  # read believes a chunk of negative size
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(
                f"{url}: the connection was cut or went silent ({error}); try again"
            ) from error
        if not piece:
            return
        yield piece
