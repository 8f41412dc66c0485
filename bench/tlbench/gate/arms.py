"""What a user writes for one side of a comparison, such as ``ref=main,engine=litert``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.errors import InputError, OptionError
from tlbench.suite.options import OPTIONS, workload_from

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Keys that are options of the suite.
SUITE_KEYS = ("workload", *(option.name for option in OPTIONS))
#: What an error says is expected.
EXPECTED = "ref=, python=, pip=, env.NAME= or an option of the suite (engine=, threads=, ...)"

_SUITE = "|".join(name.replace("_", "[-_]") for name in SUITE_KEYS)
_KNOWN = re.compile(rf"ref|python|pip|env\.[A-Za-z_][A-Za-z0-9_]*|{_SUITE}")
#: A comma ends a value only where a known key follows: requirements have commas of their own.
_COMMA = re.compile(rf",\s*(?=(?:{_KNOWN.pattern})=)")
#: A comma and what looks like a key, which no version (``,<2``, ``,==1``) does.
_LOOKS_LIKE_KEY = re.compile(r",\s*([A-Za-z_][\w.-]*)=")


class ArmError(InputError):
    """An arm that can't be: what was received, what was expected, in one line."""


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        text: As the user wrote it; empty for the checkout and environment as they are.
        ref: Git ref that is checked out in a worktree; None takes the working tree.
        python: Interpreter of another environment; None takes this one.
        pip: Requirements that are installed over that environment.
        env: Environment variables, name and value.
        options: Options of the suite, ``Workload`` field and value, such as
            ``("image_size", "160")``.
    """

    text: str
    ref: str | None = None
    python: str | None = None
    pip: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """What to call it where both arms are shown."""
        return self.text or "the working tree"


def parse_arm(text: str) -> Arm:
    """Read an arm.

    Args:
        text: ``key=value``, several joined by commas; empty or ``.`` for the present state. A
            comma followed by a known key and ``=`` ends a value, any other is part of it.

    Raises:
        ArmError: An unknown or repeated key, or a value that can't be.
    """
    text = text.strip()
    if text in {"", "."}:
        return Arm("")
    if not text.isprintable():
        raise ArmError(f"arm {text!r}: expected one line of printable characters")
    pairs = [_pair(text, part) for part in _COMMA.split(text)]
    keys = [key for key, _ in pairs if key != "pip"]
    for key in keys:
        if keys.count(key) > 1:
            raise ArmError(f"arm {text!r}: {key}= is given twice; expected it once")
    found = dict(pairs)
    return Arm(
        text,
        ref=found.get("ref"),
        python=found.get("python"),
        pip=tuple(value for key, value in pairs if key == "pip"),
        env=tuple((key[4:], value) for key, value in pairs if key.startswith("env.")),
        options=_options(text, [pair for pair in pairs if pair[0] in SUITE_KEYS]),
    )


def _pair(text: str, part: str) -> tuple[str, str]:
    """A key, with underscores where it is an option of the suite, and its value."""
    key, equals, value = part.partition("=")
    key, value = key.strip(), value.strip()
    if not equals:
        raise ArmError(f"arm {text!r}: expected key=value, such as ref=main; {part!r} has no '='")
    if not _KNOWN.fullmatch(key):
        raise ArmError(f"arm {text!r}: unknown key {key!r}; expected {EXPECTED}")
    if not value:
        raise ArmError(f"arm {text!r}: {key}= is empty; expected a value")
    if not key.startswith("env."):
        _check_value(text, key, value)
        key = key.replace("-", "_")
    return key, value


def _check_value(text: str, key: str, value: str) -> None:
    """Refuse what would be swallowed as part of a value, or be taken for an option by a program."""
    typo = _LOOKS_LIKE_KEY.search(value)
    if typo:
        raise ArmError(f"arm {text!r}: unknown key {typo[1]!r}; expected {EXPECTED}")
    if value.endswith(","):
        raise ArmError(f"arm {text!r}: {key}={value} ends with a comma; expected key=value after")
    if key == "ref" and value.startswith("-"):
        raise ArmError(f"arm {text!r}: ref={value} isn't a ref; expected a branch, tag or commit")
    if key == "pip" and value.startswith("-"):
        raise ArmError(
            f"arm {text!r}: pip={value} is an option; expected a requirement, and pip's options "
            "in its PIP_... variables or its configuration file"
        )


def _options(text: str, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Values of the suite's options, checked as pytest would.

    But for names of engines and data sets: another ref may know others than this one.
    """
    values = dict(pairs)
    try:
        workload_from(values.pop("workload", "quick"), values)
    except OptionError as error:
        raise ArmError(f"arm {text!r}: {error}") from error
    return tuple(pairs)
