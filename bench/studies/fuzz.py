"""Coverage-guided fuzzing of every parser.

Run as ``python -m bench.studies.fuzz FILE [--target NAME] [--seconds N]``; needs the extra
``[fuzz]``. Each parser runs in a process of its own, by libFuzzer's own limits: 10 s and 2 GiB for
one input. An input at which a parser does anything but read or refuse it is kept in ``--findings``.
FILE is written after each parser; those that it has already, with as many seconds, are not fuzzed
again, so that the study can be spread over days. The exit code is 1 if there is any finding.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.fuzz_targets import TARGETS
from bench.studies.parts import Parts
from tlbench.gate.arm.processors import children_s
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Limits of one input.
INPUT_S, INPUT_MB = 10, 2048
#: Longest input in bytes.
LENGTH = 20_000


def fuzz_one(name: str, arguments: Sequence[str]) -> None:
    """Fuzz a target in this process, which libFuzzer ends."""
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    target = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    path = folder / {"archive": "x.tar.gz"}.get(name, "x")
    os.environ["TLBENCH_CACHE"] = str(folder / "cache")

    def one(data: bytes) -> None:
        path.write_bytes(data)
        target.read(data, path)

    with atheris.instrument_imports(include=list(target.modules)):
        for module in target.modules:
            importlib.import_module(module)
        for seed in target.seeds():  # imports the rest: TensorFlow takes longer than an input may
            one(seed)
    atheris.Setup(["fuzz", *arguments], one)
    atheris.Fuzz()


def fuzz(name: str, seconds: int, findings: Path) -> dict[str, Any]:
    """Fuzz a target for some seconds in a process of its own, until the first finding."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(TARGETS[name].seeds()):
            (Path(corpus) / f"seed{number}").write_bytes(seed)
        findings.mkdir(parents=True, exist_ok=True)
        limits = (
            *(f"-max_total_time={seconds}", f"-max_len={LENGTH}", f"-timeout={INPUT_S}"),
            *(f"-rss_limit_mb={INPUT_MB}", f"-artifact_prefix={findings / name}-"),
        )
        command = [sys.executable, "-m", "bench.studies.fuzz", "--one", name, "--", *limits, corpus]
        before = children_s()
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return {
            "target": name,
            "inputs": _last(r"^#(\d+)", done.stderr),
            "coverage": _last(r"cov: (\d+)", done.stderr),
            "corpus": len(list(Path(corpus).iterdir())),
            "seconds": seconds,
            "cpu_seconds": round(children_s() - before),
            "exit_code": done.returncode,
            "findings": sorted(path.name for path in findings.glob(f"{name}-*")),
            "last": done.stderr[-1500:] if done.returncode else "",
            "cpu": fingerprint()["cpu"],
        }


def _last(pattern: str, text: str) -> int:
    numbers = re.findall(pattern, text, re.MULTILINE)
    return int(numbers[-1]) if numbers else 0


def table(study: dict[str, Any]) -> str:
    """By parser, how many inputs it read and how long, how much it covered, and what was found."""
    lines = heading("parser", "minutes", "CPU minutes", "inputs", "covered branches", "findings")
    for each in study["targets"]:
        words = TARGETS[each["target"]].read.__doc__ or ""
        lines.append(cell_line([
            words.partition(".")[0].partition(";")[0].partition(",")[0],
            f"{each['seconds'] / 60:.0f}", f"{each['cpu_seconds'] / 60:.0f}",
            f"{each['inputs']:,}", f"{each['coverage']:,}", str(len(each["findings"])),
        ]))  # fmt: skip
    return "\n".join(lines)


BLOCKS = (of_study("fuzz", "fuzz.json", table),)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    parser.add_argument("--seconds", type=int, default=1800, help="for each target")
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="folder for them")
    parser.add_argument("--one", choices=list(TARGETS), help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        fuzz_one(chosen.one, [*filter(None, (str(chosen.file or ""), *chosen.rest))])
        return
    parts = Parts(chosen.file, "targets", "target", "seconds", TARGETS)
    rows = parts.complete(
        chosen.target or TARGETS,
        chosen.seconds,
        lambda name: fuzz(name, chosen.seconds, chosen.findings),
    )
    raise SystemExit(any(row["exit_code"] for row in rows))


if __name__ == "__main__":
    main()
