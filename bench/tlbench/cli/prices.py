"""Options that give machines a price."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tlbench.compare.prices import Prices, parse_price, read_prices

if TYPE_CHECKING:
    from collections.abc import Callable


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--price`` and ``--prices``, passed as ``prices``."""

    @click.option(
        "--price",
        "named",
        multiple=True,
        metavar="MACHINE=PRICE",
        help="machine's price per hour, such as c7i.large=0.089; repeatable",
    )
    @click.option(
        "--prices",
        "file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="TOML file of prices per hour, by machine",
    )
    @functools.wraps(command)
    def with_prices(*, named: tuple[str, ...], file: Path | None, **values: Any) -> None:  # noqa: ANN401 - click's values
        listed = {} if file is None else read_prices(file)
        command(prices=Prices(dict(map(parse_price, named)), listed), **values)

    return with_prices
