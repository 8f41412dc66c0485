"""The result of a training as one page: no network, no script, opens from disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.report.confusion_picture import NUMBERED, confusion_picture
from tlbench.report.pages import template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.stats.confusion import Confusion

#: Pairs of classes that are listed.
PAIRS = 25


@dataclass(frozen=True)
class MissedImage:
    """A test image whose class was not predicted.

    Attributes:
        picture: JPEG, base64.
        actual, predicted: Classes, any text.
        probability: Of the predicted class, 0 to 1.
        file: Name of the image, any text; None where it has none.
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
