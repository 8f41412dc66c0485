"""Read damaged and odd pictures: each must end in pixels or in one line, soon, in little memory.

Run as ``python -m bench.studies.odd_pictures FOLDER_OR_TAR [FILE]``: every file below a folder, or
in a tar archive, is read at its own size and as it is for a network, in processes that are
restarted where one crashes. Prints a summary as JSON, and writes it to FILE. Exit code 1 if a rule
is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time
from typing import IO, TYPE_CHECKING, Any, cast

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.files import write_json
from tl_core.devices import usable_cpus
from tl_core.errors import ImageError
from tl_core.images import load_image
from tlbench.timing.memory import peak_rss_bytes, reset_peak

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What a picture may take at most, in seconds of the CPUs, whatever else they do meanwhile, and in
#: bytes of its process's resident memory.
MOST_S, MOST_BYTES = 5.0, 10**9
#: Seconds by the clock after which a process counts as hanging, and is ended.
PATIENCE_S = 120.0
#: Sides in pixels that pictures are read for; None is their own.
SIZES = (None, 224)
#: Outcomes that break a rule: no answer, another error than ImageError, one of several lines, and
#: messages of C libraries on the terminal.
BROKEN = ("crash", "hang", "traceback", "not one line", "printed")
#: Pictures of each kind that are named.
NAMED = 5


def read(path: str, size: int | None) -> dict[str, Any]:
    """Read a picture in this process: the outcome, the error, seconds and bytes of memory."""
    before, error = os.fstat(2).st_size, ""
    reset_peak()
    start = process_time()
    try:
        load_image(path, size=size)
        outcome = "pixels"
    except ImageError as refused:
        error = str(refused)
        outcome = "refused" if error.isprintable() else "not one line"
    except Exception as other:  # noqa: BLE001 - what is looked for
        error, outcome = repr(other), "traceback"
    seconds = process_time() - start
    if os.fstat(2).st_size > before:
        outcome = "printed"
    peak = peak_rss_bytes()
    return {"outcome": outcome, "error": error, "seconds": seconds, "peak_rss_bytes": peak}


def serve() -> None:
    """Answer a request, path and size as a line of JSON, with another line, until there is none."""
    for line in sys.stdin:
        print(json.dumps(read(*json.loads(line))), flush=True)  # noqa: T201


class Reader:
    """A process that reads pictures, started again where it ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, size: int | None) -> dict[str, Any]:
        """As the function ``read``, or a crash or a hang."""
        process = self._process = self._process or _start()
        requests, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        requests.write(json.dumps([str(path), size]) + "\n")
        requests.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            in_time = bool(selector.select(PATIENCE_S))
        line = answers.readline() if in_time else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.end()
        outcome, seconds = ("crash", 0.0) if in_time else ("hang", PATIENCE_S)
        error = f"exit {process.returncode}"
        return {"outcome": outcome, "error": error, "seconds": seconds, "peak_rss_bytes": None}

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.studies.odd_pictures", "--serve"]
    with tempfile.TemporaryFile() as errors:  # a file, whose size says whether anything was printed
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True)  # noqa: S603


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Read all files below a folder, each at every size, in as many processes as there are CPUs."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())

    def part(number: int) -> list[dict[str, Any]]:
        reader = Reader()
        try:
            return [
                {"file": path.relative_to(folder).as_posix(), "size": size}
                | reader.read(path, size)
                for path in files[number :: usable_cpus()]
                for size in SIZES
            ]
        finally:
            reader.end()

    with ThreadPoolExecutor(usable_cpus()) as pool:
        return [row for rows in pool.map(part, range(usable_cpus())) for row in rows]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts by outcome, what breaks a rule, and the most expensive pictures."""
    broken = [row for row in rows if row["outcome"] in BROKEN]
    slow = [row for row in rows if row["seconds"] > MOST_S]
    large = [row for row in rows if (row["peak_rss_bytes"] or 0) > MOST_BYTES]
    counts = dict.fromkeys(("pixels", "refused", *BROKEN), 0)
    for row in rows:
        counts[row["outcome"]] += 1
    return {
        "files": len({row["file"] for row in rows}),
        "reads": counts,
        "over_5_s": len(slow),
        "over_1_gb": len(large),
        "broken": (broken + slow + large)[:NAMED],
        "slowest": _largest(rows, "seconds"),
        "most_memory": _largest(rows, "peak_rss_bytes"),
        "valid": not (broken or slow or large),
    }


def table(study: dict[str, Any]) -> str:
    """What became of all pictures, and the most that one took."""
    names = ("files", "pixels", "one line", "crashes, hangs, tracebacks or messages",
             "most CPU seconds", "most memory")  # fmt: skip
    reads = study["reads"]
    cells = (
        f"{study['files']:,}", f"{reads['pixels']:,}", f"{reads['refused']:,}",
        str(sum(reads[name] for name in BROKEN)), f"{study['slowest'][0]['seconds']:.1f}",
        f"{study['most_memory'][0]['peak_rss_bytes'] / 1e6:,.0f} MB",
    )  # fmt: skip
    return "\n".join([*heading(*names), cell_line(cells)])


BLOCKS = (of_study("odd pictures", "odd-pictures.json", table),)


def _largest(rows: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -(row[name] or 0))[:NAMED]


def read_source(source: Path) -> list[dict[str, Any]]:
    """``read_all`` of a folder, or of a tar archive's files."""
    if source.is_dir():
        return read_all(source)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
        return read_all(Path(folder))


def main() -> None:
    """Read the pictures, and print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, help="folder or tar archive of pictures")
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    if arguments.source is None or not arguments.source.exists():
        parser.error(f"{arguments.source}: expected a folder or a tar archive of pictures")
    rows = read_source(arguments.source)
    outcome = summary(rows)
    print(json.dumps(outcome, indent=1))  # noqa: T201
    if arguments.file:
        write_json(arguments.file, outcome)
    if not outcome["valid"] or not rows:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
