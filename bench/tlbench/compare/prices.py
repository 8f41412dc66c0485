"""Prices of machines per hour, given beside results: by a machine's name, folder or cloud type."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tlbench.errors import InputError
from tlbench.machine.fact_format import flat
from tlbench.numbers import PRICES
from tlbench.text_files import MOST_PRICES, check_json, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tlbench.compare.entries import Entry
    from tlbench.runs.row import Row


@dataclass(frozen=True)
class Prices:
    """Prices per hour, all in one currency.

    Attributes:
        named: By what a command names; each must be of some entry.
        listed: By what a file names, which may have machines that no entry is of.
    """

    named: Mapping[str, float] = field(default_factory=dict)
    listed: Mapping[str, float] = field(default_factory=dict)

    def of(self, entry: Entry) -> float | None:
        """The price of an entry's machine, where one was given: what is named goes first."""
        for prices in (self.named, self.listed):
            for name in machine_names(entry):
                if name in prices:
                    return prices[name]
        return None

    def check(self, entries: Iterable[Entry]) -> None:
        """Refuse prices that are for nothing.

        Raises:
            InputError: A name that no entry has, or a file with none of their machines.
        """
        known = list(dict.fromkeys(name for entry in entries for name in machine_names(entry)))
        listed = ", ".join(known)
        for name in self.named:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"expected one of {listed}"
                raise InputError(f"--price {name}: no run is of this machine; {hint}")
        if self.listed and not set(self.listed) & set(known):
            raise InputError(f"--prices names no machine of these runs; expected one of {listed}")


#: Without any: machines have the prices that they were measured with.
NO_PRICES = Prices()


def machine_names(entry: Entry) -> list[str]:
    """What an entry's machine can be called: its name, the folder of its runs, its cloud's type."""
    folders = (run.path.parent.name for run in reversed(entry.runs))
    instance = entry.last.facts.get("instance_type")
    return list(dict.fromkeys(filter(None, (entry.machine, *folders, instance))))


def price_in(row: Row) -> float | None:
    """The price per hour that a row was measured with; None where it had none."""
    cost = row.cost_per_million_images
    return cost * row.images_per_s * 3600 / 1e6 if cost else None


def parse_price(text: str) -> tuple[str, float]:
    """Read ``MACHINE=PRICE``.

    Raises:
        InputError: It isn't that, or no price.
    """
    name, _, price = text.rpartition("=")
    if not name:
        raise InputError(f"--price {text}: expected MACHINE=PRICE, such as c7i.large=0.089")
    price_per_hour: float = PRICES.parse(f"--price {name} =", price)
    return name, price_per_hour


def read_prices(path: Path) -> dict[str, float]:
    """Prices in a TOML file of lines ``machine = price``; names with dots need no quotes.

    Raises:
        InputError: It isn't such a file.
    """
    expected = "expected a TOML file of lines such as amd-epyc-turin-2-cpus = 0.08"
    try:
        text = read_text(path, MOST_PRICES)
    except InputError as error:
        raise InputError(f"{error}; {expected}") from error
    try:
        table = tomllib.loads(text)
        check_json(table)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}; {expected}") from error
    return {name: PRICES.parse(f"{path}: {name} =", price) for name, price in flat(table)}
