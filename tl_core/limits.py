"""Limits on what files from strangers may cost: pixels, bytes, members and seconds.

A small file can ask for any amount of memory, disk or time. Each reader checks the limits before
it pays, and its error says which limit is exceeded.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """The most that one file may cost. All are at least 1.

    Attributes:
        picture_pixels: Pixels of a picture. Phones take pictures of 200 million.
        picture_bytes: Bytes of memory to decode a picture, as its header says.
        picture_seconds: Seconds of a CPU to decode a picture.
        archive_bytes: Bytes of all files of an archive, unpacked.
        archive_members: Files and folders of an archive.
        download_bytes: Bytes of a download.
        model_seconds: Seconds until Keras has converted a model's file, and until a model has
            answered its first, small batch.
        model_bytes: Bytes of memory that a model may take for each of these.
    """

    picture_pixels: int = 200_000_000
    picture_bytes: int = 900_000_000
    picture_seconds: int = 20
    archive_bytes: int = 8_000_000_000
    archive_members: int = 10_000
    download_bytes: int = 8_000_000_000
    model_seconds: int = 300
    model_bytes: int = 16_000_000_000

    def __post_init__(self) -> None:
        """Check that no limit is below 1."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value < 1:
                raise ValueError(f"limit {each.name} {value!r}: expected a whole number from 1")


_current = Limits()


def limits() -> Limits:
    """The limits of this process."""
    return _current


def set_limits(new: Limits) -> Limits:
    """Replace the limits of this process; returns the earlier ones.

    They belong to the process, as Pillow's own limit does: pictures are read in many threads.
    """
    global _current
    before, _current = _current, new
    return before
