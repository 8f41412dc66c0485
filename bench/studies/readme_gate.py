"""The gate that the README shows: ``python -m bench.studies.readme_gate``.

Gates a small repository whose working tree counts words more slowly than ``main`` does, and saves
every round in ``results/studies/readme-gate.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.studies.files import STUDIES, write_json
from bench.studies.gate_runs import compact

NAME = "readme-gate.json"
#: What the README says is typed.
COMMAND = ("gate", "--base", "ref=main", "--", "bench_text.py")
FAST = """\
from collections import Counter


def count(words):
    return Counter(words)


def ordered(words):
    return sorted(words)
"""
SLOW = FAST.replace("Counter(words)", "Counter(list(words))")
BENCHMARKS = """\
import random

from text import count, ordered

WORDS = random.Random(0).choices(["tea", "milk", "sugar", "salt"], k=100_000)


def test_count(benchmark):
    assert sum(benchmark(count, WORDS).values()) == 100_000


def test_ordered(benchmark):
    assert benchmark(ordered, WORDS)[-1] == "tea"
"""


def repository(folder: Path) -> None:
    """A repository with a benchmark file, and an uncommitted change that slows one benchmark."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (folder / "text.py").write_text(FAST, encoding="utf-8")
    (folder / "bench_text.py").write_text(BENCHMARKS, encoding="utf-8")
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["commit", "--quiet", "--message", "a benchmark"],
    ):
        subprocess.run([*git, *command], check=True)  # noqa: S603 - ours
    (folder / "text.py").write_text(SLOW, encoding="utf-8")


def gate(folder: Path) -> dict[str, Any]:
    """What ``tlbench gate --save`` writes of the repository in a folder, without outputs."""
    saved = folder / "gate.json"
    options = [COMMAND[0], "--save", str(saved), *COMMAND[1:]]
    subprocess.run([sys.executable, "-m", "tlbench", *options], cwd=folder, check=False)  # noqa: S603
    return compact(json.loads(saved.read_text(encoding="utf-8")))


def main() -> None:
    """Run the gate and save it."""
    with tempfile.TemporaryDirectory() as folder:
        repository(Path(folder))
        print(write_json(STUDIES / NAME, gate(Path(folder)), indent=None))  # noqa: T201


if __name__ == "__main__":
    main()
