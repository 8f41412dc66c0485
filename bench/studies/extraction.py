"""One process against two workers of a local cluster, at the same number of cores.

Run as ``python -m bench.studies.extraction FILE`` with options of ``tlbench extract`` after ``--``.
The pictures are PNG files of CIFAR-10's training images, made in a temporary folder. Both sides
extract all of them in turns, each time in a fresh process and folder. Then: the ratio of
throughputs; whether the files are those of one process with as many threads as a worker, byte for
byte; the resident memory of a worker at a tenth of the pictures and at all of them; and what it
costs to resume a run that lacks one shard of a hundred.

With ``--resuming``, one process extracts all pictures once and resumes once. FILE, which must
exist, gets this as its ``resuming``.
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
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from PIL import Image

from bench.studies.blocks import cell_line, heading, of_study, range_text
from bench.studies.files import write_json
from tl_core.data import load_data
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Side(NamedTuple):
    """How pictures are extracted: workers of a cluster, or None without Ray; threads of each."""

    workers: int | None
    threads: int


CORES = len(os.sched_getaffinity(0))
ONE, TWO = "one process", "two workers"
SIDES = {ONE: Side(None, CORES), TWO: Side(2, max(1, CORES // 2))}
#: The number of threads can change a feature's last bits, so this run says what is right.
LIKE_A_WORKER = Side(None, SIDES[TWO].threads)
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


def first_pictures(folder: Path, count: int) -> Path:
    """A list of the first pictures of a folder."""
    names = sorted(path.name for path in folder.glob("*.png"))
    listed = folder / f"{count}.txt"
    listed.write_text("\n".join(names[:count]), encoding="utf-8")
    return listed


def extracted(source: Path, output: Path, side: Side, options: Sequence[str]) -> dict[str, Any]:
    """A run's record with its whole time and its workers' resident memory over that time.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-m", "tlbench", "extract", str(source), "-o", str(output), "--json"]
    cluster = ["--ray", "local", "--ray-workers", str(side.workers)] if side.workers else []
    threads = ["--threads", str(side.threads)]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            [*command, *threads, *cluster, *options], stdout=log, stderr=log
        )
        memory = list(_memory(process, side.workers))
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


def resumed(folder: Path, output: Path, options: Sequence[str]) -> dict[str, Any]:
    """The record of a run that lacks one shard of an output of one process."""
    min(output.glob("part-*")).unlink()
    return extracted(folder, output, SIDES[ONE], options)


def shard_size(pictures: int) -> list[str]:
    """The option that makes a hundred shards of so many pictures."""
    return ["--shard-size", str(max(1, pictures // SHARDS))]


def measure_resuming(chosen: argparse.Namespace) -> dict[str, Any]:
    """A whole run of one process, and the run that resumes it at 99 %."""
    options = [*shard_size(chosen.pictures), *chosen.options]
    with tempfile.TemporaryDirectory(prefix="extraction-") as name:
        pictures, output = Path(name) / "pictures", Path(name) / "out"
        make_pictures(pictures, chosen.data, chosen.pictures)
        return {
            "options": options,
            "pictures": chosen.pictures,
            "whole": extracted(pictures, output, SIDES[ONE], options),
            "resumed": resumed(pictures, output, options),
            "machine": fingerprint(),
        }


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """All figures but those of ``--resuming``."""
    options = [*shard_size(chosen.pictures), *chosen.options]
    with tempfile.TemporaryDirectory(prefix="extraction-") as name:
        place = Path(name)
        pictures = place / "pictures"
        make_pictures(pictures, chosen.data, chosen.pictures)
        some = first_pictures(pictures, chosen.pictures // 10)
        for words in ("warm-up", "memory"):  # the first runs fill caches, and aren't looked at
            tenth = {
                side: extracted(some, place / words / side, each, options)
                for side, each in SIDES.items()
            }
        runs = rounds(pictures, place / "out", chosen.rounds, options)
        right = place / "like a worker"
        extracted(pictures, right, LIKE_A_WORKER, options)
        outputs = [place / "out" / f"{TWO} {number}" for number in range(chosen.rounds)]
        return {
            "options": options,
            "pictures": chosen.pictures,
            "tenth": tenth,
            "runs": runs,
            "same": same_files([right, *outputs]),
            "resumed": resumed(pictures, place / "out" / f"{ONE} 0", options),
            "machine": fingerprint(),
        }


def ratio(study: dict[str, Any], figure: str) -> float:
    """Median of two workers as a multiple of that of one process."""
    one, two = (median(run[figure] for run in study["runs"][side]) for side in (ONE, TWO))
    return float(two / one)


def table(study: dict[str, Any]) -> str:
    """By side: throughput, memory at both numbers of pictures; then what resuming costs."""
    whole = study["pictures"]
    sizes = (f"{whole // 10:,}", f"{whole:,}")
    lines = heading("", "images/s", *(f"memory at {n} pictures, MB" for n in sizes), "n")
    for side, runs in study["runs"].items():
        rates = range_text([run["images_per_s"] for run in runs], "{:,.0f}")
        few = study["tenth"][side]["rss_bytes"] / 1e6
        many = median(run["rss_bytes"] for run in runs) / 1e6
        lines.append(cell_line([side, rates, f"{few:,.0f}", f"{many:,.0f}", str(len(runs))]))
    same = "equal" if study["same"] else "not equal"
    sentences = (
        f"Two workers have {ratio(study, 'images_per_s'):.2f} times the throughput of one process "
        f"on as many CPUs; with all starts, they take {ratio(study, 'whole_s'):.2f} times as long. "
        f"Their files are {same}, byte for byte, to those of one process with as many threads as "
        "a worker."
    )
    return "\n".join([*lines, "", sentences])


def resuming_table(study: dict[str, Any]) -> str:
    """By options, how long a whole run takes, and how long one that lacks a hundredth."""
    whole_s = median(run["whole_s"] for run in study["runs"][ONE])
    few = {"options": study["options"], "whole": {"whole_s": whole_s}, "resumed": study["resumed"]}
    lines = heading("image size", "whole run, s", "resumed at 99 %, s", "of these, start",
                    "share of the whole")  # fmt: skip
    for each in (few, study["resuming"]):
        whole_s, again_s = (each[run]["whole_s"] for run in ("whole", "resumed"))
        start_s = again_s - each["resumed"]["seconds"]
        cells = [f"{whole_s:,.0f}", f"{again_s:.0f}", f"{start_s:.0f}"]
        lines.append(
            cell_line([_size(each["options"]), *cells, f"{100 * again_s / whole_s:.1f} %"])
        )
    return "\n".join(lines)


def _size(options: Sequence[str]) -> str:
    """The side in pixels of the images that the network gets."""
    name = "--image-size"
    return options[options.index(name) + 1] if name in options else "the model's own"


BLOCKS = (
    of_study("extraction", "extraction.json", table),
    of_study("resuming", "extraction.json", resuming_table),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="result of the study")
    parser.add_argument("--data", default="cifar10", help="data set of the pictures")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side")
    parser.add_argument(
        "--resuming", action="store_true", help="measure only this, and add it to FILE"
    )
    texts = list(sys.argv[1:] if arguments is None else arguments)
    mark = texts.index("--") if "--" in texts else len(texts)
    chosen = parser.parse_args(texts[:mark], argparse.Namespace(options=texts[mark + 1 :]))
    if chosen.resuming:
        study = json.loads(chosen.file.read_text(encoding="utf-8"))
        write_json(chosen.file, study | {"resuming": measure_resuming(chosen)})
    else:
        write_json(chosen.file, measure(chosen))


if __name__ == "__main__":
    main()
