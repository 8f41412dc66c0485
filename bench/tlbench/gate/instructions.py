"""Instructions per call in both arms, counted by valgrind's callgrind: a second witness.

A count of instructions hardly varies, and shows changes that time can't. But it isn't time: it
knows nothing of caches, of waiting, or of what the processor does at once. So it never changes a
verdict.
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

#: Program that counts once it is asked to.
VALGRIND = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no")
#: Processors on which ``tlbench.gate.arm.instructions`` can ask valgrind for something.
PROCESSORS = ("x86_64", "aarch64")
#: Times as long as a call takes under callgrind, roughly; warm-up and count are a call each.
SLOWER = 100
#: Times as long as all else may take, such as imports, and as a benchmark may.
SLOWER_START = 10.0
#: Calls that are counted at most: more change nothing.
CALLS = 50
#: Parts at most where a benchmark has arguments made for each: to start counting is dear.
PARTS = 8
#: Seconds for one benchmark, unless a single call takes longer, and at most.
SHARE_S, MOST_S = 5.0, 60.0
#: Seconds after which no other benchmark is begun.
LIMIT_S = 300.0
#: Share of the time that others than the timed thread may work.
OTHERS = 0.05
#: How an error says that a signal ended a process that imported, and what that signal means here.
KILLED = "(exit -4)"
ILLEGAL = "valgrind doesn't know an instruction of its code; AVX-512, for one, it doesn't know"


def check_countable() -> None:
    """Refuse to count where that can't be done.

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
    """The report with ``instructions`` in its verdicts; what can't be counted is a note."""
    names = [each.name for each in report.verdicts if each.estimate]
    if not names:
        return report
    gate.say(
        f"counting instructions of {len(names)} benchmark{'s' * (len(names) != 1)} by valgrind, "
        f"about {LIMIT_S:.0f} s at most; Ctrl-C leaves it out"
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
                f"other threads or processes do {100 * others:.0f} % of its work; expected one "
                "thread, whose count is the same each time"
            )
        base, candidate = (
            self._count(answers[key]["pid"], parts) / (parts * each) for key in (BASE, CANDIDATE)
        )
        return Instructions(base, candidate)

    def _count(self, pid: int, parts: int) -> int:
        """Instructions of all calls of a process, from files that are then deleted."""
        files = list(self.folder.glob(f"{pid}.*"))
        counts = read_counts(file.read_text(encoding="utf-8", errors="replace") for file in files)
        for file in files:
            file.unlink()
        if not counts.keys() >= {"calls", "none"}:
            raise Unanswered("callgrind wrote no count")
        return max(1, counts["calls"] - parts * counts["none"])


def calls_to_count(seconds: float) -> int:
    """How many calls are counted, given the seconds of one.

    Raises:
        Unanswered: A single one takes too long.
    """
    each = SLOWER * seconds
    if each > MOST_S:
        raise Unanswered(
            f"a call takes {seconds:.2g} s; counting it would take about {each:.0f} s, and at most "
            f"{MOST_S:.0f} s are meant for a benchmark"
        )
    return min(CALLS, max(1, int(SHARE_S / each)))


def read_counts(texts: Iterable[str]) -> Mapping[str, int]:
    """From files of callgrind: by the name of the request that wrote them, instructions in all."""
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
