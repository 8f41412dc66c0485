"""Names of benchmarks as they are shown: short, distinct, and within a width."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tlbench.escapes import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    #: Start and end of each part of a name that isn't cut, in order.
    Runs = Sequence[tuple[int, int]]

#: Stands for the cut part of a name, at least one character.
CUT = "…"
#: Between the words of a name.
SEPARATORS = frozenset("[-_:/. ,")
_WORST = (4, 0, "")


def id_parts(name: str) -> tuple[str, tuple[str, ...], str]:
    """File, classes and name of a test's id; the name has its parameters."""
    file, colons, rest = name.partition("::")
    if not colons:
        return "", (), name
    path, bracket, parameters = rest.partition("[")
    *classes, last = path.split("::")
    return file, tuple(classes), last + bracket + parameters


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """The shortest end of each test's id that no other has: name, class, file, folders."""
    ends = {each: _ends(each) for each in ids}
    uses = Counter(end for name_ends in ends.values() for end in set(name_ends))
    return {
        name: next((end for end in name_ends if uses[end] == 1), name_ends[-1])
        for name, name_ends in ends.items()
    }


def fitted_names(names: Mapping[str, str], width: int) -> dict[str, str]:
    """Distinct names within ``width`` columns, cut if necessary; by the same keys.

    A cut name can't be read as another one. A name that can't be cut like this stays whole, and is
    wider.
    """
    # In order: how a name is cut depends on which other name comes first.
    everyone = list(dict.fromkeys(names.values()))
    wide = [name for name in everyone if cell_len(name) > width]
    cut = _cut_once(wide, everyone, width)
    for name in wide:
        if name not in cut:
            others = [each for each in everyone if each != name]
            cut[name] = _cut_often(name, others, width) or name
    return {key: cut.get(name, name) for key, name in names.items()}


def _ends(name: str) -> tuple[str, ...]:
    file, classes, last = id_parts(name)
    within = "::".join((*classes, last))
    texts = (last, within, f"{file.rpartition('/')[2]}::{within}", name)
    return tuple(map(printable, texts))


def _cut_once(wide: Collection[str], names: Collection[str], width: int) -> dict[str, str]:
    """Names with one cut each, if they remain distinct: between words, near the middle."""
    best: dict[str, tuple[int, int, str]] = {}
    for head in range(1, width - 1):
        tail = width - 1 - head
        uses = Counter((each[:head], each[-tail:]) for each in names)
        for name in wide:
            text = f"{name[:head]}{CUT}{name[-tail:]}"
            if uses[name[:head], name[-tail:]] > 1 or cell_len(text) > width:
                continue
            # Names mostly differ at their ends, where a part of a word is harder to read.
            broken = 1 * SEPARATORS.isdisjoint(name[head - 1 : head + 1])
            broken += 2 * SEPARATORS.isdisjoint(name[-tail - 1 :][:2])
            best[name] = min(best.get(name, _WORST), (broken, abs(head - tail), text))
    return {name: text for name, (_, _, text) in best.items()}


def _cut_often(name: str, others: Collection[str], width: int) -> str | None:
    """A name with more than one cut, or None if it takes too many columns."""
    tail = len(name) - _fitting(name[::-1], width // 4)
    runs = first = [(0, _fitting(name, width // 3)), (tail, len(name))]
    rivals = [each for each in others if _matches(_parts(name, runs), each)]
    while rivals and cell_len(_shown(name, runs)) <= width:
        place = _telling_place(name, rivals[0], runs)
        runs = _merged([*runs, (place, place + 1)])
        rivals = [each for each in rivals if _matches(_parts(name, runs), each)]
    if cell_len(_shown(name, runs)) <= width:
        return _filled(name, runs, width)
    return _with_length(name, first, others, width)


def _fitting(text: str, width: int) -> int:
    """How many of a text's first characters fit into so many columns; at least one."""
    ends = accumulate(map(cell_len, text))
    return max(1, sum(1 for _ in takewhile(lambda end: end <= width, ends)))


def _telling_place(name: str, rival: str, runs: Runs) -> int:
    """The character, not in ``runs``, that is nearest to where a name and a rival differ."""
    pairs = enumerate(zip(name, rival, strict=False))
    differs = next((i for i, (a, b) in pairs if a != b), min(len(name), len(rival)))
    gaps = [(end, start - 1) for (_, end), (start, _) in pairwise(runs)]
    return min(
        (min(max(differs, first), last) for first, last in gaps),
        key=lambda place: abs(place - differs),
    )


def _parts(name: str, runs: Runs) -> list[str]:
    return [name[a:b] for a, b in runs]


def _shown(name: str, runs: Runs) -> str:
    return CUT.join(_parts(name, runs))


def _merged(runs: Runs) -> list[tuple[int, int]]:
    """The runs in order; touching ones are merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _matches(parts: Sequence[str], text: str) -> bool:
    """Whether a text could be what these parts were cut from."""
    first, *middle, last = parts
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return text.endswith(last) and len(text) - len(last) >= at


def _filled(name: str, runs: Runs, width: int) -> str:
    """The text with as many more characters, around those that are kept, as fit."""
    while True:
        ends = [end for _, end in runs[:-1]]
        starts = [start - 1 for start, _ in runs[1:]]
        for place in (each for edges in zip(ends, starts, strict=True) for each in edges):
            more = _merged([*runs, (place, place + 1)])
            if cell_len(_shown(name, more)) > width:
                return _shown(name, runs)
            runs = more


def _with_length(name: str, runs: Runs, others: Collection[str], width: int) -> str | None:
    """A cut with its length, for names that differ only in how often something is repeated."""
    head, tail = _parts(name, runs)
    text = f"{head}{CUT}{len(name) - len(head) - len(tail):,} more{CUT}{tail}"
    alike = any(len(each) == len(name) and _matches([head, tail], each) for each in others)
    return None if alike or text in others or cell_len(text) > width else text
