"""``tlbench models``."""

from __future__ import annotations

from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from tlbench.cli.options import complete, json_option, own_images, results_option, suite_options
from tlbench.report.table import lines_of, per_second, share
from tlbench.report.text import sentence
from tlbench.runs.model_name import shown_names
from tlbench.suite.extra import check_installed
from tlbench.terminal import show, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tlbench.suite.model_cards import Accuracy, Card, Facts

HEADINGS = ("model", "input", "range", "params", "mult-adds", "features", "accuracy")
#: What stands below the table.
LEGEND = (
    "Input: side in pixels. Range: pixel values. Mult-adds: for one such image.",
    "Accuracy: test top-1 of a linear probe; with *, of a head after one epoch.",
)


@click.command(epilog="Example: tlbench models my-backbone/ --json")
@click.argument("handles", nargs=-1, metavar="[HANDLE]...", shell_complete=complete("model"))
@results_option("results folder to read accuracies from")
@json_option
@suite_options("input_range", "layer", "trust")
def models(
    *, handles: tuple[str, ...], results: Path, as_json: bool, suite: dict[str, str]
) -> None:
    """List available models: input, cost, features and measured accuracy.

    The list has each HANDLE, the embedded models, and the cached models of Keras, Hub and Kaggle.
    Only a HANDLE is downloaded, if it is not cached.

    Exit code 0: listed; 2: bad input.
    """
    check_installed("tlbench models")
    from tlbench.suite.model_cards import model_cards

    cards = model_cards(handles, results, **own_images(suite).reading)
    if as_json:
        show_json({"models": [asdict(card) for card in cards]})
    else:
        show(_lines(cards))


def _lines(cards: Sequence[Card]) -> list[str]:
    """The table, what it means, handles that differ from names, and problems."""
    names = shown_names((card.handle, card.fingerprint) for card in cards)
    shown = [(card, names[card.handle, card.fingerprint]) for card in cards]
    rows = [row for card, name in shown if card.facts for row in _rows(card, card.facts, name)]
    handles = [
        f"{name}: {card.handle}" for card, name in shown if card.facts and name != card.handle
    ]
    problems = [card.problem for card in cards if card.problem]
    return [
        *lines_of(HEADINGS, rows, right=range(1, len(HEADINGS) - 1)),
        "",
        *LEGEND,
        *(line for text in (*handles, *problems) for line in sentence(text)),
    ]


def _rows(card: Card, facts: Facts, name: str) -> Iterator[tuple[str, ...]]:
    """A row per data set on which its accuracy is known, at least one."""
    first = (
        name,
        str(facts.image_size or "any"),
        facts.input_range,
        _millions(facts.parameters),
        "-" if facts.multiply_adds is None else _millions(facts.multiply_adds),
        f"{facts.outputs:,}{' classes' * (facts.kind == 'logits')}",
    )
    blank = ("",) * len(first)
    for cells, accuracy in zip_longest([first], map(_cell, card.accuracies), fillvalue=None):
        yield *(cells or blank), accuracy or "-"


def _cell(accuracy: Accuracy) -> str:
    return f"{share(accuracy.accuracy)} {accuracy.data}{' *' * (accuracy.head == 'one epoch')}"


def _millions(count: int) -> str:
    return f"{per_second(count / 1e6)} M"
