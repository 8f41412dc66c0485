"""List and read files and folders by path or URL; URLs are opened by fsspec."""

from __future__ import annotations

import errno
import glob
import itertools
import os
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tl_core.errors import DataError, ImageError, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What makes one file unreadable, however often it is tried: it gets a row with the error.
HOPELESS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
#: The same as numbers: a name that is no name, a circle of links, a bad sector.
HOPELESS_NUMBERS = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EIO})
#: How often a file behind a URL is tried, and the seconds before the second time; then double.
TRIES, PAUSE_S = 4, 0.5


def is_url(text: str) -> bool:
    """Whether fsspec opens it, such as ``s3://bucket/folder``."""
    return "://" in text


def public(text: str) -> str:
    """A path or URL without user name, password, query and fragment."""
    if not is_url(text):
        return text
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def joined(base: str, name: str) -> str:
    """The path of a name: names that are URLs or absolute stand for themselves."""
    if not base or is_url(name):
        return name
    return f"{base.rstrip('/')}/{name}" if is_url(base) else os.path.join(base, name)  # noqa: PTH118 - a name may end in a slash


def remote(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it; DataError where fsspec can't open it."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except Exception as error:  # each file system has errors of its own
        raise DataError(
            f"{public(url)}: can't be opened ({line_of(error)}); expected a URL that fsspec opens "
            "here, or a path"
        ) from error
    return system, path


def is_folder(path: str) -> bool:
    """Whether there is such a folder."""
    if not is_url(path):
        return Path(path).is_dir()
    system, inner = remote(path)
    return bool(_asked(path, partial(system.isdir, inner)))


def is_file(path: str) -> bool:
    """Whether there is such a file."""
    if not is_url(path):
        return Path(path).is_file()
    system, inner = remote(path)
    return bool(_asked(path, partial(system.isfile, inner)))


def entries(folder: str) -> Iterator[str]:
    """Names of what is directly in a folder, in any order; those of folders end in a slash.

    Raises:
        OSError: It can't be listed.
    """
    if not is_url(folder):
        with os.scandir(folder) as listing:
            for each in listing:
                yield each.name + "/" * each.is_dir()
        return
    system, inner = remote(folder)
    start = inner.rstrip("/") + "/"
    for each in system.ls(inner, detail=True):
        name = each["name"].rstrip("/")
        if name.startswith(start) and name != start:  # some list the folder itself too
            yield name.removeprefix(start) + "/" * (each["type"] == "directory")


def matches(pattern: str) -> Iterator[str]:
    """Paths or URLs of the files that fit a pattern, in any order."""
    if not is_url(pattern):
        paths = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - Path's takes no absolute one
        yield from itertools.filterfalse(os.path.isdir, paths)
        return
    system, inner = remote(pattern)
    for path, facts in _asked(pattern, partial(system.glob, inner, detail=True)).items():
        if facts["type"] != "directory":
            yield system.unstrip_protocol(path)


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """A file opened for reading bytes; DataError if it can't be read."""
    try:
        if is_url(path):
            system, inner = remote(path)
            file = system.open(inner, "rb")
        else:
            file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError(f"{public(path)}: can't be read ({line_of(error)})") from error
    with file:
        yield file


def picture_bytes(path: str, name: str) -> bytes:
    """A picture file's bytes.

    Raises:
        ImageError: This one can't be read; others may.
        DataError: The storage doesn't answer: none can be read now.
    """
    if not name:
        raise ImageError("a line or row without a name; expected a picture's path or URL")
    if name.endswith("/"):
        raise ImageError(
            f"{name}: a folder that can't be listed; allow this user to read it, and extract it "
            "to a new output"
        )
    for number in range(TRIES):
        try:
            return _bytes(path)
        except DataError as error:  # a URL that fsspec doesn't know
            raise ImageError(str(error)) from error
        except Exception as error:
            if is_hopeless(error):
                raise ImageError(f"{name}: can't be read ({_reason(error)})") from error
            if number == TRIES - 1 or not is_url(path):
                raise DataError(unanswered(path, error)) from error
        time.sleep(PAUSE_S * 2**number)
    raise AssertionError(path)


def is_hopeless(error: Exception) -> bool:
    """Whether an error is one of this file or folder alone, not of its storage."""
    return isinstance(error, HOPELESS) or getattr(error, "errno", None) in HOPELESS_NUMBERS


def unanswered(path: str, error: Exception) -> str:
    """What is said of a storage that fails."""
    return (
        f"{public(path)}: its storage doesn't answer ({_reason(error)}); finished shards stay, run "
        "it again when it does"
    )


def _bytes(path: str) -> bytes:
    if not is_url(path):
        return Path(path).read_bytes()
    system, inner = remote(path)
    data: bytes = system.cat_file(inner)
    return data


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or line_of(error)


def _asked(path: str, question: Any) -> Any:  # noqa: ANN401 - of any file system
    """What a file system answers; DataError if it doesn't."""
    try:
        return question()
    except Exception as error:  # each file system has errors of its own
        raise DataError(f"{public(path)}: can't be listed ({line_of(error)})") from error
