"""The option ``--limit``: what files may cost, such as ``picture-pixels=400e6``."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation

from tl_core.limits import Limits, set_limits
from tlbench.errors import OptionError

#: The largest limit: more than any machine has of anything.
MOST = 10**18


def parse_limits(text: str) -> dict[str, int]:
    """Limits by their names in ``Limits``, from ``NAME=VALUE,NAME=VALUE``; else OptionError."""
    known = {each.name.replace("_", "-"): each.name for each in fields(Limits)}
    values = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name not in known:
            raise OptionError(
                f"--limit {part}: expected NAME=VALUE, with a name of {', '.join(known)}"
            )
        values[known[name]] = _number(part, value)
    return values


def _number(part: str, value: str) -> int:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("nan")
    # The size first: a number such as 1e999999 is never written out.
    if not number.is_finite() or not 1 <= number <= MOST or number != int(number):
        raise OptionError(f"--limit {part}: expected a whole number from 1 to 1e18, such as 200e6")
    return int(number)


def apply_limits(text: str | None) -> None:
    """Make the limits of this process those of an option's text; None has the default ones."""
    set_limits(replace(Limits(), **parse_limits(text)) if text else Limits())
