"""Decoders side by side, what scaled decoding changes, and files beside memory.

Run as ``python -m bench.studies.decoding FILE`` with the suite's own options; ``--files 200`` and
``--turns 2`` try it. The files are crops of the embedded photographs, written to a temporary folder
and read from the page cache.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.studies.decoders import PHONE, fractions, side_by_side
from bench.studies.engines import prepared_rate
from bench.studies.fresh import Task, run_fresh, study
from bench.studies.jpeg_files import write_photographs
from bench.studies.options import as_workload
from bench.studies.scaled_decoding import scaled
from tl_core.engines.names import ENGINES, is_installed
from tl_core.extractor import FeatureExtractor
from tl_core.images import decoder_facts
from tl_core.sources import FileSource
from tl_core.streaming import decoded_batches

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

MODULE = "bench.studies.decoding"
#: Pixels of a file: the commonest size of ImageNet's.
SIDES = (500, 375)
#: Files of a phone's size.
PHONES = 20
#: Engines that are of no use here: slow on purpose, or compiling for minutes.
LEFT_OUT = frozenset({"tutorial", "tensorflow-xla"})


class _Memory:
    """Pictures of any sizes in memory."""

    def __init__(self, pictures: list[Pixels]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[Pixels]:
        del size
        return [self.pictures[i] for i in indices]

    def head(self, n: int) -> _Memory:
        return _Memory(self.pictures[:n])

    def pick(self, indices: Sequence[int] | NDArray[np.integer]) -> _Memory:
        return _Memory(self.take(indices))


def files_and_memory(*, options: Task, engine: str, folder: str, turns: int) -> Task:
    """Features of the same pictures from files and from memory, and each part alone, in turns."""
    workload = as_workload(options, engine=engine)
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size, **workload.network)
    paths = sorted(Path(folder).iterdir())
    each = max(1, len(paths) // turns)
    rates: dict[str, list[float]] = defaultdict(list)
    for turn in range(turns):
        files = FileSource(tuple(paths[turn * each : (turn + 1) * each]))
        pictures = files.take(range(len(files)), extractor.image_size)
        rows = _turn(extractor, files, _Memory(pictures), backwards=bool(turn % 2))
        rows["network"] = prepared_rate(extractor, pictures)
        for name, rate in rows.items():
            rates[name].append(rate)
        print(engine, rows, flush=True)  # noqa: T201
    return {"images_per_turn": each, "rates": rates, **_summary(rates)}


def _turn(
    extractor: FeatureExtractor, files: FileSource, memory: _Memory, *, backwards: bool
) -> dict[str, float]:
    def decode() -> None:
        for _ in decoded_batches(files, np.arange(len(files)), extractor.image_size):
            pass

    ways: list[tuple[str, Callable[[], Any]]] = [
        ("files", lambda: extractor.extract(files)),
        ("memory", lambda: extractor.extract(memory)),
        ("decode", decode),
    ]
    extractor.extract(files.head(64))  # warm
    rates = {}
    for name, way in ways[:: -1 if backwards else 1]:
        start = perf_counter()
        way()
        rates[name] = len(files) / (perf_counter() - start)
    return rates


def _summary(rates: dict[str, list[float]]) -> Task:
    """Files as a share of memory, and of decoding and memory one after the other, turn by turn."""
    pairs = list(zip(rates["files"], rates["memory"], rates["decode"], strict=True))
    of_memory = [files / memory for files, memory, _ in pairs]
    of_sum = [files * (1 / memory + 1 / decode) for files, memory, decode in pairs]
    return {"of_memory": median(of_memory), "of_decode_and_memory_added_up": median(of_sum)}


TASKS: dict[str, Callable[..., Task]] = {
    "side_by_side": side_by_side,
    "fractions": fractions,
    "scaled": scaled,
    "files_and_memory": files_and_memory,
}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """All parts, each in a fresh process."""
    with tempfile.TemporaryDirectory() as place:
        some, many, phones = (Path(place) / name for name in ("some", "many", "phones"))
        for folder in (some, many, phones):
            folder.mkdir()
        write_photographs(some, min(arguments.files, arguments.compared), *SIDES)
        write_photographs(phones, PHONES, *PHONE)
        paths = write_photographs(many, arguments.files, *SIDES)
        figures: Task = {
            "decoder": decoder_facts(),
            "files": len(paths),
            "bytes": sum(path.stat().st_size for path in paths),
        }
        tasks = {
            "side_by_side": {"folder": str(some), "turns": arguments.turns},
            "fractions": {"folder": str(phones), "turns": arguments.turns},
            "scaled": {"options": options, "count": arguments.parts},
        }
        for name, task in tasks.items():
            figures[name] = _told(name, {"name": name, **task})
        figures["files_and_memory"] = {}
        for engine in arguments.engines or [e for e in ENGINES if e not in LEFT_OUT]:
            if is_installed(engine):
                task = {"name": "files_and_memory", "options": options, "engine": engine}
                task |= {"folder": str(many), "turns": arguments.turns}
                figures["files_and_memory"][engine] = _told(engine, task)
    return figures


def _told(name: str, task: Task) -> Task:
    outcome = run_fresh(MODULE, task)
    print(name, outcome, flush=True)  # noqa: T201
    return outcome


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=10_000, help="of 500 x 375 pixels")
    parser.add_argument("--compared", type=int, default=500, help="files that decoders compare on")
    parser.add_argument("--parts", type=int, default=9_000, help="crops for the accuracy")
    parser.add_argument("--turns", type=int, default=10, help="of each way")
    parser.add_argument("--engines", nargs="+", help="default: all that are installed")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="quick")


if __name__ == "__main__":
    main()
