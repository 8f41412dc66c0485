"""One process against two workers of a local cluster, at the same number of cores.

Run as ``python -m bench.studies.extraction FILE`` with options of ``tlbench extract`` after ``--``.
The pictures are PNG files of CIFAR-10's training images, made in a temporary folder. Both sides
extract all of them in turns, each time in a fresh process and folder. Then: whether the features
are equal bit for bit; the ratio of throughputs; the resident memory of a worker at a tenth of the
pictures and at all of them; and what it costs to resume a run that lacks one shard of a hundred.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
from PIL import Image

from bench.studies.blocks import cell_line, heading, of_study, range_text
from bench.studies.files import write_json
from tl_core.data import load_data
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The sides: a name, and how many workers a cluster has; None is one process without Ray.
SIDES: dict[str, int | None] = {"one process": None, "two workers": 2}
#: Shards of a whole run, so that one of them is a hundredth.
SHARDS = 100
#: Seconds between two looks at the memory.
LOOK_S = 0.2
#: What Ray calls the process of a worker.
WORKER = "ray::Actor"


def make_pictures(folder: Path, data: str, count: int) -> None:
    """PNG files of the first training images, numbered; repeated if there are fewer."""
    images = load_data(data).train.images
    folder.mkdir(parents=True)
    for number in range(count):
        (pixels,) = images.take([number % len(images)])
        Image.fromarray(pixels).save(folder / f"{number:06}.png", compress_level=1)


def extracted(
    source: Path, output: Path, workers: int | None, options: Sequence[str]
) -> dict[str, Any]:
    """A run's record with its whole time and its workers' resident memory over that time.

    Raises:
        RuntimeError: It failed.
    """
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tlbench", "extract", str(source), "-o", str(output), "--json"]
    cluster = ["--ray", "local", "--ray-workers", str(workers)] if workers else []
    threads = ["--threads", str(max(1, cores // (workers or 1)))]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            [*command, *threads, *cluster, *options], stdout=log, stderr=log
        )
        memory = list(_memory(process, workers))
        log.seek(0)
        text = log.read()
    if process.returncode:
        raise RuntimeError(f"{command}: exit {process.returncode}: {text[-1000:]}")
    record: dict[str, Any] = json.loads(text[text.index("{\n") :])
    return {
        **record,
        "whole_s": round(time.perf_counter() - start, 3),
        "peak_rss_bytes": max(memory, default=0),
        # Of the second half: caches are filled, and nothing ends yet.
        "rss_bytes": median(memory[len(memory) // 2 :] or [0]),
    }


def _memory(process: subprocess.Popen[bytes], workers: int | None) -> Iterator[int]:
    """Resident bytes of the largest worker, until the run ends."""
    own = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            processes = [own] if workers is None else [*own.children(recursive=True)]
            sizes = [
                each.memory_info().rss
                for each in processes
                if workers is None or WORKER in " ".join(each.cmdline())
            ]
        except psutil.Error:
            sizes = []
        if sizes:
            yield max(sizes)
        time.sleep(LOOK_S)


def rounds(
    folder: Path, place: Path, count: int, options: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Runs of both sides in alternating order; their outputs stay."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
    for number in range(count):
        for name in list(SIDES)[:: 1 if number % 2 == 0 else -1]:
            output = place / f"{name} {number}"
            runs[name].append(extracted(folder, output, SIDES[name], options))
            print(name, runs[name][-1], flush=True)  # noqa: T201
    return runs


def same_files(outputs: Sequence[Path]) -> bool:
    """Whether all outputs have the same shards, byte for byte."""
    names = [sorted(path.name for path in output.glob("part-*")) for output in outputs]
    return all(
        one == other and all((a / name).read_bytes() == (b / name).read_bytes() for name in one)
        for (one, other), (a, b) in zip(pairwise(names), pairwise(outputs), strict=True)
    )


def memories(
    folder: Path, place: Path, options: Sequence[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """By side, runs on a tenth of the pictures and on all of them."""
    names = sorted(path.name for path in folder.glob("*.png"))
    by_side: dict[str, dict[str, dict[str, Any]]] = {}
    for side, workers in SIDES.items():
        by_side[side] = {}
        for count in (len(names) // 10, len(names)):
            source = folder / f"{count}.txt"
            source.write_text("\n".join(names[:count]), encoding="utf-8")
            output = place / f"memory of {side} {count}"
            by_side[side][str(count)] = extracted(source, output, workers, options)
    return by_side


def resumed(folder: Path, output: Path, options: Sequence[str]) -> dict[str, Any]:
    """The record of a run that lacks one shard of an output."""
    next(iter(sorted(output.glob("part-*")))).unlink()
    return extracted(folder, output, None, options)


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    size = ("--shard-size", str(max(1, chosen.pictures // SHARDS)))
    options = [*size, *chosen.options]
    with tempfile.TemporaryDirectory(prefix="extraction-") as name:
        place = Path(name)
        make_pictures(place / "pictures", chosen.data, chosen.pictures)
        warm = place / "warm-up"  # converts the model, and lets pilots choose
        for side, workers in SIDES.items():
            extracted(place / "pictures", warm / side, workers, options)
        runs = rounds(place / "pictures", place / "out", chosen.rounds, options)
        outputs = [path for path in (place / "out").iterdir() if path.is_dir()]
        rates = {side: [run["images_per_s"] for run in several] for side, several in runs.items()}
        one, two = (median(rates[side]) for side in SIDES)
        return {
            "options": options,
            "pictures": chosen.pictures,
            "runs": runs,
            "same": same_files(outputs),
            "ratio": two / one,
            "memory": memories(place / "pictures", place / "memory", options),
            "resumed": resumed(place / "pictures", place / "out" / "one process 0", options),
            "machine": fingerprint(),
        }


def table(study: dict[str, Any]) -> str:
    """By side: throughput, memory at both numbers of pictures; then what resuming costs."""
    lines = heading("side", "images/s", "worker's memory, MB", "n")
    for side, runs in study["runs"].items():
        rates = range_text([run["images_per_s"] for run in runs], "{:.0f}")
        sizes = study["memory"][side].items()
        memory = ", ".join(f"{int(n):,}: {run['rss_bytes'] / 1e6:.0f}" for n, run in sizes)
        lines.append(cell_line([side, rates, memory, str(len(runs))]))
    whole = median(run["whole_s"] for run in study["runs"]["one process"])
    share = study["resumed"]["whole_s"] / whole
    same = "equal" if study["same"] else "not equal"
    sentence = (
        f"Two workers have {study['ratio']:.2f} times the throughput of one process; their files "
        f"are {same}, byte for byte. Resuming at 99 % takes {share:.1%} of the whole time."
    )
    return "\n".join([*lines, "", sentence])


BLOCKS = (of_study("extraction", "extraction.json", table),)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="result of the study")
    parser.add_argument("--data", default="cifar10", help="data set of the pictures")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side")
    texts = list(sys.argv[1:] if arguments is None else arguments)
    mark = texts.index("--") if "--" in texts else len(texts)
    chosen = parser.parse_args(texts[:mark], argparse.Namespace(options=texts[mark + 1 :]))
    write_json(chosen.file, measure(chosen))


if __name__ == "__main__":
    main()
