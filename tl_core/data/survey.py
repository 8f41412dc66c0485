"""Find the pictures below a folder; one warning lists what is left out."""

from __future__ import annotations

import logging
import os
import stat
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tl_core.images import HEIF_PACKAGE, HEIF_SUFFIXES, IMAGE_SUFFIXES

log = logging.getLogger(__name__)

#: Folders, in lower case, that systems make for thumbnails and deleted pictures: macOS's zip files,
#: Windows, Linux, and the network storages of Synology and QNAP. Folders that begin with a dot are
#: hidden anyway, such as .thumbnails and .ipynb_checkpoints.
LITTER = frozenset(
    {
        *("__macosx", "$recycle.bin", "recycler", "system volume information", "lost+found"),
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
    }
)
#: Raw files of cameras, whose formats differ between cameras.
RAW = (".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".raw", ".rw2")
#: What to do with pictures that can't be read, by their ending.
REMEDIES = {
    **dict.fromkeys(HEIF_SUFFIXES, f"pip install {HEIF_PACKAGE}"),
    **dict.fromkeys(RAW, "export them as JPEG"),
    **dict.fromkeys((".jp2", ".psd", ".xcf"), "export them as JPEG or PNG"),
    **dict.fromkeys((".svg", ".svgz", ".eps", ".pdf"), "export them as PNG"),
}
#: Kinds in a warning, and names of each.
KINDS, NAMES = 8, 2


@dataclass(frozen=True)
class Picture:
    """A picture file, and the number of its class."""

    path: Path
    label: int


class Survey:
    """Searches for pictures, follows links, and records what it leaves out.

    Args:
        folder: The folder to search, with what is linked from it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._around = _with_parents(folder)
        heif = find_spec("pillow_heif") is not None
        self._endings = IMAGE_SUFFIXES | HEIF_SUFFIXES if heif else IMAGE_SUFFIXES
        self._left_out: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def subfolders(self, folder: Path) -> list[str]:
        """Sorted names of the folders in ``folder``, without hidden ones and the system's."""
        paths = (path for path in folder.iterdir() if path.is_dir())
        return sorted(path.name for path in paths if self._enters(path, set(self._around)))

    def leave_out_files(self, folder: Path) -> None:
        """Record the files directly in ``folder``, which should have only sub-folders."""
        for path in sorted(folder.iterdir()):
            if not path.is_dir() and self._is_picture(path):
                self.leave_out("picture(s) outside the class folders", self._name(path))

    def pictures(self, folder: Path) -> list[Path]:
        """All pictures in ``folder`` and the folders within it, sorted by path.

        The order doesn't depend on the machine. A folder that was entered before, directly or by a
        link, isn't entered again. ``folder``, this survey's own folder and all their parents count
        as entered.
        """
        found, seen = [], self._around | _with_parents(folder)
        for place, folders, files in os.walk(folder, onerror=self._unreadable, followlinks=True):
            here = Path(place)
            folders[:] = [name for name in sorted(folders) if self._enters(here / name, seen)]
            found += [here / name for name in sorted(files) if self._is_picture(here / name)]
        return sorted(found, key=lambda path: path.as_posix())

    def leave_out(self, kind: str, name: str) -> None:
        """Record something once: its kind, with ``(s)`` if its plural has an s, and its name."""
        self._left_out[kind][name] = None

    def leave_out_copy(self, copy: Path, original: Path) -> None:
        """Record a file whose content is already there."""
        self.leave_out("repeated file(s)", f"{self._name(copy)} is {self._name(original)}")

    def warn(self) -> None:
        """Warn in one line of what was left out since the last warning."""
        kinds = sorted(self._left_out.items(), key=lambda item: (-len(item[1]), item[0]))
        parts = [_line(kind, list(names)) for kind, names in kinds[:KINDS]]
        rest = sum(len(names) for _, names in kinds[KINDS:])
        if rest:
            parts.append(f"{rest} of other kinds")
        if parts:
            log.warning("%s: left out: %s", self.folder, "; ".join(parts))
        self._left_out.clear()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _unreadable(self, error: OSError) -> None:
        self.leave_out("unreadable folder(s)", self._name(Path(error.filename)))

    def _is_made_by_people(self, path: Path) -> bool:
        hidden = path.name.startswith(".")
        if hidden or path.name.lower() in LITTER:
            kind = "hidden folder(s)" if hidden else f"{path.name} folder(s)"
            self.leave_out(kind, self._name(path))
            return False
        return True

    def _enters(self, path: Path, seen: set[tuple[int, int]]) -> bool:
        if not self._is_made_by_people(path):
            return False
        identity = _identity(path)
        if identity in seen:
            self.leave_out("link(s) to a folder that is already counted", self._name(path))
            return False
        seen.add(identity)
        return True

    def _is_picture(self, path: Path) -> bool:
        kind = _fault(path, self._endings)
        if kind is not None:
            self.leave_out(kind, self._name(path))
        return kind is None


def _fault(path: Path, endings: frozenset[str]) -> str | None:
    """The reason why a file doesn't count as a picture; None if it counts."""
    if path.name.startswith("."):
        return "hidden file(s)"
    try:
        facts = path.stat()
    except OSError:
        return "broken link(s)"
    ending = path.suffix.lower()
    if not stat.S_ISREG(facts.st_mode):
        return "special file(s)"
    if ending not in endings:
        return f"{ending} file(s)" if ending else "file(s) without ending"
    return None if facts.st_size else "empty file(s)"


def _with_parents(folder: Path) -> set[tuple[int, int]]:
    real = folder.resolve()
    return {_identity(path) for path in (real, *real.parents)}


def _identity(path: Path) -> tuple[int, int]:
    """The identity of a folder, the same for all its paths."""
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def _line(kind: str, names: list[str]) -> str:
    some = ", ".join(names[:NAMES]) + ", ..." * (len(names) > NAMES)
    remedy = REMEDIES.get(kind.partition(" ")[0])
    noun = kind.replace("(s)", "" if len(names) == 1 else "s")
    return f"{len(names)} {noun} ({some})" + (f": {remedy}" if remedy else "")
