"""Instructions per call in both arms, counted by valgrind's callgrind.

A count of instructions hardly varies, so it shows changes that are too small for times. But it
doesn't include the effects of caches, of waiting, and of instructions that run at the same time.
So it never changes a verdict.
"""

from __future__ import annotations

import math
import platform
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from tlbench.errors import InputError
from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.gate.run import plugin_folder
from tlbench.gate.verdict import Instructions
from tlbench.gate.visit import HASHES, Unanswered, ask_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tlbench.gate.run import Gate
    from tlbench.gate.verdict import Report
    from tlbench.gate.visit import Visit

#: Program that starts to count when it is asked to.
VALGRIND = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no")
#: Processors on which ``tlbench.gate.arm.instructions`` can send requests to valgrind.
PROCESSORS = ("x86_64", "aarch64")
#: Time to count a call, as a multiple of the call's time, at most. Under callgrind a call takes 20
#: to 50 times as long, and each counted call runs twice: to warm up and to be counted.
SLOWER = 100
#: Factor by which time limits are longer under valgrind: of imports and all else, and of a round.
SLOWER_START = 10.0
#: Most calls that are counted: more would not change the result.
CALLS = 50
#: Most parts of a benchmark whose arguments are made for each part: to start counting takes long.
PARTS = 8
#: Seconds for one benchmark, unless a single call takes longer, and at most.
SHARE_S, MOST_S = 5.0, 60.0
#: Seconds after which no further benchmark is started.
LIMIT_S = 300.0
#: Largest share of the work that other threads and processes may do.
OTHERS = 0.05
#: How an error says that this signal ended a process during imports, and what the signal means.
KILLED = "(exit -4)"
ILLEGAL = "valgrind doesn't know an instruction of its code, such as those of AVX-512"


def check_countable() -> None:
    """Check that instructions can be counted on this machine.

    Raises:
        InputError: Another system or processor, or no valgrind; why, and what to do.
    """
    here = f"{sys.platform} on {platform.machine()}"
    if sys.platform != "linux" or platform.machine() not in PROCESSORS:
        raise InputError(
            f"--count instructions: received {here}; expected Linux on {' or '.join(PROCESSORS)}"
        )
    if shutil.which("valgrind") is None:
        raise InputError(
            "--count instructions: valgrind isn't installed; install your system's package of "
            "that name, for example by: apt-get install valgrind"
        )


def with_instructions(gate: Gate, report: Report) -> Report:
    """The report with ``instructions`` in its verdicts; notes say what can't be counted."""
    names = [each.name for each in report.verdicts if each.estimate]
    if not names:
        return report
    gate.say(
        f"counting instructions of {len(names)} benchmark{'s' * (len(names) != 1)} with valgrind, "
        f"about {LIMIT_S:.0f} s at most; Ctrl-C skips this"
    )
    with plugin_folder() as scratch:
        counter = _Counter(gate, scratch, perf_counter() + LIMIT_S)
        prefix = [*VALGRIND, f"--callgrind-out-file={scratch}/%p"]
        counts, notes = ask_all(
            lambda fatal: gate.processes(
                scratch, HASHES, fatal, prefix=prefix, slower=SLOWER_START
            ),
            names,
            counter.ask,
            "instructions not counted",
        )
    notes = [f"{note}: {ILLEGAL}" if "SIGILL" in note or KILLED in note else note for note in notes]
    verdicts = (replace(each, instructions=counts.get(each.name)) for each in report.verdicts)
    return replace(report, verdicts=tuple(verdicts), notes=(*report.notes, *notes))


@dataclass(frozen=True)
class _Counter:
    gate: Gate
    folder: Path
    deadline: float

    def ask(self, name: str, one: Visit) -> Instructions:
        if perf_counter() > self.deadline:
            raise Unanswered(f"the time limit of {LIMIT_S:.0f} s is reached")
        rounds = [pair.benchmarks[name] for pair in self.gate.pairs if name in pair.benchmarks]
        seconds = max(median(each.base + each.candidate) for each in rounds if each.base)
        calls, own = calls_to_count(seconds), one.ready[CANDIDATE]["iterations"]
        parts = min(PARTS, math.ceil(calls / own)) if own else 1
        each = own or calls
        order = {"parts": parts, "iterations": each, "others": OTHERS}
        answers = one.ask(BASE, CANDIDATE, do="count", **order)
        others = max(answer["others"] for answer in answers.values())
        if others > OTHERS:
            raise Unanswered(
                f"other threads or processes do {100 * others:.0f} % of its work; expected a "
                "benchmark that works in one thread"
            )
        base, candidate = (
            self._count(answers[key]["pid"], parts) / (parts * each) for key in (BASE, CANDIDATE)
        )
        return Instructions(base, candidate)

    def _count(self, pid: int, parts: int) -> int:
        """Instructions of all calls of a process; the files that have them are deleted."""
        files = list(self.folder.glob(f"{pid}.*"))
        counts = read_counts(file.read_text(encoding="utf-8", errors="replace") for file in files)
        for file in files:
            file.unlink()
        if not counts.keys() >= {"calls", "none"}:
            raise Unanswered("callgrind wrote no count")
        return max(1, counts["calls"] - parts * counts["none"])


def calls_to_count(seconds: float) -> int:
    """How many calls are counted, if one takes so many seconds.

    Raises:
        Unanswered: A single call takes too long.
    """
    each = SLOWER * seconds
    if each > MOST_S:
        raise Unanswered(
            f"a call takes {seconds:.2g} s; counting it could take {each:.0f} s, and the limit per "
            f"benchmark is {MOST_S:.0f} s"
        )
    return min(CALLS, max(1, int(SHARE_S / each)))


def read_counts(texts: Iterable[str]) -> Mapping[str, int]:
    """All instructions in files of callgrind, by the name of the request that wrote the file."""
    counts: Counter[str] = Counter()
    for text in texts:
        name = None
        for line in text.splitlines():
            if line.startswith("desc: Trigger: Client Request: "):
                name = line.rpartition(": ")[2]
            elif line.startswith("summary: ") and name:
                counts[name] += int(line.split()[1])
                break
    return counts
