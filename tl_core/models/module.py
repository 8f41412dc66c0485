"""A common interface for all image modules: pixels in, a matrix out."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tl_core.devices import ready_tensorflow, select_devices
from tl_core.errors import ModelError
from tl_core.labels import CLASSES
from tl_core.models.calling import find_image_function
from tl_core.models.input_range import UNIT
from tl_core.models.notes import noted_image_size, noted_range, read_notes
from tl_core.models.probing import USUAL_SIZE, at_size, first_line, plain_images
from tl_core.models.program import check_program
from tl_core.models.savedmodel import GRAPH_FILE, meta_graphs
from tl_core.models.trial import Reading, check_answers
from tl_core.storage import tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.calling import ImageFunction
    from tl_core.models.settings import Kind, NetworkSettings
    from tl_core.models.untyped import Loaded, Tensor, Variable

#: Hexadecimal digits of a model's fingerprint.
FINGERPRINT_DIGITS = 16


@dataclass(frozen=True)
class HubModule:
    """An image module in memory.

    Attributes:
        handle: Its handle, for messages.
        path: Its SavedModel folder.
        image_size: Side in pixels of its images; None if it takes any size and states none.
        output_size: Columns of its output.
        trainable_variables: The variables that fine-tuning changes.
    """

    handle: str
    path: Path
    image_size: int | None
    output_size: int
    variables: tuple[Variable, ...] = field(repr=False)
    trainable_variables: tuple[Variable, ...] = field(repr=False)
    _function: ImageFunction = field(repr=False)

    def __call__(self, images: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002 -- as Hub's
        """Outputs, float32 ``(n, output_size)``, of images, float32 RGB in [0, 1] ``(n, h, w, 3)``.

        In training, batch norm uses and updates batch statistics. ModelError for images of another
        dtype or shape, or a module that can't be trained.
        """
        return self._function(images, training)

    @property
    def loaded(self) -> Loaded:
        """The object from ``tf.saved_model.load``, to be saved again within another model."""
        return self._function.owner

    @property
    def takes_training(self) -> bool:
        """Whether it can be called with ``training=True``."""
        return self._function.trainable

    @property
    def kind(self) -> Kind:
        """``"logits"`` if there is one output per ImageNet class, else ``"features"``."""
        return "logits" if self.output_size in (CLASSES, CLASSES + 1) else "features"

    @property
    def input_range(self) -> str:
        """The input range of its own function, one of ``RANGES``."""
        return self._function.adapter.input_range

    @property
    def dtype(self) -> str:
        """Dtype of the images that its own function takes."""
        return self._function.adapter.dtype

    @property
    def batch(self) -> int | None:
        """Number of images that its own function takes at once; None for any."""
        return self._function.adapter.shape[0]

    def in_range(self, name: str) -> HubModule:
        """The same module with another input range of its own function."""
        return replace(self, _function=self._function.in_range(name))

    @property
    def reading(self) -> dict[str, str | None]:
        """How ``open_module`` reads its SavedModel, as JSON."""
        return {"input_range": self.input_range, "output": self._function.output}

    def member(self, name: str) -> HubModule:
        """The module that ``export.save_module`` saved within this one; same variables.

        The notes of that name say how it is read.
        """
        how = {"input_range": UNIT, "output": None, **read_notes(self.path).get(name, {})}
        inner = getattr(self.loaded, name, None)
        function = find_image_function(inner, self.handle, "features", **how)
        return replace(self, _function=replace(function, columns=self.output_size))


def open_module(
    path: Path,
    handle: str | None = None,
    *,
    kind: Kind = "features",
    input_range: str | None = None,
    output: str | None = None,
    image_size: int | None = None,
    trust: bool = False,
) -> HubModule:
    """Load a SavedModel folder as an image module from float32 ``(n, h, w, 3)`` to ``(n, d)``.

    Takes reusable TensorFlow 2 modules (``__call__``) and plain SavedModels with one of
    ``calling.SIGNATURES``, of TensorFlow 1 too; ``Adapter`` adapts their input and output.

    A SavedModel is a program. Its operations are checked before it is loaded, see
    ``program.check_program``; then it runs once in another process, see ``trial.check_answers``.

    Args:
        path: The folder.
        handle: Its handle, for messages; None takes the path.
        kind: Decides between signatures for features and for classes.
        input_range: One of ``RANGES``; None takes the one in its notes, else [0, 1].
        output: The name of the output if it returns several.
        image_size: Side in pixels at which it is run, if its graph leaves the output open.
        trust: Leave out both checks: the model can then read and write files, and run programs.

    Raises:
        ModelError: Refused by one of the checks, not loadable, or without a suitable function.
    """
    name = handle or str(path)
    if not trust:
        check_program(path, name)
        reading = Reading(kind, input_range, output, image_size)
        check_answers(path, name, reading)
    loaded = _load(path, name)
    takes = input_range or noted_range(path) or UNIT
    function = find_image_function(loaded, name, kind, takes, output)
    own_size = noted_image_size(path) or function.adapter.shape[1]
    if function.columns is None:
        size = image_size or own_size or USUAL_SIZE
        with at_size(name, size):
            function = function.measured(plain_images(size))
    if not function.columns:
        raise ModelError(f"{name}: has 0 outputs per image, expected at least 1; export it again")
    return HubModule(
        handle=name,
        path=path,
        image_size=own_size,
        output_size=function.columns,
        variables=tuple(getattr(loaded, "variables", function.variables)),
        trainable_variables=tuple(getattr(loaded, "trainable_variables", ())),
        _function=function,
    )


@dataclass(frozen=True)
class Model:
    """A model for an engine to open: its SavedModel folder, its handle, and how it is read.

    ``image_size`` is the requested side in pixels, if any; else see ``open_module``, for ``trust``
    too.
    """

    path: Path
    handle: str
    kind: Kind
    input_range: str | None = None
    output: str | None = None
    image_size: int | None = None
    trust: bool = False

    @functools.cached_property
    def digest(self) -> str:
        """The sha256 of its files, which are read once, and of how they are read."""
        return self._as_read(tree_digest(self.path))

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that identify the model, the same on every machine.

        If this library converted the model, they are a digest of its source, since TensorFlow
        writes the same network in different bytes each time. Else they are from ``digest``.
        """
        made_of = read_notes(self.path).get("made_of")
        if not made_of:
            return self.digest[:FINGERPRINT_DIGITS]
        text = json.dumps(made_of, sort_keys=True)
        own = hashlib.sha256(text.encode()).hexdigest()
        return self._as_read(own)[:FINGERPRINT_DIGITS]

    def _as_read(self, digest: str) -> str:
        """A digest of files and of settings that change the outputs, if there are any."""
        if self.input_range in (None, UNIT) and self.output is None:
            return digest
        how = json.dumps({"input_range": self.input_range, "output": self.output})
        return hashlib.sha256(f"{digest} {how}".encode()).hexdigest()

    def open(self) -> HubModule:
        """The model in TensorFlow, on the current device."""
        return open_module(
            self.path,
            self.handle,
            kind=self.kind,
            input_range=self.input_range,
            output=self.output,
            image_size=self.image_size,
            trust=self.trust,
        )

    def load(self) -> HubModule:
        """The model in TensorFlow, on the CPU."""
        ready_tensorflow()
        select_devices("cpu")
        return self.open()


def size_for(handle: str, own: int | None, settings: NetworkSettings) -> int:
    """Side of the input in pixels: as set, the module's own, or the fallback; else ModelError."""
    sizes = (settings.image_size, own, settings.fallback_size)
    size = next((int(size) for size in sizes if size is not None), None)
    if size is None:
        raise ModelError(
            f"{handle}: the model takes any image size and doesn't say which it was trained "
            "at; set image_size (often 224)"
        )
    return size


def _load(path: Path, name: str) -> Loaded:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(path), tags=_tags(path))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            f"{name}: can't be loaded ({first_line(error)}); expected a whole SavedModel "
            f"folder at {path}. Resolve the handle again, or export the model again"
        ) from error


def _tags(path: Path) -> list[str] | None:
    """Tags of the graph for inference; None if there is only one graph.

    Hub's first format has a second graph for training; the graph for inference has no tags.
    """
    tags = [list(each.meta_info_def.tags) for each in meta_graphs(path / GRAPH_FILE)]
    if len(tags) < 2:
        return None
    return next((known for known in ([], ["serve"]) if known in tags), tags[0])
