"""Text as reports have it: printable, at most 80 columns wide, in Markdown or HTML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from tlbench.escapes import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template
    from rich.console import RenderableType

WIDTH = 80
#: Before the second and further lines of a sentence.
INDENT = "  "
#: What means anything to Markdown or HTML in the middle of a line, as entities.
_ENTITIES = {ord(each): f"&#{ord(each)};" for each in "\\`*_[]<>&|~$#@:"}


def rendered(item: RenderableType) -> list[str]:
    """What rich makes of a table or a text: plain lines of at most 80 columns."""
    console = Console(width=WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(item)
    return [line.rstrip() for line in capture.get().splitlines()]


def plain(text: str) -> Text:
    """A text for a table: printable, and without a meaning to rich."""
    return Text(printable(text))


def sentence(text: str, indent: str = "") -> list[str]:
    """A text as printable lines of at most 80 columns, those after the first indented once more."""
    wrapped = plain(text).wrap(Console(width=WIDTH), WIDTH - len(indent + INDENT))
    first, *others = (line.plain.rstrip() for line in wrapped)
    return [indent + first, *(indent + INDENT + line for line in others)]


def as_code(text: str) -> str:
    """As code in Markdown: an element, since a code span can't hold every text."""
    return f"<code>{printable(text).translate(_ENTITIES)}</code>"


def as_text(text: str) -> str:
    """As text in Markdown, in which nobody is mentioned, as is looked for after entities."""
    return printable(text).translate(_ENTITIES | {ord("@"): "@&#8203;"})


def template(name: str, **filters: Callable[..., Any]) -> Template:
    """A template by its file's name; what it is filled with is printable."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if hasattr(value, "__html__") else printable(str(value)),
    )
    environment.filters |= filters
    return environment.get_template(name)
