"""The result of a training as one page: no network, no script, opens from disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tlbench.escapes import printable
from tlbench.report.pictures import as_svg, drawing
from tlbench.report.text import template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tlbench.stats.proportions import Confusion

#: Pairs of classes that are listed.
PAIRS = 25
#: Up to so many classes the cells have numbers.
NUMBERED = 20
#: Up to so many the axes have names.
NAMED = 100
#: Characters of a class's name that are shown; the tables beside it have all of them.
LENGTH = 22
#: Side of a cell in inches: with numbers, with names, and with neither for the whole picture.
CELL, SMALL_CELL, WHOLE = 0.62, 0.13, 9.0
#: Right and wrong, told apart by people who don't see red and green; both over any background.
RIGHT, WRONG = (0.05, 0.40, 0.80), (0.85, 0.33, 0.05)
#: Opacity of a cell with the smallest share, which is to be seen.
FAINTEST = 0.15
#: Opacity of ``RIGHT`` from which white text is more readable on it than black, by WCAG's
#: contrast; on ``WRONG`` it never is.
DARK = 0.9


@dataclass(frozen=True)
class MissedImage:
    """A test image, JPEG as base64, whose class was not predicted; classes and file are any text.

    ``probability`` is of the predicted class, 0 to 1.
    """

    picture: str
    actual: str
    predicted: str
    probability: float
    file: str | None


def training_page(
    facts: Mapping[str, str],
    confusion: Confusion,
    missed: Sequence[MissedImage],
    majority_rate: float,
) -> str:
    """The page as HTML: accuracy, confusion matrix, classes, and images that were missed.

    Args:
        facts: How the model was trained, text by name; ``data`` is the data set's name.
        confusion: Predictions of the test images.
        missed: The most confident mistakes, the most confident first.
        majority_rate: Accuracy, 0 to 1, of always predicting the majority class.
    """
    from markupsafe import Markup

    return template(
        "training.html.j2"
    ).render(
        facts=facts,
        confusion=confusion,
        # Our own drawing, in which matplotlib escapes every name.
        picture=Markup(confusion_picture(confusion.matrix, confusion.names)),  # noqa: S704
        numbered=len(confusion.names) <= NUMBERED,
        majority_rate=majority_rate,
        # The least recognised first; those without images last.
        classes=sorted(confusion.classes, key=lambda each: (each.accuracy is None, each.accuracy)),
        pairs=confusion.pairs[:PAIRS],
        missed=missed,
    )


def confusion_picture(matrix: NDArray[np.int64], names: Sequence[str]) -> str:
    """An ``<svg>`` element, the same for the same matrix: int64 ``(classes, classes)``."""
    classes = len(names)
    side = CELL if classes <= NUMBERED else max(SMALL_CELL, 5.0 / classes)
    size = WHOLE if classes > NAMED else side * classes
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(size, size))
        axes = figure.add_axes((0, 0, 1, 1))
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        _cells(axes, shares)
        if classes <= NUMBERED:
            _numbers(axes, matrix, shares)
        _names(axes, names)
        return as_svg(figure)


def _cells(axes: Axes, shares: NDArray[np.float64]) -> None:
    """A square for each cell that isn't empty, the more opaque the larger its row's share."""
    from matplotlib.collections import PolyCollection

    rows, columns = np.nonzero(shares)
    corner = np.array([(0.03, 0.03), (0.97, 0.03), (0.97, 0.97), (0.03, 0.97)])
    squares = np.stack([columns, rows], axis=1)[:, None, :] + corner
    colours = [
        (*(RIGHT if row == column else WRONG), _opacity(shares[row, column]))
        for row, column in zip(rows, columns, strict=True)
    ]
    axes.add_collection(PolyCollection(squares, facecolors=colours, linewidths=0))
    axes.set(xlim=(0, len(shares)), ylim=(len(shares), 0), aspect="equal")


def _opacity(share: float) -> float:
    return FAINTEST + (1 - FAINTEST) * share


def _numbers(axes: Axes, matrix: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """The count, and its share of the row below it."""
    for row, column in zip(*np.nonzero(matrix), strict=True):
        share = shares[row, column]
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{matrix[row, column]:,}\n{share:.0%}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if row == column and _opacity(share) > DARK else "black",
        )


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.tick_params(length=0, labelsize=9 if len(names) <= NUMBERED else 7, pad=4)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted class", fontsize=10)
    axes.set_ylabel("true class", fontsize=10)
    for spine in axes.spines.values():
        spine.set(color="gray", linewidth=0.5, visible=True)
    if len(names) > NAMED:
        axes.set(xticks=[], yticks=[])
        return
    places = np.arange(len(names)) + 0.5
    short = [_short(name) for name in names]
    axes.set_xticks(places, short, rotation=90)
    axes.set_yticks(places, short)


def _short(name: str) -> str:
    text = printable(name)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"
