"""What ``tlbench train`` costs on a folder of photographs, and again on the same folder.

Run as ``python -m bench.studies.photo_folder FILE`` with options of ``tlbench train``;
``--before CHECKOUT`` measures another checkout of this repository in turns with this one. The
photographs are made from the embedded ones: crops, enlarged to several megapixels and brightened a
little each, as JPEG files in a temporary folder. Each training is a process of its own. Before the
first, the model is converted in its cache, which is new in each round. CPU seconds are those of the
process and its children; an audit hook counts how often each picture is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from bench.studies.blocks import cell_line, heading, range_text
from bench.studies.files import ROOT, write_json
from tl_core.photographs import photographs
from tlbench.machine.fingerprint import fingerprint

#: Least share of a photograph's sides that a crop has; quality of a phone's JPEG files.
LEAST_CROP, QUALITY = 0.5, 92
#: Classes: the first photographs.
CLASSES = 6
#: Pictures for which the model is converted before the first training.
FEW = 12

#: On the same folder, one after the other, and what each costs.
TRAININGS, COSTS = ("first", "second"), ("cpu_s", "seconds")

#: Runs the command, and at its end prints what it cost as the last line of stderr.
CHILD = """
import json, resource, runpy, sys, time
from collections import Counter
folder, opened, start = sys.argv[1], Counter(), time.perf_counter()
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(folder):
        opened[arguments[0]] += 1
sys.addaudithook(note)
sys.argv = sys.argv[2:]
try:
    runpy.run_module("tlbench", run_name="__main__", alter_sys=True)
finally:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "seconds": time.perf_counter() - start,
        "cpu_s": sum(usage.ru_utime + usage.ru_stime for usage in usages),
        "files": len(opened), "opens": sum(opened.values()), "most_opens": max(opened.values()),
        "tensorflow": "tensorflow" in sys.modules,
    }), file=sys.stderr)
"""


def make_photographs(folder: Path, count: int, width: int) -> None:
    """As many JPEG files, 4 to 3, in a folder for each photograph they are of; no two are equal."""
    rng = np.random.default_rng(0)
    originals = list(photographs().items())[:CLASSES]
    for number in range(count):
        name, path = originals[number % len(originals)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        with Image.open(path) as opened:
            whole = opened.convert("RGB")
        share = rng.uniform(LEAST_CROP, 1)
        sides = round(whole.width * share), round(whole.height * share)
        left = int(rng.integers(0, whole.width - sides[0] + 1))
        top = int(rng.integers(0, whole.height - sides[1] + 1))
        crop = whole.crop((left, top, left + sides[0], top + sides[1]))
        large = crop.resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
        bright = ImageEnhance.Brightness(large).enhance(rng.uniform(0.8, 1.2))
        bright.save(folder / name / f"{number:05}.jpg", quality=QUALITY)


def trained(checkout: Path, cache: Path, folder: Path, options: list[str]) -> dict[str, Any]:
    """What training on a folder cost in a fresh process.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-c", CHILD, str(folder), "tlbench", "train", str(folder), "--json"]
    code = os.pathsep.join(map(str, (checkout, checkout / "bench")))
    done = subprocess.run(  # noqa: S603 - ours
        [*command, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=checkout,
        env=os.environ | {"TLBENCH_CACHE": str(cache), "PYTHONPATH": code},
    )
    if done.returncode:
        raise RuntimeError(f"train: exit {done.returncode}: {done.stderr[-1000:]}")
    answer = json.loads(done.stdout)
    cost: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return cost | {"accuracy": answer["accuracy"], "images": answer["train_size"]}


def table(study: dict[str, Any]) -> str:
    """CPU seconds, seconds and openings of each training, by checkout."""
    lines = heading("checkout", "training", "CPU seconds", "seconds", "opened at most", "n")
    for side, several in study["rounds"].items():
        for training in TRAININGS:
            runs = [each[training] for each in several]
            figures = (range_text([run[key] for run in runs], "{:.1f}") for key in COSTS)
            most = f"{max(run['most_opens'] for run in runs)}"
            lines.append(cell_line([side, training, *figures, most, str(len(runs))]))
    return "\n".join(lines)


def measure(
    checkouts: dict[str, Path], place: Path, folder: Path, rounds: int, options: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Costs of the first and second training on a folder, by checkout, in turns."""
    few = place / "few"
    make_photographs(few, FEW, 320)
    costs: dict[str, list[dict[str, Any]]] = {side: [] for side in checkouts}
    for number in range(rounds):
        for side, checkout in checkouts.items():
            cache = place / f"cache-{side}-{number}"
            trained(checkout, cache, few, options)
            both = {each: trained(checkout, cache, folder, options) for each in TRAININGS}
            costs[side].append(both)
            print(side, both, flush=True)  # noqa: T201
    return costs


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="file for the figures")
    parser.add_argument("--before", type=Path, help="checkout to compare with")
    parser.add_argument("--images", type=int, default=360)
    parser.add_argument("--width", type=int, default=3_264, help="of the pictures, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    arguments, options = parser.parse_known_args()
    both = {"before": arguments.before, "now": ROOT}
    checkouts = {side: path.resolve() for side, path in both.items() if path is not None}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "photographs")
        make_photographs(folder, arguments.images, arguments.width)
        size = sum(path.stat().st_size for path in folder.glob("*/*"))
        rounds = measure(checkouts, Path(place), folder, arguments.rounds, options)
    outcome = {
        "images": arguments.images,
        "megapixels": arguments.width * (arguments.width * 3 // 4) / 1e6,
        "bytes": size,
        "options": options,
        "rounds": rounds,
        "machine": fingerprint(),
    }
    write_json(arguments.file, outcome)


if __name__ == "__main__":
    main()
