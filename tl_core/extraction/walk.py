"""The pictures below a folder in a fixed order, in memory that doesn't grow with their number."""

from __future__ import annotations

import heapq
import json
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_core.data.survey import LITTER
from tl_core.errors import DataError
from tl_core.extraction.files import entries, is_hopeless, is_url, joined, unanswered
from tl_core.images import HEIF_SUFFIXES, IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Names of one folder that are sorted in memory; more are sorted in temporary files.
IN_MEMORY = 100_000


def pictures(folder: str) -> Iterator[str]:
    """Names of all pictures below a folder, relative to it, sorted.

    Files count by their endings, nothing is opened. Hidden files and folders, and those that
    systems make, are left out, as are links back to a folder that they are in. A folder that can't
    be listed is an item of its own, whose name ends in a slash.
    """
    return _below(folder, "", picture_endings(), ())


def picture_endings() -> frozenset[str]:
    """Endings of file names that count as pictures, lower case."""
    return IMAGE_SUFFIXES | HEIF_SUFFIXES if find_spec("pillow_heif") else IMAGE_SUFFIXES


def _below(
    top: str, within: str, endings: frozenset[str], around: tuple[str, ...]
) -> Iterator[str]:
    folder = joined(top, within)
    real = folder if is_url(folder) else str(Path(folder).resolve())
    if real in around:
        return
    try:
        names = in_order(entries(folder))
        first = next(names, None)  # only now it is listed
    except Exception as error:  # each file system has errors of its own
        if not within or not is_hopeless(error):
            raise DataError(unanswered(folder, error)) from error
        yield within
        return
    while first is not None:
        if first.endswith("/"):
            if not first.startswith(".") and first[:-1].lower() not in LITTER:
                yield from _below(top, within + first, endings, (*around, real))
        elif not first.startswith(".") and Path(first).suffix.lower() in endings:
            yield within + first
        first = next(names, None)


def in_order(names: Iterable[str], most: int = IN_MEMORY) -> Iterator[str]:
    """Names sorted; of more than ``most``, sorted parts are merged from temporary files."""
    rest = iter(names)
    with ExitStack() as stack:
        parts: list[Iterable[str]] = []
        while part := sorted(islice(rest, most)):
            if len(part) < most and not parts:
                yield from part
                return
            parts.append(_stored(part, stack))
        yield from heapq.merge(*parts)


def _file() -> Any:  # noqa: ANN401 - of a class without a name
    return tempfile.TemporaryFile("w+", encoding="ascii")


def _stored(names: list[str], stack: ExitStack) -> Iterator[str]:
    """The names, read back from a temporary file one by one."""
    file: Any = stack.enter_context(_file())
    file.writelines(f"{json.dumps(name)}\n" for name in names)  # a name may have a line's end in it
    file.seek(0)
    return (json.loads(line) for line in file)
