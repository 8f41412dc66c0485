"""Find files of identical content: test pictures that are training pictures, and repeats."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from tl_core.errors import DataError, ImageError
from tl_core.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tl_core.data.survey import Picture, Survey
    from tl_core.sources import FileReader

#: The most bytes of compared files that are held until they are decoded, so that these files are
#: opened only once. Further compared files are opened a second time.
ROOM = 256 * 2**20


def check_leak(train: list[Picture], test: list[Picture], reader: FileReader) -> None:
    """Raise DataError if a test picture is the same file as a training picture."""
    trained = {picture.path for picture in train}
    for same in _same_content([*train, *test], reader):
        first, last = same[0].path, same[-1].path
        if first in trained and last not in trained:
            raise DataError(
                f"{first} and {last} are the same file: a test picture that is also a training "
                "picture makes the accuracy too high; remove one of the two"
            )


def without_copies(pictures: list[Picture], survey: Survey, reader: FileReader) -> list[Picture]:
    """The first picture of each content; the survey records the others.

    DataError if one content is in two classes.
    """
    copies = set()
    for first, *rest in _same_content(pictures, reader):
        for copy in rest:
            if copy.label != first.label:
                raise DataError(
                    f"{first.path} and {copy.path} are the same file in two classes; keep only the "
                    "one in the right class"
                )
            reader.digest(copy.path)  # holds it no longer
            copies.add(copy.path)
            survey.leave_out_copy(copy.path, first.path)
    return [picture for picture in pictures if picture.path not in copies]


def _same_content(pictures: list[Picture], reader: FileReader) -> Iterator[list[Picture]]:
    """Groups of pictures with identical files; only the few files of equal size are read."""
    by_size = defaultdict(list)
    for picture in pictures:
        by_size[picture.path.stat().st_size].append(picture)
    suspects = {size: group for size, group in by_size.items() if len(group) > 1}
    room = ROOM

    def has_room(_digest: str) -> bool:
        return room >= 0

    with progress(sum(map(len, suspects.values())), "look for identical files") as bar:
        for size, group in suspects.items():
            by_content = defaultdict(list)
            for picture in group:
                room -= size
                bar.update()
                with suppress(ImageError):  # a file that can't be opened is found when it is used
                    by_content[reader.digest(picture.path, has_room)].append(picture)
            yield from (same for same in by_content.values() if len(same) > 1)
