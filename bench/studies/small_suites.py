"""Small suites of micro-benchmarks in git repositories of their own, such as libraries have."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Benchmarks of a suite, at least and at most.
LEAST, MOST = 3, 10
#: What is timed, by the name of its benchmark: an expression of about a microsecond.
KINDS = {
    "dumps": "json.dumps(RECORD)",
    "loads": "json.loads(TEXT)",
    "sort": "sorted(NUMBERS)",
    "sub": "PATTERN.sub('-', TEXT)",
    "sets": "set(WORDS) & OTHERS",
    "join": "','.join(WORDS).split(',')",
    "format": "f'{NUMBERS[0]:.3f} {WORDS[0]:>20}'",
    "crc": "zlib.crc32(BYTES)",
    "pack": "struct.pack('<4d', *NUMBERS[:4])",
    "objects": "[Point(1, {}) for _ in range(10)]",
    "recursion": "fibonacci(6)",
    "decimal": "DECIMAL * DECIMAL + DECIMAL",
}
#: The file of a suite. ``SLOWER=sort:0.05`` makes one benchmark do that share more work.
HEAD = '''"""Micro-benchmarks."""

import decimal
import json
import os
import re
import struct
import zlib

RECORD = {"name": "value", "numbers": [1, 2.5, 3], "more": {"a": None}}
TEXT = json.dumps(RECORD)
NUMBERS = [(7919 * i % 1009) / 7 for i in range(60)]
WORDS = [f"word{i * 37 % 101}" for i in range(30)]
OTHERS = frozenset(WORDS[::2])
PATTERN = re.compile(r"[0-9.]+")
BYTES = bytes(range(256)) * 8
DECIMAL = decimal.Decimal("3.14159")


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def repeats(name):
    slower, _, share = os.environ.get("SLOWER", "").partition(":")
    return range(100 + (round(100 * float(share)) if name == slower else 0))
'''
TEST = """

def test_{name}(benchmark):
    times = repeats("{name}")

    @benchmark
    def work():
        for _ in times:
            {expression}
"""


@dataclass(frozen=True)
class SmallSuite:
    """A repository with one commit, whose ``bench_small.py`` has these benchmarks."""

    folder: Path
    kinds: tuple[str, ...]


def small_suite(folder: Path, number: int) -> SmallSuite:
    """Make the suite of a number: it has three to ten benchmarks, drawn by that number."""
    draw = random.Random(number)  # noqa: S311 - no secret
    kinds = tuple(draw.sample(sorted(KINDS), draw.randint(LEAST, MOST)))
    tests = [TEST.format(name=name, expression=KINDS[name]) for name in kinds]
    folder.mkdir(parents=True)
    (folder / "bench_small.py").write_text(HEAD + "".join(tests), encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "benchmarks")):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)  # noqa: S603, S607
    return SmallSuite(folder, kinds)
