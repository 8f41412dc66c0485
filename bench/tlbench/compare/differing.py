"""What entries differ in besides speed: each fact once, with every entry's value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlbench.machine.difference import compare_fingerprints
from tlbench.machine.fact_format import named, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.entries import Entry

#: Facts that follow from the setup, which is in the label.
FROM_SETUP = frozenset(f"settings.tensorflow_{kind}_threads" for kind in ("intra", "inter"))
#: In place of a commit that a run doesn't name.
UNKNOWN = "unknown"
#: Before what an entry has of a list beyond what all entries have.
MORE = "more: "


@dataclass(frozen=True)
class Differing:
    """Facts that differ between entries in the same way, with values in words for each entry."""

    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """Their names in words."""
        names = ", ".join(named(key) for key in self.keys)
        return f"{names} beyond those all have" if self.values[0].startswith(MORE) else names

    @property
    def texts(self) -> tuple[str, ...]:
        """Values as they stand behind ``name``."""
        return tuple(value.removeprefix(MORE) for value in self.values)

    def groups(self) -> dict[str, list[int]]:
        """Positions of entries by what they have in common, those of the first entry first."""
        groups: dict[str, list[int]] = {}
        for position, value in enumerate(self.texts):
            groups.setdefault(value, []).append(position)
        return groups


def differing(entries: Sequence[Entry]) -> list[Differing]:
    """Facts in which the latest runs of any two entries differ: hardware first, then software.

    Facts that one of them lacks are no difference.
    """
    names: dict[tuple[str, ...], list[str]] = {}
    for key, values in _facts(entries):
        names.setdefault(_texts(key, values), []).append(key)
    return [Differing(tuple(keys), values) for values, keys in names.items()]


def _facts(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Any]]]:
    """Names and each entry's value; one that doesn't differ from the first has the first's."""
    first = entries[0].last
    differences = [compare_fingerprints(first.facts, each.last.facts) for each in entries[1:]]
    for kind in ("machine", "software"):
        changes = [
            {each.key: each for each in getattr(difference, kind) if each.key not in FROM_SETUP}
            for difference in differences
        ]
        for key in dict.fromkeys(key for each in changes for key in each):
            old = next(each[key].old for each in changes if key in each)
            yield key, [old, *(each[key].new if key in each else old for each in changes)]
    for key, values in (
        ("commit", [each.last.commit or UNKNOWN for each in entries]),
        ("isolated", [each.last.isolated for each in entries]),
    ):
        if len(set(values)) > 1:
            yield key, values


def _texts(key: str, values: Sequence[Any]) -> tuple[str, ...]:
    """Values in words; of lists what not all of them have."""
    if all(isinstance(value, list) for value in values):
        common = [each for each in values[0] if all(each in value for value in values)]
        rest = [[each for each in value if each not in common] for value in values]
        if common and any(rest):
            return tuple(f"{MORE}{shown(key, each)}" for each in rest)
    return tuple(shown(key, value) for value in values)


def mixtures(entries: Sequence[Entry]) -> dict[tuple[str, ...], list[int]]:
    """Positions of entries whose runs differ from each other, by what they differ in, in words."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for position, entry in enumerate(entries):
        if facts := within(entry):
            groups.setdefault(facts, []).append(position)
    return groups


def within(entry: Entry) -> tuple[str, ...]:
    """Names of facts that runs of one entry differ in, in words: software, and the commit."""
    first = entry.runs[0].facts
    others: Iterable[Any] = {id(run.facts): run.facts for run in entry.runs[1:]}.values()
    names = [
        named(change.key)
        for facts in others
        for change in compare_fingerprints(first, facts).software
    ]
    commits = {run.commit for run in entry.runs}
    return (*dict.fromkeys(names), *[named("commit")] * (len(commits) > 1))
