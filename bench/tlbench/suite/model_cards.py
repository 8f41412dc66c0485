"""The models at hand, and what is known of each without measuring anything now."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from tl_core.conversion.cache import cached_json
from tl_core.conversion.opening import model_facts
from tl_core.engines import NetworkSettings
from tl_core.engines.finding import find_model
from tl_core.errors import ModelError, TransferLearningError
from tl_core.models import Model, embedded, hub, resolve
from tl_core.models.export import exported_models
from tl_core.models.handles import public_name
from tl_core.models.savedmodel import find_root, root_fault
from tlbench.errors import InputError
from tlbench.figures import Share
from tlbench.runs.collect import collect, progress
from tlbench.runs.model_name import short_name
from tlbench.suite.floors import derivations
from tlbench.suite.flops import multiply_adds
from tlbench.suite.quiet import import_tensorflow_later
from tlbench.text_files import parse_json, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Side in pixels at which a model that takes any, and names none, is counted.
USUAL_SIZE = 224
#: Below the results folder, the linear probes of ``python -m bench.studies.backbones``.
STUDY = "studies/backbones.json"


@dataclass(frozen=True)
class Facts:
    """What a model's graph says.

    Attributes:
        image_size: Side of its input in pixels; None where it takes any and names none.
        input_range: The pixel values that it takes, one of ``RANGES``.
        parameters: Numbers in its variables.
        multiply_adds: For one image of that side, else of ``USUAL_SIZE``; None where its graph has
            operations that are not counted.
        outputs: Features of an image, or a classifier's classes.
        kind: ``features`` or ``logits``.
    """

    image_size: int | None
    input_range: str
    parameters: int
    multiply_adds: int | None
    outputs: int
    kind: str


@dataclass(frozen=True)
class Accuracy:
    """A top-1 accuracy on all ``test_size`` test images.

    ``head`` is ``linear probe`` (trained to convergence) or ``one epoch``; ``image_size`` is the
    side of the network's input in pixels.
    """

    data: str
    head: str
    accuracy: float
    train_size: int
    test_size: int
    image_size: int


class _Probe(msgspec.Struct):
    """A row of the study of ``STUDY``."""

    model: str
    model_fingerprint: str
    data: str
    accuracy: Share
    train_size: int
    test_size: int
    image_size: int


class _Study(msgspec.Struct):
    models: list[_Probe]


@dataclass(frozen=True)
class Card:
    """A model that is at hand, or that a package would bring.

    Attributes:
        handle: What ``--model`` takes, without what is private.
        source: ``given``, ``embedded`` or ``cached``.
        fingerprint: See ``Model.fingerprint``; None where there is a problem.
        facts: None where there is a problem.
        problem: Why it can't be opened, and what to do about it.
        accuracies: One for each data set: that on most test images.
    """

    handle: str
    source: str
    fingerprint: str | None = None
    facts: Facts | None = None
    problem: str | None = None
    accuracies: tuple[Accuracy, ...] = ()


@dataclass(frozen=True)
class _Measured:
    """An accuracy, and whose: by fingerprint, or by name where that is unknown."""

    name: str
    fingerprint: str | None
    accuracy: Accuracy


def model_cards(
    handles: Sequence[str],
    results: Path,
    *,
    input_range: str | None = None,
    layer: str | None = None,
    trust: bool = False,
) -> list[Card]:
    """Cards of the given handles, then of the embedded and the cached models.

    Args:
        handles: As ``resolve`` takes them.
        results: A folder of results, for accuracies; it may be absent.
        input_range: The pixel values that the handles' models take; None finds it out.
        layer: The layer or output that gives their features, see ``NetworkSettings``.
        trust: Run them unchecked, see ``NetworkSettings``.

    Raises:
        InputError: One of the handles can't be opened.
    """
    import_tensorflow_later("cpu")
    settings = NetworkSettings(
        fallback_size=USUAL_SIZE, input_range=input_range, layer=layer, trust=trust
    )
    try:
        cards = [_card(find_model(each, "features", settings), "given") for each in handles]
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    names = [name for name in embedded.MODELS if name not in handles]
    with progress(len(names), "open", unit="model") as bar:
        for name in names:
            cards.append(_embedded(name))
            bar.update(1)
    cards += [card for card in _cached() if card.handle not in {each.handle for each in cards}]
    measured = [*_shipped(), *_studied(results), *_of_runs(results)]
    return [replace(card, accuracies=_accuracies(card, measured)) for card in cards]


def _embedded(name: str) -> Card:
    try:
        return _card(Model(resolve(name, "features"), name, "features"), "embedded")
    except ModelError as error:
        return Card(name, "embedded", problem=str(error))


def _cached() -> Iterator[Card]:
    """What was converted or downloaded before; nothing is converted or downloaded for it."""
    for handle, folder in exported_models().items():
        if handle not in embedded.MODELS:
            yield _openable(folder, handle)
    for url in hub.cached_urls():
        yield _openable(hub.cache_entry(url), url)


def _openable(folder: Path, handle: str) -> Card:
    try:
        problem = root_fault(folder)
        if problem is None:
            return _card(Model(find_root(folder), handle, "features"), "cached")
    except ModelError as error:
        problem = str(error)
    return Card(public_name(handle), "cached", problem=problem)


def _card(model: Model, source: str) -> Card:
    return Card(public_name(model.handle), source, model.fingerprint, facts_of(model))


def facts_of(model: Model) -> Facts:
    """What a model's graph says, from the cache or counted now."""
    about = {**model_facts(model, None), "format": "model card, 2"}
    return Facts(**cached_json(about, lambda: asdict(_counted(model))))


def _counted(model: Model) -> Facts:
    module = model.load()
    counted = multiply_adds(module, module.image_size or USUAL_SIZE)
    return Facts(
        image_size=module.image_size,
        input_range=module.input_range,
        parameters=sum(math.prod(variable.shape) for variable in module.variables),
        multiply_adds=None if counted.uncounted else counted.total,
        outputs=module.output_size,
        kind=module.kind,
    )


def _accuracies(card: Card, measured: Sequence[_Measured]) -> tuple[Accuracy, ...]:
    best: dict[str, Accuracy] = {}
    for each in measured:
        known = each.fingerprint and card.fingerprint
        names = card.handle, short_name(card.handle)
        same = each.fingerprint == card.fingerprint if known else each.name in names
        new, old = each.accuracy, best.get(each.accuracy.data)
        if same and (old is None or _weight(new) > _weight(old)):
            best[new.data] = new
    return tuple(best.values())


def _weight(accuracy: Accuracy) -> tuple[float, ...]:
    return accuracy.test_size, accuracy.train_size, accuracy.accuracy


def _shipped() -> Iterator[_Measured]:
    """The linear probes that accuracy ceilings are derived from."""
    for each in derivations():
        sizes = each.train_size, each.test_size, each.image_size
        accuracy = Accuracy(each.data, "linear probe", each.linear_probe, *sizes)
        yield _Measured(each.model, None, accuracy)


def _studied(results: Path) -> Iterator[_Measured]:
    file = results / STUDY
    if not file.is_file():
        return
    text = read_text(file)
    try:
        study = msgspec.convert(parse_json(text), _Study)
    except (InputError, msgspec.ValidationError) as error:
        raise InputError(
            f"{file}: {error}; expected what python -m bench.studies.backbones writes. Restore or "
            "delete it"
        ) from error
    for each in study.models:
        sizes = each.train_size, each.test_size, each.image_size
        accuracy = Accuracy(each.data, "linear probe", each.accuracy, *sizes)
        yield _Measured(each.model, each.model_fingerprint, accuracy)


def _of_runs(results: Path) -> Iterator[_Measured]:
    for run in collect([str(results)]).runs if results.is_dir() else ():
        for row in run.rows:
            if row.stage == "evaluate" and row.accuracy is not None and row.precision == "fp32":
                sizes = row.train_size, row.test_size, row.image_size
                accuracy = Accuracy(row.data, "one epoch", row.accuracy, *sizes)
                yield _Measured(row.model, row.model_fingerprint, accuracy)
