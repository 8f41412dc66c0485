"""The outcome of ``tlbench select``: a table, the choice and its command, and JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tlbench.compare.selection import SINGLE
from tlbench.report.table import lines_of, per_second, share
from tlbench.report.text import INDENT, sentence
from tlbench.runs.model_name import short_name
from tlbench.stats.proportions import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tlbench.compare.selection import Selection, Trial

HEADINGS = ("backbone", "size", "engine", "top-1", "interval", "images/s", "n", "")
RIGHT = (1, 3, 4, 5, 6)
#: Behind the throughput of candidates on the frontier.
FRONT = "*"


def selection_lines(selection: Selection, command: str | None) -> list[str]:
    """Lines of at most 80 columns; the command, which trains the best, may be longer."""
    table = lines_of(HEADINGS, (_cells(selection, each) for each in selection.trials), right=RIGHT)
    lines = [*table, *sentence(_legend(selection)), ""]
    for text in _notes(selection):
        lines += sentence(text)
    if command is not None:
        lines += ["", "train it:", INDENT + command]
    return lines


def _cells(selection: Selection, trial: Trial) -> tuple[str, ...]:
    candidate = trial.candidate
    low, high = selection.rule.interval(trial)
    front = FRONT if candidate in selection.frontier else " "
    return (
        short_name(candidate.model),
        str(candidate.image_size),
        candidate.runtime,
        share(trial.accuracy),
        f"{low:.3f}-{high:.3f}",
        per_second(trial.images_per_s) + front,
        f"{trial.images:,}",
        "best" if trial is selection.best else "dropped" * bool(trial.dropped),
    )


def _legend(selection: Selection) -> str:
    looks = selection.rule.looks
    together = f" for all {looks} sample sizes together" if looks > 1 else ""
    return (
        f"top-1: cross-validated on n training images; interval: {100 * CONFIDENCE:.0f} %"
        f"{together}. {FRONT}: on the frontier: no other is as fast and more accurate, or as "
        "accurate and faster."
    )


def _notes(selection: Selection) -> Iterator[str]:
    """What was chosen and why, what was dropped and when, and what couldn't be tried."""
    yield from _choice(selection)
    dropped = defaultdict(list)
    for trial in selection.trials:
        if trial.dropped:
            dropped[trial.dropped, trial.images].append(str(trial.candidate))
    for (reason, images), names in sorted(dropped.items(), key=lambda item: item[0][1]):
        yield f"dropped after {images:,} images, {reason}: {'; '.join(names)}"
    rates = sorted(selection.engines.items(), key=lambda item: -item[1])
    if len(rates) > 1:
        listed = (f"{engine} {precision} {per_second(rate)}" for (engine, precision), rate in rates)
        yield f"engines with the first backbone, images/s: {', '.join(listed)}"
    for candidate, why in selection.refused.items():
        yield f"{candidate}: can't be run: {why}"
    yield _time(selection)


def _choice(selection: Selection) -> Iterator[str]:
    best, top, rule = selection.best, selection.top, selection.rule
    if best is None or top is None:
        return
    rate, accuracy = per_second(best.images_per_s), share(best.accuracy)
    yield f"best: {best.candidate}: {rate} images/s, accuracy {accuracy}"
    points = f"{100 * rule.margin:g} point{'s' * (rule.margin != 0.01)}"
    if best is top:
        yield f"It is the most accurate; no faster one is shown to lose at most {points}."
    else:
        change = rule.difference(best, top)
        ends = f"{100 * change.low:+.1f} to {100 * change.high:+.1f}"
        yield (
            f"It is the fastest that is shown to lose at most {points}: "
            f"{100 * change.value:+.1f} ({ends}) points beside the most accurate, {top.candidate}."
        )
    if best.candidate.precision != SINGLE:
        yield "A saved model runs in single precision: to save one, train without --precision."
    if not selection.decided and not selection.untried:
        yield "Undecided when the time was up: more images could change the choice."


def _time(selection: Selection) -> str:
    took = f"took {selection.seconds:.0f} s of {selection.budget_s:.0f} s"
    if not selection.untried:
        return took
    missing = "; ".join(map(str, selection.untried))
    needed = "" if selection.needed_s is None else f"; about {selection.needed_s:.0f} s would do"
    return f"{took}; not tried for lack of time: {missing}{needed}"


def selection_json(selection: Selection, command: str | None) -> str:
    """The same as JSON; models by the handles that were given."""
    best, front = selection.best, selection.frontier
    record = {
        "best": None if best is None else _record(selection, best),
        "command": command,
        "decided": selection.decided,
        "accuracy_margin": selection.rule.margin,
        "confidence": CONFIDENCE,
        "looks": selection.rule.looks,
        "train_size": selection.images,
        "candidates": [
            _record(selection, each) | {"on_frontier": each.candidate in front}
            for each in selection.trials
        ],
        "engines": [
            {"engine": engine, "precision": precision, "images_per_s": rate}
            for (engine, precision), rate in selection.engines.items()
        ],
        "refused": [vars(each) | {"reason": why} for each, why in selection.refused.items()],
        "untried": [vars(each) for each in selection.untried],
        "seconds": selection.seconds,
        "budget_s": selection.budget_s,
        "needed_s": selection.needed_s,
    }
    return json.dumps(record, indent=1)


def _record(selection: Selection, trial: Trial) -> dict[str, Any]:
    return vars(trial.candidate) | {
        "images_per_s": trial.images_per_s,
        "images": trial.images,
        "accuracy": trial.accuracy,
        "accuracy_interval": list(selection.rule.interval(trial)),
        "dropped": trial.dropped or None,
    }
