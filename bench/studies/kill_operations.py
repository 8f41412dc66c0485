"""What is killed: commands that write, how their outcome is checked, and what may be left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.studies.files import ROOT
from bench.studies.small_suites import small_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Arguments of a run of the suite that takes seconds.
SUITE = (
    *("--benchmark", "--engine", "tensorflow", "--image-size", "96", "--no-isolate"),
    *("--train-size", "64", "--test-size", "64", "--budget", "1", "-k", "resize"),
)
TRAINING = (
    *("photo-patches", "--engine", "tensorflow", "--image-size", "96", "--train-size", "100"),
    *("--test-size", "50", "--epochs", "2"),
)


@dataclass(frozen=True)
class Operation:
    """A command that writes.

    Attributes:
        name: In the result.
        command: A module and its arguments, run in the trial's folder, with its cache there.
        targets: What it writes, as patterns in that folder.
        problem: What is wrong with a target that is there; None if it is whole.
        prepare: Fills the trial's folder.
        points: Whether the command itself does the writing, so that it is also killed at each
            write; a command whose children write is only killed at random moments.
        never_overwritten: Target with which it may refuse to run again.
    """

    name: str
    command: tuple[str, ...]
    targets: tuple[str, ...]
    problem: Callable[[Path], str | None]
    prepare: Callable[[Path], None] = lambda _: None
    points: bool = True
    never_overwritten: str | None = None


def json_problem(path: Path) -> str | None:
    """What is wrong with a JSON file."""
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return f"{path.name}: {error}"
    return None


def page_problem(path: Path) -> str | None:
    """What is wrong with a page: it is cut off."""
    text = path.read_text(encoding="utf-8").rstrip()
    return None if text.endswith("</html>") else f"{path.name} is cut off"


def result_problem(path: Path) -> str | None:
    """What ``tlbench check`` says of a result file."""
    command = [sys.executable, "-m", "tlbench", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return done.stdout + done.stderr if done.returncode else None


def model_problem(folder: Path) -> str | None:
    """What ``tlbench predict`` says of a saved model; an empty folder is none."""
    if not any(folder.iterdir()):
        return None
    picture = next((ROOT / "tests").rglob("*.jpg"), None) or _picture(folder.parent)
    command = [sys.executable, "-m", "tlbench", "predict", str(folder), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return done.stderr if done.returncode else None


def _picture(folder: Path) -> Path:
    from PIL import Image

    path = folder / "picture.png"
    Image.new("RGB", (32, 32), (200, 40, 40)).save(path)
    return path


def with_results(place: Path) -> None:
    """The committed result files of one machine, to report on."""
    machine = min(path for path in (ROOT / "results").iterdir() if "2-cpus" in path.name)
    shutil.copytree(machine, place / "results" / machine.name)


def with_suite(place: Path) -> None:
    """A repository with micro-benchmarks."""
    small_suite(place / "project", 1)
    for path in (place / "project").iterdir():
        shutil.move(path, place / path.name)


OPERATIONS = {
    each.name: each
    for each in (
        Operation(
            "report",
            ("tlbench", "report", "results", "-o", "out/page.html"),
            ("out/page.html",),
            page_problem,
            with_results,
        ),
        Operation(
            "baseline",
            ("tlbench", "baseline", "-o", "out/base.json", "--runs", "2", "--", "bench_small.py"),
            ("out/base.json",),
            json_problem,
            with_suite,
        ),
        Operation(
            "gate",
            (
                *("tlbench", "gate", "--base", "ref=HEAD", "--head", "ref=HEAD"),
                *("--budget", "5", "--save", "out/gate.json", "--", "bench_small.py"),
            ),
            ("out/gate.json",),
            json_problem,
            with_suite,
        ),
        Operation(
            "train",
            ("tlbench", "train", *TRAINING, "--save", "out/model", "--report", "out/page.html"),
            ("out/model", "out/page.html"),
            lambda path: model_problem(path) if path.is_dir() else page_problem(path),
            never_overwritten="out/model",
        ),
        Operation(
            "suite",
            ("pytest", *SUITE, "--results", "out"),
            ("out/*/*.json",),
            result_problem,
        ),
    )
}
