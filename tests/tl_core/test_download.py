"""A download is whole and verified, or leaves nothing and says what to do."""

import hashlib
import threading
import time
import tracemalloc
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tl_core.download import _SecureRedirects, downloads_allowed, fetch
from tl_core.errors import DownloadError

BODY = bytes(range(256)) * 4000  # about 1 MB: several pieces
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One path for each thing that can happen."""

    def do_GET(self):
        """Answer by the path's first part."""
        kind = self.path.strip("/").partition(".")[0]
        getattr(self, f"_send_{kind}", self._send_status)()

    def log_message(self, *args):
        """Keep the test's output clean."""

    def _head(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _send_status(self):
        self.send_error(int(self.path.strip("/")))

    def _send_whole(self):
        self._head(Content_Length=len(BODY))
        self.wfile.write(BODY)

    def _send_unannounced(self):
        self._head()
        self.wfile.write(BODY)

    def _send_cut(self):
        self._head(Content_Length=len(BODY))
        self.wfile.write(BODY[: len(BODY) // 2])

    def _send_cutchunk(self):
        self.protocol_version = "HTTP/1.1"
        self._head(Transfer_Encoding="chunked", Connection="close")
        self.wfile.write(b"10000\r\n" + BODY[:100])

    def _send_silent(self):
        self._head(Content_Length=len(BODY))
        self.wfile.write(BODY[:1000])
        time.sleep(1.5)

    def _send_moved(self):
        self._head(302, Location="/whole.bin", Content_Length=0)

    def _send_loop(self):
        self._head(302, Location="/loop", Content_Length=0)

    def _send_tofile(self):
        self._head(302, Location="file:///etc/hostname", Content_Length=0)

    def _send_toftp(self):
        self._head(302, Location="ftp://127.0.0.1/x", Content_Length=0)

    def _send_tohttp(self):
        self._head(302, Location="http://models.example.com/x", Content_Length=0)

    def _send_tonowhere(self):
        self._head(302, Location="http://[half/x", Content_Length=0)

    def _send_huge(self):
        self._head(Content_Length=10**13)
        self.wfile.write(BODY)

    def _send_endless(self):
        self._head()
        with suppress(OSError):
            for _ in range(40):  # enough to be told from endless
                self.wfile.write(BODY)

    def _send_negative(self):
        self.protocol_version = "HTTP/1.1"
        self._head(Transfer_Encoding="chunked", Connection="close")
        with suppress(OSError):
            self.wfile.write(b"-1\r\n")
            for _ in range(40):  # enough to be told from endless
                self.wfile.write(BODY)

    def _send_digits(self):
        self._head(Content_Length="9" * 5000)
        self.wfile.write(BODY)

    def _send_superscript(self):
        self._head(Content_Length="\xb2")
        self.wfile.write(BODY)

    def _send_headers(self):
        self._head(**{f"X_{i}": i for i in range(200)})

    def _send_longheader(self):
        self._head(X="a" * 100_000)

    def _send_garbage(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _small(limited):
    limited(download_bytes=2_000_000)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("kind", ["whole", "unannounced", "moved", "superscript"])
def test_a_file_arrives_whole(kind, server, tmp_path):
    target = tmp_path / "new" / "file.bin"
    assert fetch(f"{server}/{kind}.bin", target, SHA256) == target
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


def test_a_checksum_in_capitals_is_the_same_checksum(server, tmp_path):
    fetch(f"{server}/whole", tmp_path / "file", SHA256.upper())
    assert (tmp_path / "file").read_bytes() == BODY


FAILURES = [
    pytest.param("401", "HTTP 401.*login", id="401"),
    pytest.param("403", "HTTP 403.*browser.*by hand", id="403"),
    pytest.param("404", "HTTP 404.*moved", id="404"),
    pytest.param("410", "HTTP 410.*another copy", id="410"),
    pytest.param("429", "HTTP 429.*wait", id="429"),
    pytest.param("500", "HTTP 500.*try again later", id="500"),
    pytest.param("503", "HTTP 503.*try again later", id="503"),
    pytest.param("cut", f"{len(BODY) // 2} bytes, expected {len(BODY)}.*try again", id="cut-off"),
    pytest.param("cutchunk", "cut.*try again", id="cut-off-in-a-chunk"),
    pytest.param("silent", "silent.*timed out.*try again", id="silent"),
    pytest.param("loop", "HTTP 302.*infinite loop", id="redirects-in-a-circle"),
    pytest.param("tofile", "HTTP 302.*not allowed", id="redirect-to-a-local-file"),
    pytest.param("toftp", "redirects to ftp://.*expected.*https", id="redirect-to-ftp"),
    pytest.param("tohttp", "redirects to http://models.*https", id="redirect-to-http-elsewhere"),
    pytest.param("tonowhere", "could not be reached.*Invalid", id="redirect-to-no-address"),
    pytest.param(
        "huge", "10,000,000,000,000 bytes or more.*limit download_bytes", id="announced-10-TB"
    ),
    pytest.param("endless", "expected at most 2,000,000.*limit download_bytes", id="endless"),
    pytest.param("negative", "download_bytes|cut", id="endless-chunk-of-negative-size"),
    pytest.param("digits", "bytes or more.*limit download_bytes", id="announced-by-5000-digits"),
    pytest.param("headers", "could not be reached.*100 headers", id="200-headers"),
    pytest.param("longheader", "could not be reached.*header line", id="header-of-100-kB"),
    pytest.param("garbage", "could not be reached.*check the network", id="no-http"),
]


@pytest.mark.parametrize(("path", "message"), FAILURES)
def test_a_failure_says_what_to_do_and_leaves_nothing(path, message, server, tmp_path):
    with pytest.raises(DownloadError, match=f"(?s){server}/{path}: .*{message}"):
        fetch(f"{server}/{path}", tmp_path / "file", SHA256, timeout_s=0.5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("path", "_message"), FAILURES)
def test_a_failure_leaves_the_old_file_as_it_was(path, _message, server, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DownloadError):
        fetch(f"{server}/{path}", tmp_path / "file", SHA256, timeout_s=0.5)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_another_checksum_is_refused_with_both_and_leaves_the_old_file(server, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DownloadError, match=f"sha256 {SHA256}, expected {'0' * 64}"):
        fetch(f"{server}/whole", tmp_path / "file", "0" * 64)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


@pytest.mark.parametrize(
    "address",
    ["http://files.example.com/x", "http://127.0.0.1/x", "http://localhost/x", "ftp://localhost/x"],
)
def test_no_redirect_leads_from_https_to_anything_else(address):
    request = urllib.request.Request("https://files.example.com/x")
    with pytest.raises(DownloadError, match=f"redirects to {address}, expected .* https://"):
        _SecureRedirects().redirect_request(request, None, 302, "Found", {}, address)


def test_a_redirect_from_https_to_https_is_followed():
    request = urllib.request.Request("https://files.example.com/x")
    new = _SecureRedirects().redirect_request(request, None, 302, "Found", {}, "https://a.b/c")
    assert new.full_url == "https://a.b/c"


def test_exactly_the_limit_is_downloaded(server, tmp_path, limited):
    limited(download_bytes=len(BODY))
    fetch(f"{server}/whole", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_an_endless_answer_takes_little_memory(server, tmp_path):
    tracemalloc.start()
    for kind in ("endless", "negative"):
        with pytest.raises(DownloadError):
            fetch(f"{server}/{kind}", tmp_path / "file", timeout_s=0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_an_interruption_leaves_the_old_file_as_it_was(server, tmp_path, monkeypatch):
    def interrupted(_url, response):
        yield response.read(1000)
        raise KeyboardInterrupt

    monkeypatch.setattr("tl_core.download._pieces", interrupted)
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{server}/whole", tmp_path / "file", SHA256)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_a_host_that_is_not_there_says_so(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(DownloadError, match=r"could not be reached.*refused.*proxy"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", SHA256)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/x",
        "/etc/hostname",
        "",
        "https://",
        "https:/file",
        "https://[half/file",
        "http://models.example.com/file",
        "http://127.0.0.1.example.com/file",
        "http://127.0.0.1@models.example.com/file",
        "http://localhost.example.com/file",
        "http://10.0.0.1/file",
        "http://0.0.0.0/file",
        "http://[fe80::1]/file",
        "http://2130706433/file",  # 127.0.0.1 for some programs
    ],
)
def test_only_https_is_fetched_from_elsewhere(url, tmp_path):
    with pytest.raises(DownloadError, match="expected an address that starts with https://"):
        fetch(url, tmp_path / "file", SHA256)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("requested", "value", "allowed"),
    [
        pytest.param(False, None, False, id="neither"),
        pytest.param(True, None, True, id="requested"),
        pytest.param(False, "1", True, id="environment"),
        pytest.param(False, "0", False, id="environment-says-no"),
        pytest.param(False, "", False, id="environment-is-empty"),
    ],
)
def test_downloads_need_permission(requested, value, allowed, monkeypatch):
    monkeypatch.delenv("TLBENCH_DOWNLOAD", raising=False)
    if value is not None:
        monkeypatch.setenv("TLBENCH_DOWNLOAD", value)
    assert downloads_allowed(requested=requested) is allowed
