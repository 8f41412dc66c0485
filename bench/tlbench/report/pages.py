"""HTML pages from templates: all that they are given is text, unless it says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str, **filters: Callable[..., Any]) -> Template:
    """A template by its file's name, with filters besides ``printable``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {**filters, "printable": printable}
    return made.get_template(name)
