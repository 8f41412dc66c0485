"""The functions of a benchmark that became slower, from a profile of each side."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: The function of ``tlbench.gate.arm`` that calls the benchmark, with the end of its file's path.
ANCHOR = re.compile(r"timed_calls \(.*/tlbench_arm/profiled\.py:\d+\)")
#: A frame of py-spy: name, file, line.
FRAME = re.compile(r"(?P<name>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)")
#: Folders of packages and of the standard library, whose places may differ between arms.
PACKAGES = re.compile(r".*/(?:site|dist)-packages/|.*/lib/python\d+\.\d+/")
#: Most functions that are named.
NAMED = 3
#: A function is named only if it grew by this share of the whole slowdown,
LEAST_SHARE = 0.1
#: and by this share of a call.
LEAST = 0.01
#: Standard errors by which a sampled share must have grown.
CLEAR = 3.0

#: A function: its file, relative to a folder that both arms have, and its name.
Function = tuple[str, str]


@dataclass
class Profile:
    """Own time of each function of a benchmark, in any unit.

    Attributes:
        samples: How many samples; infinite if every call was measured.
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
    """A function that takes more time per call of the benchmark than in the base.

    Attributes:
        file, line: Relative to the arm's checkout; empty and 0 if it isn't written in Python.
        base, candidate: Its share of the benchmark's time, without functions that it calls.
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
    """Functions that became slower, by a profiler, the largest slowdown first; may be empty."""

    tool: str
    functions: tuple[SlowerFunction, ...]


def sampled(text: str, root: Path, target: str) -> Profile:
    """Read py-spy's raw format: stacks, frames joined by semicolons, and how often each was seen.

    Args:
        text: Lines such as ``main (a.py:1);work (b.py:7) 31``.
        root: The arm's checkout.
        target: Name of the function that the benchmark calls, used if it isn't written in Python.
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
    """A file's path relative to the checkout, a folder of packages, or the standard library."""
    inside = PACKAGES.sub("", file, count=1)
    if inside != file:
        return inside
    return file.removeprefix(f"{root}/")


def growth(
    base: Profile, candidate: Profile, seconds: tuple[float, float]
) -> tuple[SlowerFunction, ...]:
    """Functions whose time per call clearly grew, at most three, the largest growth first.

    A function whose share grew only because others became faster isn't among them.

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
    """Pairs of a function that only the candidate has, and its counterpart in another file."""
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
    """Whether one path ends with the other, such as one installed and one in ``src``."""
    return f"/{file}".endswith(f"/{other}") or f"/{other}".endswith(f"/{file}")
