"""The folder that an extraction writes to: on this machine's file systems, or behind a URL."""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from filelock import FileLock, Timeout

from tl_core.errors import DataError, line_of
from tl_core.extraction.files import is_url, public, remote, unanswered
from tl_core.storage import PART, atomic_file, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The file that is locked while a run writes to the folder.
LOCK = ".lock"
#: Seconds after which a lock behind a URL, which its holder renews, counts as that of a killed run.
LEASE_S = 60.0


def output_at(text: str) -> Output:
    """The folder at a path or URL; it needn't exist."""
    if is_url(text):
        return RemoteOutput(text.rstrip("/"))
    return LocalOutput(str(Path(text).expanduser().absolute()))


@dataclass(frozen=True)
class LocalOutput:
    """A folder that this machine sees as a path."""

    place: str

    @property
    def name(self) -> str:
        """Its path."""
        return self.place

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold its lock, which ends with this process; DataError if another run holds it.

        The folder is made.
        """
        folder = Path(self.place)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK, timeout=0)
            lock.acquire()
        except Timeout as error:
            raise DataError(_busy(self.place)) from error
        except OSError as error:
            raise DataError(_unwritable(self.place, error)) from error
        try:
            yield
        finally:
            lock.release()

    def clean(self) -> None:
        """Remove what processes that were killed left half written."""
        remove_leftovers(Path(self.place))

    def check_visible(self) -> None:
        """Refuse, with a DataError, a machine that doesn't see the folder that is being used."""
        if not Path(self.place, LOCK).exists():
            raise DataError(
                f"{self.place}: this machine doesn't see this folder of the run; write to a folder "
                "that all machines share, or to a URL"
            )

    def write(self, name: str, data: bytes) -> None:
        """Write a file beside its target and rename it; DataError where that fails."""
        try:
            target = Path(self.place, name)
            with atomic_file(target, clean=False) as part, part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(_unwritable(f"{self.place}/{name}", error)) from error

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A file for reading bytes; FileNotFoundError if it isn't there."""
        with Path(self.place, name).open("rb") as file:
            yield file

    def has_shards(self) -> bool:
        """Whether any shard is there."""
        return any(Path(self.place).glob("part-*.parquet"))


@dataclass(frozen=True)
class RemoteOutput:
    """A folder behind a URL, with what its file system offers: written, then moved."""

    place: str

    @property
    def name(self) -> str:
        """The URL without secrets."""
        return public(self.place)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """As for a path: the lock is a file that its holder renews, since URLs have no other.

        After a kill, the next run can begin when ``LEASE_S`` are over.
        """
        system, folder = remote(self.place)
        lease = _Lease(system, f"{folder}/{LOCK}", self.name)
        try:
            system.makedirs(folder, exist_ok=True)
            lease.take()
        except DataError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise DataError(_unwritable(self.name, error)) from error
        try:
            yield
        finally:
            lease.give_back()

    def clean(self) -> None:
        """Remove what was left half written; call it while nothing is being written."""
        system, _ = remote(self.place)
        for path in self._listed():
            if path.endswith(PART):
                system.rm_file(path)

    def check_visible(self) -> None:
        """Do nothing: a URL is the same everywhere."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file beside its target and move it; DataError where that fails."""
        system, folder = remote(self.place)
        part = f"{folder}/.{name}.{secrets.token_hex(4)}{PART}"
        try:
            system.pipe_file(part, data)
            system.mv(part, f"{folder}/{name}")
        except Exception as error:  # as above
            with suppress(Exception):
                system.rm_file(part)
            raise DataError(_unwritable(f"{self.name}/{name}", error)) from error

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A file for reading bytes; FileNotFoundError if it isn't there."""
        system, folder = remote(self.place)
        try:
            system.invalidate_cache()
            file = system.open(f"{folder}/{name}", "rb")
        except FileNotFoundError:
            raise
        except Exception as error:  # as above
            raise DataError(unanswered(self.place, error)) from error
        with file:
            yield file

    def has_shards(self) -> bool:
        """Whether any shard is there."""
        return any(path.endswith(".parquet") for path in self._listed())

    def _listed(self) -> list[str]:
        system, folder = remote(self.place)
        try:
            system.invalidate_cache()
            paths: list[str] = system.ls(folder, detail=False)
        except Exception as error:  # as above
            raise DataError(unanswered(self.place, error)) from error
        return paths


Output = LocalOutput | RemoteOutput


class _LeaseFile(msgspec.Struct):
    """What the file has: its holder's mark, and the time in seconds since 1970."""

    mark: str = ""
    time: float = 0.0


class _Lease:
    """A lock file with its holder's mark and the time, which a thread renews."""

    def __init__(self, system: Any, path: str, name: str) -> None:  # noqa: ANN401 - fsspec's
        self.system, self.path, self.name = system, path, name
        self.mark = secrets.token_hex(8)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def take(self) -> None:
        """Write the mark where nobody's is fresh; of two at once, the later writer has it."""
        age = time.time() - self._read().time
        if age < LEASE_S:
            raise DataError(f"{_busy(self.name)}, or wait {LEASE_S - age:.0f} s if it was killed")
        self._write()
        if self._read().mark != self.mark:
            raise DataError(_busy(self.name))
        self.thread.start()

    def give_back(self) -> None:
        """Remove the file."""
        self.over.set()
        self.thread.join()
        with suppress(Exception):
            self.system.rm_file(self.path)

    def _renew(self) -> None:
        while not self.over.wait(LEASE_S / 4):
            with suppress(Exception):  # the next time, or the lease ends
                self._write()

    def _write(self) -> None:
        self.system.pipe_file(self.path, msgspec.json.encode(_LeaseFile(self.mark, time.time())))

    def _read(self) -> _LeaseFile:
        """Who holds it, or held it; a damaged file is nobody's."""
        self.system.invalidate_cache()
        try:
            return msgspec.json.decode(self.system.cat_file(self.path), type=_LeaseFile)
        except (FileNotFoundError, ValueError, RecursionError):
            return _LeaseFile()


def _busy(name: str) -> str:
    return f"{name}: another run writes to it; wait until it has ended, or use another output"


def _unwritable(name: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or line_of(error)
    return (
        f"{name}: can't be written ({reason}); make room or allow it, then run it again: finished "
        "shards stay"
    )
