"""The frozen backbone: images in, features out."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tl_core.engines import REFERENCE, NetworkSettings, open_model
from tl_core.errors import ModelError
from tl_core.feature_cache import cached_features, feature_facts
from tl_core.resize import DEFAULT_METHOD, RESIZE_METHODS
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE, output_batches, run_network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tl_core.engines import Network
    from tl_core.models import HubModule
    from tl_core.sources import ImageSource
    from tl_core.streaming import OutputBatches

#: The embedded backbone, whose weights come as a package.
DEFAULT_MODEL = "efficientnet-lite0"


class FeatureExtractor:
    """A frozen, batched feature extractor.

    Args:
        handle: ``efficientnet-lite0``, a Hub or Kaggle URL, a SavedModel folder, a ``.tar.gz`` of
            one, or ``keras:NAME``.
        engine: One of ``engine_names()``.
        image_size: Side of the square input in pixels; None takes the model's own.
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        threads: Threads of all the engine's workers together; None takes its default.
        resize: One of ``RESIZE_METHODS``.
        precision: ``fp32``, or what else the engine offers.
        workers: Replicas that share the threads; None lets a pilot choose.
        chunk: Images that a worker runs at once; None lets a pilot choose.
        cache: Keep features on disk, and read those that are there.

    Attributes:
        opened: The network, and what is known of it.
        network: The engine's opened network.
        engine: Its name; of ``auto``, the one that it chose.

    Raises:
        ModelError: The handle can't be resolved, or names a classifier.
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
        cache: bool = False,
    ) -> None:
        if resize not in RESIZE_METHODS:
            raise ModelError(f"resize method {resize!r}: expected one of {RESIZE_METHODS}")
        settings = NetworkSettings(
            image_size=image_size,
            device=device,
            threads=threads,
            precision=precision,
            workers=workers,
            chunk=chunk,
        )
        self.cache = cache
        self.handle, self.device, self.resize, self.precision = handle, device, resize, precision
        self.opened = opened = open_model(handle, "features", engine, settings)
        self.network: Network = opened.network
        self.engine = opened.engine

    @property
    def image_size(self) -> int:
        """Side of the square that images are resized to, in pixels."""
        return self.network.image_size

    @property
    def feature_size(self) -> int:
        """Number of features per image."""
        return self.network.output_size

    @property
    def facts(self) -> dict[str, object]:
        """What its features depend on besides images and versions, as JSON."""
        return {
            "model": self.opened.model.digest,
            "engine": self.engine,
            "precision": self.precision,
            "device": self.device,
            "image_size": self.image_size,
            "resize": self.resize,
        }

    def extract(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Features, float32 ``(n, feature_size)``; from the cache memory-mapped and read-only.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, a path, paths, or an ``ImageSource``.
            batch_size: Images per batch.
        """
        source = as_source(images)
        if self.cache and len(source):
            return cached_features(
                feature_facts(self.facts, source),
                len(source),
                self.feature_size,
                lambda order, block: self.batches(source, order, batch_size=block),
                batch_size=batch_size,
            )
        return run_network(self.network, source, batch_size=batch_size, method=self.resize)

    @cached_property
    def module(self) -> HubModule:
        """The model itself, whichever engine runs it: to be saved, counted or fine-tuned."""
        return self.network.module or self.opened.model.load()

    def batches(
        self, source: ImageSource, order: NDArray[np.int64], *, batch_size: int = BATCH_SIZE
    ) -> OutputBatches:
        """Features batch by batch, in constant memory; see ``streaming.output_batches``."""
        return output_batches(
            self.network, source, order, batch_size=batch_size, method=self.resize
        )
