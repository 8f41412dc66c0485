"""Real gates of small suites: unchanged code in three forms, and one slower benchmark.

Run as ``python -m bench.studies.small_gates FOLDER [SCENARIO...]``; a gate whose line is there is
not run again, so that a study can be spread over days. ``bench.studies.small_gate_rates FOLDER
FILE`` counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path
from typing import Any

import msgspec

from bench.studies.files import add_line, read_lines
from bench.studies.gate_runs import come_and_go
from bench.studies.small_suites import SmallSuite, small_suite
from tlbench.gate.pair_result import PairedRounds
from tlbench.gate.verdict import TOLERANCE
from tlbench.machine.fingerprint import fingerprint

#: The usual rules are tried beside every so many gates of unchanged code.
USUAL_EVERY = 5
#: pytest-benchmark's options under which its means are compared.
USUAL = {"mean:5%": (), "mean:5%, precision 1 %": ("--benchmark-precision=0.01",)}
#: Growth of a mean that these rules call slower.
GROWTH = 1.05


@dataclass(frozen=True)
class Scenario:
    """What is gated.

    Attributes:
        name: Of its file.
        gates: How many.
        budget_s: Seconds of ``--budget``.
        base, head: Arms.
        slower: Share by which the candidate's first benchmark is slower. The tolerance is 5 %, or
            as large as a smaller one.
        load: Processes beside the gate that are busy and idle in turns.
    """

    name: str
    gates: int
    budget_s: float
    base: str = "ref=HEAD"
    head: str = "ref=HEAD"
    slower: float = 0.0
    load: int = 0

    @property
    def tolerance(self) -> float:
        """Of the gate, a share."""
        return min(TOLERANCE, self.slower or TOLERANCE)


SCENARIOS = (
    Scenario("unchanged", 100, 20.0),
    Scenario("unchanged-tree", 100, 20.0, head="."),
    Scenario("unchanged-loaded", 50, 40.0, load=2),
    Scenario("unchanged-crowded", 100, 20.0, load=3),
    Scenario("slower-05", 40, 180.0, slower=0.05, load=1),
    Scenario("slower-10", 20, 120.0, slower=0.10, load=1),
    Scenario("slower-03", 20, 180.0, slower=0.03, load=1),
    Scenario("slower-02", 20, 180.0, slower=0.02, load=1),
)


def main() -> None:
    """Run what isn't there yet, one gate of each scenario after the other."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in SCENARIOS if not sys.argv[2:] or each.name in sys.argv[2:]]
    for number in range(max(each.gates for each in chosen)):
        for scenario in chosen:
            path = folder / f"{scenario.name}.jsonl"
            if number < scenario.gates and number not in _numbers(path):
                line = run(scenario, number)
                add_line(path, line)
                print(scenario.name, number, line["verdict"], flush=True)  # noqa: T201


def _numbers(path: Path) -> set[int]:
    return {line["number"] for line in read_lines(path)} if path.exists() else set()


def run(scenario: Scenario, number: int) -> dict[str, Any]:
    """One gate of a suite of its own, and what the usual rules say of it."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        suite = small_suite(Path(scratch) / "project", number)
        for _ in range(scenario.load):
            process = Process(target=come_and_go, daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
        line = _gate(scenario, suite, Path(scratch) / "gate.json")
        usual = _usual(suite) if not scenario.slower and number % USUAL_EVERY == 0 else {}
        return {"number": number, "slowed": _slowed(scenario, suite), **line, "usual": usual}


def _slowed(scenario: Scenario, suite: SmallSuite) -> str | None:
    return f"test_{suite.kinds[0]}" if scenario.slower else None


def _gate(scenario: Scenario, suite: SmallSuite, saved: Path) -> dict[str, Any]:
    base, head = (
        f"{arm},env.SLOWER={suite.kinds[0]}:{share:.2f}" if scenario.slower else arm
        for arm, share in ((scenario.base, 0), (scenario.head, scenario.slower))
    )
    # Variables of one size on both sides: others would move what both have in memory, which made
    # the same calls up to 3 % faster or slower.
    subprocess.run(  # noqa: S603 - ours
        [
            sys.executable, "-m", "tlbench", "gate", "--base", base, "--head", head,
            "--budget", str(scenario.budget_s), "--tolerance", str(scenario.tolerance),
            "--no-profile", "--save", str(saved),
            "--", "bench_small.py",
        ],
        cwd=suite.folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    whole = json.loads(saved.read_text(encoding="utf-8"))
    (gate,) = whole["gates"]
    report = gate["report"]
    return {
        "verdict": report["verdict"],
        "seconds": round(report["seconds"], 1),
        "pairs": len(gate["pairs"]),
        "load": round(os.getloadavg()[0], 1),
        "cpu": fingerprint()["cpu"],
        "benchmarks": {
            each["name"].rpartition("::")[2]: each["verdict"] for each in report["benchmarks"]
        },
        "logs": _logs(gate["pairs"]),
    }


def _logs(pairs: list[dict[str, Any]]) -> dict[str, list[float]]:
    """By benchmark the log-ratio of each pair that timed it."""
    logs: dict[str, list[float]] = {}
    for pair in pairs:
        for name, timed in pair["benchmarks"].items():
            if timed["base"]:
                ratio = msgspec.convert(timed, PairedRounds).log_ratio
                logs.setdefault(name.rpartition("::")[2], []).append(round(ratio, 5))
    return logs


def _usual(suite: SmallSuite) -> dict[str, bool]:
    """Whether pytest-benchmark's rules call unchanged code slower, from one run to the next."""
    return {
        rule: _grew(_means(suite, options), _means(suite, options))
        for rule, options in USUAL.items()
    }


def _grew(before: dict[str, float], after: dict[str, float]) -> bool:
    return any(after[name] > GROWTH * before[name] for name in before)


def _means(suite: SmallSuite, options: tuple[str, ...]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "run.json"
        command = [sys.executable, "-m", "pytest", "-q", "bench_small.py", *options]
        subprocess.run(  # noqa: S603 - ours
            [*command, f"--benchmark-json={path}"],
            cwd=suite.folder, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        rows = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        return {each["name"]: each["stats"]["mean"] for each in rows}


if __name__ == "__main__":
    main()
