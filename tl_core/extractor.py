"""The frozen backbone: images in, features out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines import REFERENCE, NetworkSettings, open_model
from tl_core.errors import ModelError
from tl_core.resize import DEFAULT_METHOD, RESIZE_METHODS
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE, run_network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tl_core.engines import Network

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
        threads: Threads for one operation; None leaves the engine's default.
        resize: One of ``RESIZE_METHODS``.

    Attributes:
        network: The engine's opened network.

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
    ) -> None:
        if resize not in RESIZE_METHODS:
            raise ModelError(f"resize method {resize!r}: expected one of {RESIZE_METHODS}")
        settings = NetworkSettings(image_size=image_size, device=device, threads=threads)
        self.handle, self.engine, self.device, self.resize = handle, engine, device, resize
        self.network: Network = open_model(handle, "features", engine, settings)

    @property
    def image_size(self) -> int:
        """Side of the square that images are resized to, in pixels."""
        return self.network.image_size

    @property
    def feature_size(self) -> int:
        """Number of features an image."""
        return self.network.output_size

    def extract(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Features of images.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, a path, paths, or an ``ImageSource``.
            batch_size: Images a batch.

        Returns:
            float32 ``(n, feature_size)``, in the images' order.
        """
        source = as_source(images)
        return run_network(self.network, source, batch_size=batch_size, method=self.resize)
