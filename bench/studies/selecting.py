"""What ``tlbench select`` finds within its budget, beside a full search.

Run as ``python -m bench.studies.selecting FILE``; needs CIFAR-10 in ``TLBENCH_DATA``, or other sets
by ``--set``. Each data set is a folder of pictures. The search runs once, in a fresh process, with
an empty cache: what is converted counts. Then ``tlbench train`` trains every candidate that the
search could have chosen on all training pictures, and tests it. The result is how much test
accuracy the choice loses beside the highest of them. That one was chosen by test pictures, so that
even a perfect choice loses a little. ``--full FILE`` takes full searches from an earlier result
and trains only what they lack. With ``--small`` it takes minutes, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.files import write_json
from bench.studies.picture_sets import SETS, write_folder
from tl_core.models.handles import public_name
from tlbench.compare.selection import Candidate
from tlbench.machine.fingerprint import fingerprint
from tlbench.suite.quiet import import_tensorflow_later
from tlbench.suite.select.plan import sizes_by_backbone

#: A record of a command's JSON.
Record = dict[str, Any]
#: Images of a small search, for training and for test.
SMALL = 200, 200
#: Arguments that make a search small.
SMALL_SIZES = (96, 64)
SMALL_SEARCH = ("--image-size", "96", "--image-size", "64", "--engine", "tensorflow")
#: What features depend on: an engine is compared with the reference before it is used.
CHOSEN = ("model", "image_size", "precision")
#: Accuracy that the choice may lose.
ALLOWED = 0.01


def command(arguments: list[str], codes: tuple[int, ...] = (0,)) -> Record:
    """What a command of ``tlbench`` prints as JSON; RuntimeError with its errors where it fails."""
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "tlbench", *arguments, "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in codes:
        raise RuntimeError(f"{arguments}: exit {done.returncode}:\n{done.stderr[-2000:]}")
    record: Record = json.loads(done.stdout)
    return record


def all_candidates(selection: Record, sizes: dict[str, tuple[int, ...]]) -> list[Candidate]:
    """Every candidate that the search could have chosen, each with its precision's fastest engine.

    Lower precisions that were no faster than single precision are none.
    """
    fastest: dict[str, Record] = {}
    for each in sorted(selection["engines"], key=lambda each: each["images_per_s"]):
        fastest[each["precision"]] = each
    least = fastest["fp32"]["images_per_s"]
    able = [each for each in fastest.values() if each["images_per_s"] >= least]
    return [
        Candidate(model, size, each["engine"], each["precision"])
        for each in able
        for model, sides in sizes.items()
        for size in sides
    ]


def trained(candidate: Candidate, folder: Path) -> Record:
    """Its test accuracy; the reason where it can't be trained."""
    network = [
        *("--model", candidate.model, "--image-size", str(candidate.image_size)),
        *("--engine", candidate.engine, "--precision", candidate.precision),
    ]
    row: Record = vars(candidate) | {"model": public_name(candidate.model)}
    try:
        record = command(["train", str(folder), *network])
    except RuntimeError as error:
        return row | {"refused": str(error).splitlines()[-1]}
    return row | {key: record[key] for key in ("accuracy", "accuracy_interval_95", "train_s")}


def known_rows(file: Path | None, name: str) -> list[Record]:
    """Rows of a data set's full search in an earlier result, none without a file."""
    sets = [] if file is None else json.loads(file.read_text(encoding="utf-8"))["sets"]
    return [row for each in sets if each["data"] == name for row in each["full"]]


def is_of(row: Record, candidate: Candidate) -> bool:
    """Whether a row of a full search is this candidate's; engines of one precision agree."""
    own = vars(candidate) | {"model": public_name(candidate.model)}
    return all(row[key] == own[key] for key in CHOSEN)


def summary(choice: Record, full: list[Record]) -> Record:
    """How much the choice loses beside the best of a full search, on the test images."""
    tested = [each for each in full if "accuracy" in each]
    best = max(tested, key=lambda each: each["accuracy"])
    own = next(each for each in tested if all(each[key] == choice[key] for key in CHOSEN))
    loss = best["accuracy"] - own["accuracy"]
    return {
        "choice": own,
        "best": best,
        "loss": loss,
        "within": loss <= ALLOWED + 1e-9,
        "rank": 1 + sum(each["accuracy"] > own["accuracy"] for each in tested),
        "candidates": len(tested),
    }


def one(name: str, arguments: argparse.Namespace, place: Path) -> Record:
    """A data set: the search, then every candidate."""
    data = SETS[name]()
    if arguments.small:
        data = data.head(*SMALL)
    folder = write_folder(data, place / "sets")
    os.environ["TLBENCH_CACHE"] = str(place / "cache")  # for the commands, too
    models = [word for handle in arguments.model for word in ("--model", handle)]
    limits = ["--budget", str(arguments.budget), *(SMALL_SEARCH if arguments.small else ())]
    start = perf_counter()
    selection = command(["select", str(folder), *models, *limits], (0, 3))
    seconds = perf_counter() - start
    del selection["command"]  # it has a path
    full, known = [], known_rows(arguments.full, name)
    sizes = sizes_by_backbone(arguments.model, SMALL_SIZES if arguments.small else ())
    for candidate in all_candidates(selection, sizes):
        row = next((row for row in known if is_of(row, candidate)), None)
        full.append(row or trained(candidate, folder))
        print(full[-1], flush=True)  # noqa: T201
    choice = selection["best"] | {"model": public_name(selection["best"]["model"])}
    outcome = summary(choice, full)
    print(name, outcome, flush=True)  # noqa: T201
    train, test = data.sizes
    made = {"data": name, "train_size": train, "test_size": test, "wall_s": seconds}
    return {**made, "search": selection, "full": full, **outcome}


def table(study: Record) -> str:
    """By data set, the choice of the search, and the best of a full search on test images."""
    lines = heading("data set, images", "margin, points", "search", "choice", "its top-1",
                    "best of all", "its top-1", "lost, points", "candidates",
                    texts=("choice", "best of all"))  # fmt: skip
    for each in study["sets"]:
        own, best = each["choice"], each["best"]
        lines.append(cell_line([
            f"{each['data']}, {each['train_size']:,} + {each['test_size']:,}",
            f"{100 * each['search']['accuracy_margin']:g}", f"{each['wall_s']:,.0f} s",
            _network(own), f"{own['accuracy']:.4f}", _network(best), f"{best['accuracy']:.4f}",
            f"{100 * each['loss']:.2f}", str(each["candidates"]),
        ]))  # fmt: skip
    return "\n".join(lines)


def _network(candidate: Record) -> str:
    return f"{candidate['model']} at {candidate['image_size']}, {candidate['precision']}"


GUIDE = "docs/selecting.md"
BLOCKS = (
    of_study("selecting", "selecting.json", table),
    of_study("selecting with a point", "selecting-one-point.json", table),
)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--budget", type=int, default=600, help="seconds of each search")
    parser.add_argument("--model", action="append", default=[], help="backbone; repeatable")
    parser.add_argument("--set", action="append", choices=list(SETS), help="set; repeatable")
    parser.add_argument("--full", type=Path, help="earlier result to take full searches from")
    parser.add_argument("--small", action="store_true", help="a small search, to try the study")
    chosen = parser.parse_args(arguments)
    import_tensorflow_later("cpu")
    outcomes = []
    for name in chosen.set or SETS:
        with tempfile.TemporaryDirectory() as place:
            outcomes.append(one(name, chosen, Path(place)))
    if chosen.file:
        outcome = {"budget_s": chosen.budget, "sets": outcomes, "machine": fingerprint()}
        write_json(chosen.file, outcome)


if __name__ == "__main__":
    main()
