"""Real gates of the quick workload's fast stages: unchanged code, a slower extractor, mistakes.

Run as ``python -m bench.studies.gate_runs FOLDER [SCENARIO...]``; a gate whose file is there is not
run again, so that a study can be spread over days. ``bench.studies.gate_rules`` counts verdicts.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The quick workload's stages whose round takes less than a second.
FAST = ("--", "--benchmark", "-k", "resize or extract or cached")
#: Seconds that a load that comes and goes stays, or stays away, at most.
LOAD_S = 8.0


@dataclass(frozen=True)
class Scenario:
    """What is gated.

    Attributes:
        name: Of its folder.
        gates: How often.
        broken: Which mistake the candidate makes, see ``bench.studies.broken_arm``.
        load: Whether another process keeps a CPU busy, on and off.
    """

    name: str
    gates: int
    broken: str = ""
    load: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of ``tlbench gate``."""
        if not self.broken:
            return ()
        variables = f"env.PYTEST_PLUGINS=bench.studies.broken_arm,env.TLBENCH_BROKEN={self.broken}"
        return "--head", variables

    @property
    def slowed(self) -> tuple[str, ...]:
        """Benchmarks that the mistake slows."""
        return ("test_extract",) if self.broken.startswith("slower") else ()


SCENARIOS = (
    Scenario("unchanged", 30),
    Scenario("slower-25", 10, broken="slower:0.25"),
    Scenario("slower-10", 10, broken="slower:0.10"),
    Scenario("slower-05", 10, broken="slower:0.05"),
    Scenario("unchanged-loaded", 10, load=True),
    Scenario("wrong-range", 1, broken="range"),
    Scenario("shuffled-labels", 1, broken="labels"),
    Scenario("shuffled-labels-30", 1, broken="labels:0.3"),
)


def main() -> None:
    """Run what isn't there yet, one round of all scenarios after the other."""
    folder = Path(sys.argv[1])
    chosen = [each for each in SCENARIOS if not sys.argv[2:] or each.name in sys.argv[2:]]
    for number in range(max(each.gates for each in chosen)):
        for scenario in chosen:
            target = folder / scenario.name / f"{number:02}.json"
            if number < scenario.gates and not target.exists():
                _gate(scenario, target)


def _gate(scenario: Scenario, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tlbench", "gate", *scenario.arguments]
    whole = target.with_suffix(".whole")
    with _load(on=scenario.load):
        subprocess.run([*command, "--save", str(whole), *FAST], check=False)  # noqa: S603 - ours
    if whole.exists():
        write_json(target, compact(json.loads(whole.read_text())), indent=None)
        whole.unlink()
    print(f"{scenario.name} {target.stem}", flush=True)  # noqa: T201


def compact(saved: dict[str, Any]) -> dict[str, Any]:
    """What a table needs of what ``tlbench gate --save`` wrote: without each test's own words."""
    (gate,) = saved["gates"]
    for pair in gate["pairs"]:
        for timed in pair["benchmarks"].values():
            timed.pop("outcomes", None)
            for arm in ("base", "head"):
                timed[arm] = [round(seconds, 6) for seconds in timed[arm]]
    return {"machine": saved["machine"], "gates": [gate]}


@contextmanager
def _load(*, on: bool) -> Iterator[None]:
    """A process beside the gate that is busy and idle in turns of random length."""
    process = Process(target=come_and_go, daemon=True)
    if on:
        process.start()
    try:
        yield
    finally:
        if on:
            process.terminate()
            process.join()


def come_and_go() -> None:
    """Keep a CPU busy, on and off."""
    while True:
        end = time.monotonic() + random.uniform(1, LOAD_S)  # noqa: S311 - no secret
        while time.monotonic() < end:
            pass
        time.sleep(random.uniform(1, LOAD_S))  # noqa: S311


if __name__ == "__main__":
    main()
