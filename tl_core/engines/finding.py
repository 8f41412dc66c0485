"""From a handle to a model with its input range, which is known or explicitly assumed."""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tl_core.conversion.cache import cached_json
from tl_core.conversion.opening import model_facts
from tl_core.errors import ModelError
from tl_core.labels import CLASSES
from tl_core.models import Model, resolve
from tl_core.models.handles import classifier_handle, has_layers, is_url
from tl_core.models.input_range import RANGES, UNIT
from tl_core.models.notes import noted_range, read_notes
from tl_core.models.probing import USUAL_SIZE
from tl_core.models.program import check_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tl_core.models import HubModule, Kind, NetworkSettings

#: Part of cache keys; raised when the input range is determined in another way.
FORMAT = 1
#: The evidence for the input range of this library's own exports.
NOTES = "its notes"
log = logging.getLogger(__name__)


class Known(NamedTuple):
    """A model's known input range, and the evidence for it.

    If the range is unknown, ``testable`` says whether known photographs could have shown it.
    """

    input_range: str | None = None
    shown_by: str = ""
    testable: bool = False


def classifier_of(model: Model) -> str | None:
    """The handle of the ImageNet classifier to which features belong; None if unknown."""
    outputs = read_notes(model.path).get("classifier_outputs", CLASSES)
    return classifier_handle(model.handle) if outputs in (CLASSES, CLASSES + 1) else None


def find_model(handle: str, kind: Kind, settings: NetworkSettings) -> Model:
    """Resolve a handle, and determine which pixel values the model takes.

    The first source that has the range decides: the notes of this library's exports; the model's
    first operations; the range in which the model, or its classifier, recognises known photographs;
    the settings; the documentation of such handles; else [0, 1], which is logged.

    Unless the settings trust it, its program is checked here, before anything cached is used.

    Raises:
        ModelError: The handle can't be resolved, its program is refused, the settings contradict
            the known range, or an ImageNet classifier recognises the photographs in no range and
            the settings have none.
    """
    path = resolve(handle, kind, settings.layer)
    if not settings.trust:
        check_program(path, handle)
    output = None if has_layers(handle) else settings.layer
    asked = settings.image_size or settings.fallback_size
    model = Model(path, handle, kind, output=output, image_size=asked, trust=settings.trust)
    noted = noted_range(path)
    known = Known(noted, NOTES) if noted else _known(model, settings)
    return replace(model, input_range=_chosen(model, known, settings.input_range))


def _chosen(model: Model, known: Known, given: str | None) -> str:
    if known.input_range is not None:
        if given not in (None, known.input_range):
            raise ModelError(
                f"{model.handle}: input range {given}, but {known.shown_by} show that it takes "
                f"{known.input_range} ({RANGES[known.input_range].description}); leave the input "
                "range out"
            )
        if known.shown_by != NOTES:
            _say(model.handle, known.input_range, known.shown_by)
        return known.input_range
    likely: str | None = given or read_notes(model.path).get("likely_range")
    if likely is not None:
        return likely
    if known.testable:
        raise ModelError(
            f"{model.handle}: recognises known photographs in none of the input ranges "
            f"{', '.join(RANGES)}; set the input range with which it was trained"
        )
    if not is_url(model.handle):  # of image modules on Hub, [0, 1] is documented
        _say(model.handle, UNIT, "")
    return UNIT


@functools.cache  # once a process
def _say(handle: str, input_range: str, shown_by: str) -> None:
    takes = RANGES[input_range].description
    if shown_by:
        log.info("%s takes %s, as %s show", handle, takes, shown_by)
        return
    others = ", ".join(name for name in RANGES if name != input_range)
    log.warning(
        "%s: assumed to take %s, since its input range is unknown; if it was trained with "
        "another one, set the input range: %s",
        *(handle, takes, others),
    )


def _known(model: Model, settings: NetworkSettings) -> Known:
    """The range that the model itself shows, from the cache or determined now."""
    from_graph = _cached(model, "graph", lambda: _by_graph(model, settings))
    classifier = _classifier(model, settings)
    if from_graph.input_range or classifier is None:
        return from_graph
    found = _cached(classifier, "photographs", lambda: _by_photographs(classifier, settings))
    return found._replace(testable=found.testable and classifier is model)


def _cached(model: Model, way: str, find: Callable[[], Known]) -> Known:
    facts = {
        **model_facts(model, model.image_size),
        "format": f"input range by {way}, {FORMAT}",
    }
    return Known(**cached_json(facts, lambda: find()._asdict()))


def _classifier(model: Model, settings: NetworkSettings) -> Model | None:
    """The ImageNet classifier that the model is or belongs to; None if none is available."""
    if model.kind == "logits":
        return model if settings.classes is None else None
    handle = classifier_of(model)
    if handle is None or is_url(handle):
        return None
    with suppress(ModelError):
        path = resolve(handle, "logits")
        return replace(model, path=path, handle=handle, kind="logits", output=None)
    return None


def _by_graph(model: Model, settings: NetworkSettings) -> Known:
    from tl_core.models.range_evidence import range_in_graph

    module = _opened(model, settings)
    size = model.image_size or module.image_size or USUAL_SIZE
    with suppress(ModelError):  # such images don't fit: an error when it is run
        return Known(range_in_graph(module, size), "its first operations")
    return Known()


def _by_photographs(model: Model, settings: NetworkSettings) -> Known:
    from tl_core.models.range_evidence import range_by_photographs

    module = _opened(model, settings)
    if module.output_size not in (CLASSES, CLASSES + 1):
        return Known()
    sizes = [module.image_size] if module.image_size else [USUAL_SIZE, model.image_size]
    for size in filter(None, sizes):
        with suppress(ModelError):  # another one may fit
            found = range_by_photographs(module, size)
            return Known(found, "its names for known photographs", testable=True)
    return Known()


def _opened(model: Model, settings: NetworkSettings) -> HubModule:
    # Without hiding the GPUs on which it will run.
    return model.load() if settings.device == "cpu" else model.open()
