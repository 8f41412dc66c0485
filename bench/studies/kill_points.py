"""Run a module, and kill the process just before one of its writes.

Run as ``python -m bench.studies.kill_points FOLDER NUMBER MODULE [ARGUMENT...]``. Every file in the
folder that is opened for writing, renamed, removed or made is a point; the process is killed before
the one with this number, from 1. With number 0 it is not killed, and its last line on stderr is
``points: N``. Only what Python itself writes counts.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sys
from pathlib import Path

#: Python's audit events of changes in a folder, beside files that are opened for writing.
CHANGES = frozenset(
    ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class KillPoints:
    """Python's audit hook that counts writes below a folder, and kills at one of them."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number, self.count = str(folder.resolve()), number, 0

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count an event if it is a write below the folder."""
        if not self._writes(event, arguments):
            return
        self.count += 1
        if self.count == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def _writes(self, event: str, arguments: tuple[object, ...]) -> bool:
        if event not in CHANGES and not (event == "open" and _opened_for_writing(arguments)):
            return False
        path = arguments[0]
        if not isinstance(path, (str, bytes)):  # an open file, counted before
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.folder)  # noqa: PTH100 - no link is followed


def _opened_for_writing(arguments: tuple[object, ...]) -> bool:
    _, _, flags = arguments
    return isinstance(flags, int) and bool(flags & WRITES)


def main() -> None:
    """Run from the command line."""
    folder, number, module, *rest = sys.argv[1:]
    points = KillPoints(Path(folder), int(number))
    # By its number: some libraries close sys.stderr at the end.
    atexit.register(lambda: os.write(2, f"points: {points.count}\n".encode()))
    sys.addaudithook(points)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
