"""The plan: consecutive pictures form shards of a fixed number, whoever extracts them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from tl_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Pictures per shard: seconds of work, so that little is lost with a worker.
SHARD_SIZE = 1024


@dataclass(frozen=True)
class Shard:
    """Consecutive pictures, by name; shards are numbered from 0."""

    number: int
    names: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"part-{self.number:06d}.parquet"

    @cached_property
    def digest(self) -> str:
        """The sha256 of its names, as 64 hexadecimal digits."""
        return hashlib.sha256(b"\0".join(map(os.fsencode, self.names))).hexdigest()


def shards(names: Iterable[str], size: int = SHARD_SIZE) -> Iterator[Shard]:
    """The shards of pictures in their order; the last may have fewer than ``size`` (from 1)."""
    if size < 1:
        raise DataError(f"{size} pictures per shard: expected at least 1")
    rest, number = iter(names), 0
    while part := tuple(islice(rest, size)):
        yield Shard(number, part)
        number += 1


def identity(name: str, picture: bytes) -> str:
    """A row's id: the sha256 of name, a zero byte and the picture's bytes, 64 hexadecimal digits.

    The bytes of a picture that can't be read count as none.
    """
    return hashlib.sha256(b"%b\0%b" % (os.fsencode(name), picture)).hexdigest()
