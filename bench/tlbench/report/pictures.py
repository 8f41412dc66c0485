"""Pictures by matplotlib: as elements of a page that follow its colours, and as files."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

#: Text that is black has no colour in the SVG, and takes that of the page.
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tlbench",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": "black",
    "axes.labelcolor": "black",
    "axes.edgecolor": "gray",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "black",
    "ytick.color": "black",
    "hatch.linewidth": 0.6,
}
#: Dots an inch of PNG files.
DPI = 160
_IDS = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')


@contextmanager
def drawing() -> Iterator[None]:
    """Our settings; letters that matplotlib's font lacks are in the browser's.

    matplotlib must not be imported before, see ``_matplotlib``.
    """
    with _matplotlib().rc_context(SETTINGS), warnings.catch_warnings():
        # Only their widths are guessed.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def _matplotlib() -> Any:  # noqa: ANN401 - a module
    """matplotlib, whatever backend ``MPLBACKEND`` names; pictures are drawn without one.

    A notebook's, inherited by a shell without its packages, would make the import fail.
    """
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib as mpl
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):  # whoever draws with a backend has the one that was named
            mpl.rcParams["backend"] = backend
    return mpl


def as_svg(figure: Figure, name: str = "") -> str:
    """An ``<svg>`` element, the same for the same drawing; call it within ``drawing()``.

    The name is put before every id in it, so that several fit into a page.
    """
    file = io.StringIO()
    about = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(
        file, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.1, metadata=about
    )
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    return _IDS.sub(rf"\g<1>{name}-\g<2>", text) if name else text


def write_picture(
    figure: Figure, folder: Path, name: str, forms: Sequence[str] = ("svg", "png")
) -> None:
    """``name.svg`` and ``name.png`` on white, for a README or a slide."""
    for form in forms:
        about = {"Date": None} if form == "svg" else None
        content = io.BytesIO()
        figure.savefig(
            content, format=form, facecolor="white", bbox_inches="tight", pad_inches=0.15,
            dpi=DPI, metadata=about,
        )  # fmt: skip
        write_file(folder / f"{name}.{form}", content.getvalue())
