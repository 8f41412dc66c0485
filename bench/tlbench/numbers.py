"""Numbers that people write as options, settings and prices: each says in which range it lies.

Every pytest session of the environment imports this module: it imports next to nothing itself.
"""

from __future__ import annotations

import math
import os
from typing import Any, ClassVar, NamedTuple

from tlbench.errors import OptionError
from tlbench.escapes import printable

#: Characters of a value that an error quotes.
QUOTED = 40


class Numbers(NamedTuple):
    """The numbers from ``least`` to ``most``: whole ones where ``least`` is an int."""

    least: int | float
    most: int | float

    def __str__(self) -> str:
        kind = "whole number" if isinstance(self.least, int) else "number"
        return f"a {kind} from {self.bounds}"

    @property
    def bounds(self) -> str:
        """Such as ``1 to 4,096``."""
        return f"{self.least:,.12g} to {self.most:,.12g}"

    def parse(self, what: str, value: object) -> Any:  # noqa: ANN401 - of the type of ``least``
        """The number that ``value`` is the text of.

        Raises:
            OptionError: No number of the range; ``what`` names the option.
        """
        text = str(value)
        try:
            number: float = type(self.least)(text)
        except ValueError:
            number = math.nan
        if not self.least <= number <= self.most:
            raise OptionError(f"{what} {quoted(text)}: expected {self}")
        return number


class YesNo:
    """Whether something is wanted, as people write it."""

    ANSWERS: ClassVar = {
        **dict.fromkeys(("yes", "true", "1"), True),
        **dict.fromkeys(("no", "false", "0"), False),
    }
    bounds = "yes or no"

    def parse(self, what: str, text: str) -> bool:
        """The answer; OptionError for another text."""
        answer: bool | None = self.ANSWERS.get(text.lower())
        if answer is None:
            raise OptionError(f"{what} {quoted(text)}: expected {self.bounds}")
        return answer


def quoted(value: object) -> str:
    """A value as an error quotes it: in one line, and not longer than that."""
    text = str(value)
    return printable(text if len(text) <= QUOTED else f"{text[:QUOTED]}...")


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


#: Images, labels, chunks, bytes: what is too many is found out where they are counted.
COUNTS = Numbers(1, 1_000_000_000)
#: A side of 4,096 pixels is 200 MB per image in float32.
PIXELS = Numbers(1, 4096)
#: Images of a step or of a call.
BATCHES = Numbers(1, 65_536)
#: Several per CPU still run, if slowly; a thousand on two CPUs hang or end the process.
THREADS = Numbers(1, max(16, 4 * _usable_cpus()))
EPOCHS = Numbers(1, 100_000)
RUNS = Numbers(1, 10_000)
#: What every library takes that is seeded.
SEEDS = Numbers(0, 2**32 - 1)
#: Up to a year.
SECONDS = Numbers(0.001, 31_536_000.0)
PRICES = Numbers(0.000001, 1e9)
SHARES = Numbers(0.0, 1.0)
YES_NO = YesNo()
