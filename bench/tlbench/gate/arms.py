"""What a user writes for one side of a comparison, such as ``ref=main,engine=litert``."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.errors import InputError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

#: What an error says is expected.
EXPECTED = "ref=, python=, pip=, env.NAME= or an option of the suite (engine=, threads=, ...)"
#: A comma and what looks like a key, which no version (``,<2``, ``,==1``) does.
_LOOKS_LIKE_KEY = re.compile(r",\s*([A-Za-z_][\w.-]*)=")


class ArmError(InputError):
    """An arm that can't be used: what was received and what was expected, in one line."""


@dataclass(frozen=True)
class SuiteOptions:
    """The options of a suite that arms may set: their names, with underscores.

    ``check`` is called with values by name; it raises ``OptionError`` for an invalid one.
    """

    names: tuple[str, ...] = ()
    check: Callable[[dict[str, str]], object] = dict


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        text: As the user wrote it; empty for the checkout and environment as they are.
        ref: Git ref that is checked out in a worktree; None for the working tree.
        python: Interpreter of another environment; None for this one.
        pip: Requirements that are installed on top of that environment.
        options: Of the suite, such as ``("image_size", "160")``.
    """

    text: str
    ref: str | None = None
    python: str | None = None
    pip: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """Its name in messages and reports."""
        return self.text or "the working tree"


def parse_arm(text: str, suite: SuiteOptions) -> Arm:
    """Read an arm: ``key=value``, several joined by commas; empty or ``.`` is the working tree.

    A comma followed by a known key and ``=`` ends a value; any other comma is part of the value.

    Raises:
        ArmError: An unknown or repeated key, or an invalid value.
    """
    text = text.strip()
    if text in {"", "."}:
        return Arm("")
    if not text.isprintable():
        raise ArmError(f"arm {text!r}: expected one line of printable characters")
    # A comma ends a value only where a known key follows: requirements have commas of their own.
    parts = re.split(rf",\s*(?=(?:{_keys(suite.names)})=)", text)
    pairs = [_pair(text, part, suite.names) for part in parts]
    keys = [key for key, _ in pairs if key != "pip"]
    for key in keys:
        if keys.count(key) > 1:
            raise ArmError(f"arm {text!r}: {key}= is given twice; expected it once")
    options = tuple(pair for pair in pairs if pair[0] in suite.names)
    try:
        suite.check(dict(options))
    except OptionError as error:
        raise ArmError(f"arm {text!r}: {error}") from error
    values = dict(pairs)
    return Arm(
        text,
        ref=values.get("ref"),
        python=values.get("python"),
        pip=tuple(value for key, value in pairs if key == "pip"),
        env=tuple((key[4:], value) for key, value in pairs if key.startswith("env.")),
        options=options,
    )


@functools.cache
def _keys(names: tuple[str, ...]) -> str:
    options = [name.replace("_", "[-_]") for name in names]
    return "|".join(["ref", "python", "pip", r"env\.[A-Za-z_][A-Za-z0-9_]*", *options])


def _pair(text: str, part: str, names: tuple[str, ...]) -> tuple[str, str]:
    """A key, with underscores where it is an option of the suite, and its value."""
    key, equals, value = part.partition("=")
    key, value = key.strip(), value.strip()
    if not equals:
        raise ArmError(f"arm {text!r}: expected key=value, such as ref=main; {part!r} has no '='")
    if not re.fullmatch(_keys(names), key):
        raise ArmError(f"arm {text!r}: unknown key {key!r}; expected {EXPECTED}")
    if not value:
        raise ArmError(f"arm {text!r}: {key}= is empty; expected a value")
    if key.startswith("env."):
        return key, value
    _check_value(text, key, value)
    return key.replace("-", "_"), value


def _check_value(text: str, key: str, value: str) -> None:
    """Refuse a value that contains a mistyped key, or that a program would take for an option."""
    typo = _LOOKS_LIKE_KEY.search(value)
    if typo:
        raise ArmError(f"arm {text!r}: unknown key {typo[1]!r}; expected {EXPECTED}")
    if value.endswith(","):
        raise ArmError(f"arm {text!r}: {key}={value} ends with a comma; expected key=value next")
    if key == "ref" and value.startswith("-"):
        raise ArmError(f"arm {text!r}: ref={value} isn't a ref; expected a branch, tag or commit")
    if key == "pip" and value.startswith("-"):
        raise ArmError(
            f"arm {text!r}: pip={value} is an option; expected a requirement (set pip's options "
            "with its PIP_... variables or its configuration file)"
        )
