"""How many cases tests have, by the kind of what they try, and how many of them passed."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.files import ROOT, write_json
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.studies.blocks import Block

#: Words of a failed or skipped case in JUnit's XML.
FAILED, SKIPPED = ("failure", "error"), "skipped"


@dataclass(frozen=True)
class Kind:
    """What is tried.

    Attributes:
        kind: Its name.
        outcome: What must be true of each case.
        tests: Names of tests by their file below ``tests/``.
    """

    kind: str
    outcome: str
    tests: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Study:
    """Kinds that are tried, and the table of what came out.

    Attributes:
        key: Name of the list of kinds in the study's file.
        word: Heading of the kinds in the table.
        kinds: All of them.
    """

    key: str
    word: str
    kinds: Sequence[Kind]

    def block(self, name: str, file: str) -> Block:
        """The table in a guide."""
        return of_study(name, file, self.table)

    def table(self, study: dict[str, Any]) -> str:
        """By kind: what must be true, how many were tried and survived, and the tests."""
        lines = heading(self.word, "what must be true", "tried", "survived", "tests",
                        texts=("what must be true", "tests"))  # fmt: skip
        for each in study[self.key]:
            names = ", ".join(f"[{Path(file).stem}](../tests/{file})" for file in each["tests"])
            lines.append(cell_line([each["kind"], each["outcome"], *_counts([each]), names]))
        lines.append(cell_line(["all", "", *_counts(study[self.key]), ""]))
        return "\n".join(lines)

    def main(self, words: str | None, arguments: Sequence[str] | None = None) -> None:
        """Run from the command line, with these words as its help."""
        parser = argparse.ArgumentParser(description=words)
        parser.add_argument("file", nargs="?", type=Path, help="result of the study")
        chosen = parser.parse_args(arguments)
        rows = [tried(each) for each in self.kinds]
        if chosen.file:
            write_json(chosen.file, {self.key: rows, "machine": fingerprint()})
        raise SystemExit(any(row["failed"] for row in rows))


def tried(kind: Kind) -> dict[str, Any]:
    """Run the tests of a kind; how many cases there were, and how many passed or were skipped.

    RuntimeError if one of them is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.xml"
        tests = [f"tests/{path}::{name}" for path, names in kind.tests.items() for name in names]
        command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", *tests]
        done = subprocess.run(  # noqa: S603 - ours
            [*command, f"--junitxml={file}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        cases = list(ET.parse(file).getroot().iter("testcase"))  # noqa: S314 - pytest's own
    failed = sum(any(case.find(word) is not None for word in FAILED) for case in cases)
    skipped = sum(case.find(SKIPPED) is not None for case in cases)
    counts = {"cases": len(cases), "failed": failed, "skipped": skipped}
    print(kind.kind, counts, flush=True)  # noqa: T201
    return {**asdict(kind), **counts}


def _counts(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Cases that were tried, and those that passed."""
    count = sum(row["cases"] - row["skipped"] for row in rows)
    return f"{count:,}", f"{count - sum(row['failed'] for row in rows):,}"
