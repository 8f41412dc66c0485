"""The frozen backbone: images in, features out."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

from tl_core.conversion import cached_json
from tl_core.device_features import extracted_on_device, on_device
from tl_core.devices import gpu_names, tensorflow_later
from tl_core.engines import REFERENCE, NetworkSettings, open_model
from tl_core.engines.finding import find_model
from tl_core.engines.protocol import KeepsOutputs
from tl_core.errors import ModelError
from tl_core.feature_cache import cached_features, feature_facts, machine_facts, open_store
from tl_core.resize import DEFAULT_METHOD, RESIZE_METHODS
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE, output_batches, run_network

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.device_features import Features
    from tl_core.engines import Network
    from tl_core.engines.opening import Opened
    from tl_core.models import HubModule
    from tl_core.sources import ImageSource
    from tl_core.streaming import OutputBatches

#: The embedded backbone, whose weights come as a package.
DEFAULT_MODEL = "efficientnet-lite0"
#: Settings on which no feature depends: those of workers and of classifiers, and those that the
#: model's digest includes.
INDIFFERENT = (
    *("threads", "workers", "chunk", "classes", "fallback_size"),
    *("input_range", "layer", "trust"),
)


class FeatureExtractor:
    """A frozen, batched feature extractor.

    Args:
        handle: One of ``models.FORMS``.
        engine: One of ``engine_names()``.
        image_size: Side of the square input in pixels; None takes the model's own.
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        threads: Threads of all the engine's workers together; None takes its default.
        resize: One of ``RESIZE_METHODS``.
        precision: ``fp32``, or what else the engine offers.
        workers: Replicas that share the threads; None lets a pilot choose.
        chunk: Images that a worker, or a GPU, runs at once; None lets a pilot choose.
        input_range: The pixel values that the model takes: ``0-1``, ``-1-1``, ``0-255``,
            ``imagenet`` or ``caffe``; None determines it, and logs an assumed one.
        layer: Of a ``.keras`` or ``.h5`` file or a Keras Hub preset, the layer whose output is
            taken; None takes the pooled features. Of a SavedModel with several outputs, the name of
            one.
        trust: Run a SavedModel unchecked. Otherwise, one with other operations than image models
            have is refused, and one of others is first tried in another process.
        cache: Keep features on disk, and read those that are there. On the CPU, a network that was
            opened before is then opened only if features are absent.

    Attributes:
        engine: The engine's name; of ``auto``, the one that it chose.
        image_size: Side of the square that images are resized to, in pixels.
        feature_size: Number of features per image.
        digest: The sha256 of the model, whatever its handle.
        fingerprint: See ``Model.fingerprint``.

    Raises:
        ModelError: The handle can't be resolved, names a classifier, or its program is refused.
        DeviceError: No such device.
    """

    def __init__(
        self,
        handle: str = DEFAULT_MODEL,
        *,
        engine: str = REFERENCE,
        image_size: int | None = None,
        device: str = "cpu",
        threads: int | None = None,
        resize: str = DEFAULT_METHOD,
        precision: str = "fp32",
        workers: int | None = None,
        chunk: int | None = None,
        input_range: str | None = None,
        layer: str | None = None,
        trust: bool = False,
        cache: bool = False,
    ) -> None:
        if resize not in RESIZE_METHODS:
            raise ModelError(f"resize method {resize!r}: expected one of {RESIZE_METHODS}")
        self.settings = NetworkSettings(
            image_size=image_size,
            device=device,
            threads=threads,
            precision=precision,
            workers=workers,
            chunk=chunk,
            input_range=input_range,
            layer=layer,
            trust=trust,
        )
        self.cache = cache
        self.handle, self.device, self.resize, self.precision = handle, device, resize, precision
        self._asked = handle, engine
        known = self._noted() if cache and device == "cpu" else self._found()
        self.engine: str = known["engine"]
        self.image_size: int = known["image_size"]
        self.feature_size: int = known["feature_size"]
        self.digest: str = known["digest"]
        self.fingerprint: str = known["fingerprint"]

    @property
    def is_open(self) -> bool:
        """Whether the network was opened; False if all features so far were in the cache."""
        return "opened" in vars(self)

    @cached_property
    def opened(self) -> Opened:
        """The opened network with its properties."""
        handle, engine = self._asked
        return open_model(handle, "features", engine, self.settings)

    @property
    def network(self) -> Network:
        """The engine's opened network."""
        return self.opened.network

    def _found(self) -> dict[str, Any]:
        """What opening the network shows."""
        network, model = self.network, self.opened.model
        return {
            "engine": self.opened.engine,
            "image_size": network.image_size,
            "feature_size": network.output_size,
            "digest": model.digest,
            "fingerprint": model.fingerprint,
        }

    def _noted(self) -> dict[str, Any]:
        """The same, from the cache if this model was opened before with these settings."""
        handle, engine = self._asked
        with tensorflow_later(self.settings.threads):
            model = find_model(handle, "features", self.settings)
        facts = {
            "model": model.digest,
            # It may say that the model is a classifier; and may be private.
            "handle": hashlib.sha256(handle.encode()).hexdigest(),
            "engine": engine,
            "settings": asdict(self.settings),
            "format": "opened extractor, 2",
            **machine_facts(engine),
        }
        noted: dict[str, Any] = cached_json(facts, self._found)
        return noted

    @property
    def facts(self) -> dict[str, object]:
        """All that its features depend on besides images and versions, as JSON."""
        settings = asdict(self.settings)
        return {name: value for name, value in settings.items() if name not in INDIFFERENT} | {
            "model": self.digest,
            "engine": self.engine,
            "gpus": gpu_names(self.device),
            "image_size": self.image_size,
            "resize": self.resize,
        }

    def extract(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Features, float32 ``(n, feature_size)``; from the cache read-only.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, a path, paths, or an ``ImageSource``.
            batch_size: Images per batch.
        """
        source = as_source(images)
        if self.cache and len(source):
            store = open_store(feature_facts(self.facts, source), self.feature_size)
            return cached_features(
                store, source, lambda parts: self.batches(source, parts), batch_size=batch_size
            )
        return run_network(self.network, source, batch_size=batch_size, method=self.resize)

    def extract_to_device(self, images: object, *, batch_size: int = BATCH_SIZE) -> Features:
        """Features for training heads, as ``extract``: on a GPU they stay in its memory.

        There they are ``DeviceFeatures``, which NumPy's functions take too. Those in the cache on
        disk are copied to the GPU.
        """
        source, network = as_source(images), None if self.device == "cpu" else self.network
        if self.cache or not len(source) or not isinstance(network, KeepsOutputs):
            return self.to_device(self.extract(source, batch_size=batch_size))
        return extracted_on_device(network, source, batch_size=batch_size, method=self.resize)

    def to_device(self, features: Features) -> Features:
        """Features ``(n, feature_size)`` in the GPU's memory, copied once for all trainings.

        On the CPU: the features themselves.
        """
        return features if self.device == "cpu" else on_device(features, self.network.device)

    @cached_property
    def module(self) -> HubModule:
        """The model in TensorFlow, whichever engine runs it: to save, count or fine-tune it."""
        return self.network.module or self.opened.model.load()

    def batches(
        self,
        source: ImageSource,
        order: NDArray[np.int64] | Iterable[NDArray[np.int64]],
        *,
        batch_size: int = BATCH_SIZE,
    ) -> OutputBatches:
        """Features batch by batch, in constant memory; see ``streaming.output_batches``."""
        return output_batches(
            self.network, source, order, batch_size=batch_size, method=self.resize
        )
