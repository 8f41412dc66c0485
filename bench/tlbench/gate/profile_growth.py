"""From two profiles of a benchmark to the functions that take more of its time than before."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: Function whose callees are the benchmark's, and the end of its file, in ``tlbench.gate.arm``.
ANCHOR = re.compile(r"timed_calls \(.*/tlbench_arm/profiled\.py:\d+\)")
#: A frame of py-spy: name, file, line.
FRAME = re.compile(r"(?P<name>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)")
#: Folders of packages, and of the standard library, which arms may have in different places.
PACKAGES = re.compile(r".*/(?:site|dist)-packages/|.*/lib/python\d+\.\d+/")
#: Functions that are named at most.
NAMED = 3
#: What grew by a smaller share of all that was lost isn't named.
LEAST_SHARE = 0.1
#: Nor is what grew by a smaller share of a call.
LEAST = 0.01
#: Standard errors by which a sampled share must have grown.
CLEAR = 3.0

#: A function in both arms: its file relative to a folder that both have, and its name.
Function = tuple[str, str]


@dataclass
class Profile:
    """Own time of each function of a benchmark, in any unit.

    Attributes:
        samples: How many samples that is; infinite where it was measured call by call.
        lines: Where functions begin.
    """

    times: Counter[Function] = field(default_factory=Counter)
    lines: dict[Function, int] = field(default_factory=dict)
    samples: float = math.inf

    def add(self, file: str, line: int, name: str, time: float) -> None:
        """Add a function's own time; functions of one file and name are one."""
        self.times[file, name] += time  # type: ignore[assignment] # a Counter of floats
        self.lines.setdefault((file, name), line)

    def share(self, function: Function) -> float:
        """From 0 to 1."""
        return self.times[function] / self.times.total() if self.times.total() else 0.0


@dataclass(frozen=True)
class SlowerFunction:
    """A function that takes more time per call of the benchmark than it did.

    Attributes:
        file, line: Relative to the arm's checkout; empty and 0 for what isn't written in Python.
        base, candidate: Its share of the benchmark's time, without what it calls.
        seconds: How much longer it takes per call of the benchmark.
    """

    name: str
    file: str
    line: int
    base: float
    candidate: float
    seconds: float


@dataclass(frozen=True)
class ProfileChange:
    """What got slower in a benchmark, as seen by a profiler, the worst first; maybe nothing."""

    tool: str
    functions: tuple[SlowerFunction, ...]


def sampled(text: str, root: Path, target: str) -> Profile:
    """Read py-spy's raw format: stacks, frames joined by semicolons, and how often each was seen.

    Args:
        text: Lines such as ``main (a.py:1);work (b.py:7) 31``.
        root: The arm's checkout.
        target: Name of what the benchmark calls, for samples in which it isn't written in Python.
    """
    profile = Profile(samples=0)
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        anchors = [i for i, frame in enumerate(frames) if ANCHOR.fullmatch(frame)]
        if not anchors or not count.isdigit():
            continue
        frame = FRAME.fullmatch(frames[-1])
        if anchors[-1] == len(frames) - 1 or frame is None:
            profile.add("", 0, target, int(count))
        else:
            file = relative(frame["file"], root)
            profile.add(file, int(frame["line"] or 0), frame["name"], int(count))
        profile.samples += int(count)
    return profile


def measured(functions: Iterable[tuple[str, int, str, float]], root: Path) -> Profile:
    """From cProfile's files, lines, names and own seconds."""
    profile = Profile()
    for file, line, name, seconds in functions:
        profile.add(relative(file, root), line, name, seconds)
    return profile


def relative(file: str, root: Path) -> str:
    """A file in terms of the checkout, of installed packages, or of the standard library."""
    inside = PACKAGES.sub("", file, count=1)
    if inside != file:
        return inside
    return file.removeprefix(f"{root}/")


def growth(
    base: Profile, candidate: Profile, seconds: tuple[float, float]
) -> tuple[SlowerFunction, ...]:
    """Functions whose time per call grew most and clearly, at most three, the worst first.

    A function whose share grew only as others' shrank isn't among them.

    ``seconds`` are of a call, in the base and in the candidate.
    """
    before = dict(_counterparts(base.times, candidate.times))
    lost = max(0.0, seconds[1] - seconds[0])
    slower = []
    for function in candidate.times:
        shares = base.share(before.get(function, function)), candidate.share(function)
        grown = shares[1] * seconds[1] - shares[0] * seconds[0]
        error = math.hypot(
            *(
                each * math.sqrt(share * (1 - share) / profile.samples)
                for each, share, profile in zip(seconds, shares, (base, candidate), strict=True)
            )
        )
        if grown > max(CLEAR * error, LEAST_SHARE * lost, LEAST * seconds[1]):
            file, name = function
            slower.append(SlowerFunction(name, file, candidate.lines[function], *shares, grown))
    return tuple(sorted(slower, key=lambda each: -each.seconds)[:NAMED])


def _counterparts(
    base: Mapping[Function, float], candidate: Mapping[Function, float]
) -> Iterable[tuple[Function, Function]]:
    """A function of the candidate's alone, and what it was in the base: only its file moved."""
    gone = [each for each in base if each not in candidate]
    came = [each for each in candidate if each not in base]
    names = Counter(name for _, name in came)
    for new in came:
        same_name = [old for old in gone if old[1] == new[1]]
        same_file = [old for old in same_name if _end_alike(old[0], new[0])]
        if len(same_file) == 1:
            yield new, same_file[0]
        elif len(same_name) == names[new[1]] == 1:
            yield new, same_name[0]


def _end_alike(file: str, other: str) -> bool:
    """Whether one is the other within a folder, such as one installed and one in ``src``."""
    return f"/{file}".endswith(f"/{other}") or f"/{other}".endswith(f"/{file}")
