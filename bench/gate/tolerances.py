"""What may be lost: by default, by option for some benchmarks, by a benchmark's own marker."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bench.gate.report import ACCURACY_TOLERANCE, TOLERANCE
from bench.gate.verdicts import unusable
from bench.options import OptionError, parse_share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.gate.journal import Pair


@dataclass(frozen=True)
class Tolerances:
    """What may be lost.

    Attributes:
        share: Slowdown that a benchmark may show where nothing else says so.
        accuracy: Loss of top-1 accuracy, in points of 1, likewise.
        named: Pairs of a benchmark's name, or a pattern with ``*``, and its share; the last one
            that matches counts, before any marker.
    """

    share: float = TOLERANCE
    accuracy: float = ACCURACY_TOLERANCE
    named: tuple[tuple[str, float], ...] = ()

    def share_of(self, name: str, marker: dict[str, Any]) -> float:
        """For a benchmark.

        Args:
            name: Its id.
            marker: What its marker says, unread.

        Raises:
            OptionError: The marker says something that is no share.
        """
        for pattern, share in reversed(self.named):
            if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition("::")[2], pattern):
                return share
        given = marker.get("share")
        return self.share if given is None else _marked(name, given)

    def accuracy_of(self, name: str, marker: dict[str, Any]) -> float:
        """For a benchmark, as ``share_of``."""
        given = marker.get("accuracy")
        return self.accuracy if given is None else _marked(name, given)

    def shares(self, pilot: Pair) -> dict[str, float]:
        """For all benchmarks of a pair that can be judged."""
        bad = unusable(pilot)
        return {
            name: self.share_of(name, pilot.tolerances.get(name, {}))
            for name in pilot.benchmarks
            if name not in bad
        }


def parse_tolerances(texts: Iterable[str], accuracy: str | None) -> Tolerances:
    """From options: ``5%`` for all, ``test_sort=10%`` for some.

    Raises:
        OptionError: No share.
    """
    share, named = TOLERANCE, []
    for text in texts:
        name, equals, value = text.rpartition("=")
        if equals:
            named.append((name, parse_share(value)))
        else:
            share = parse_share(text)
    loss = ACCURACY_TOLERANCE if accuracy is None else parse_share(accuracy)
    return Tolerances(share, loss, tuple(named))


def _marked(name: str, given: object) -> float:
    try:
        return parse_share(str(given))
    except OptionError as error:
        raise OptionError(f"{name}: marker tolerance: {error}") from error
