"""Decoders of JPEG side by side, for the study ``decoding``."""

from __future__ import annotations

import io
from collections import defaultdict
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tl_core.images import load_image
from tl_core.jpeg import LEAST_RATIO, needed_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.studies.fresh import Task

    Pixels = NDArray[np.uint8]
    Decoder = Callable[[bytes], Pixels]

#: Pixels of a phone's picture.
PHONE = (4000, 3000)


def decoders() -> dict[str, Decoder]:
    """Whatever is installed, from a file's bytes to RGB pixels, on one thread."""
    ways: dict[str, Decoder] = {"load_image": load_image, "pillow": by_pillow}
    if find_spec("simplejpeg"):
        import simplejpeg

        ways["simplejpeg"] = lambda data: simplejpeg.decode_jpeg(data, "RGB")
    if find_spec("turbojpeg"):
        import turbojpeg

        with suppress(RuntimeError):  # it brings no libjpeg-turbo of its own
            binding = turbojpeg.TurboJPEG()
            ways["pyturbojpeg"] = lambda data: binding.decode(data, turbojpeg.TJPF_RGB)
    if find_spec("imagecodecs"):
        import imagecodecs

        ways["imagecodecs"] = imagecodecs.jpeg8_decode
    if find_spec("cv2"):
        import cv2

        ways["opencv"] = lambda data: cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB
        )
    import tensorflow as tf

    ways["tensorflow"] = lambda data: tf.io.decode_jpeg(
        data, channels=3, dct_method="INTEGER_ACCURATE"
    ).numpy()
    return ways


def by_pillow(data: bytes, size: int | None = None) -> Pixels:
    """As one calls Pillow, at its own or at a fraction of its size."""
    with Image.open(io.BytesIO(data)) as image:
        if size is not None:
            image.draft("RGB", (needed_side(size), needed_side(size)))
        return np.asarray(image.convert("RGB"))


def side_by_side(*, folder: str, turns: int) -> Task:
    """Rates of each decoder on the same files, in turns; its pixels beside Pillow's."""
    blobs = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    megabytes = sum(map(len, blobs)) / 1e6
    megapixels = sum(int(np.prod(by_pillow(data).shape[:2])) for data in blobs) / 1e6
    ways = decoders()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):  # the first one warms up
        for name in list(ways)[:: 1 if turn % 2 else -1]:
            start = perf_counter()
            for data in blobs:
                ways[name](data)
            seconds[name].append(perf_counter() - start)
    rows = {}
    for name, way in ways.items():
        taken = median(seconds[name][1:])
        worst = [np.abs(way(data).astype(int) - by_pillow(data)) for data in blobs]
        rows[name] = {
            "images_per_s": len(blobs) / taken,
            "megabytes_per_s": megabytes / taken,
            "megapixels_per_s": megapixels / taken,
            "largest_difference": int(max(each.max() for each in worst)),
            "share_that_differs": float(np.mean([(each > 0).mean() for each in worst])),
        }
    return rows


def fractions(*, folder: str, turns: int) -> Task:
    """What decoding at a fraction gains on pictures of a phone's size."""
    blobs = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    rows: dict[str, list[float]] = defaultdict(list)
    for turn in range(turns + 1):
        for shrink in (1, 2, 4, 8):
            size = min(PHONE) // (LEAST_RATIO * shrink)
            for who, way in (("load_image", load_image), ("pillow", by_pillow)):
                start = perf_counter()
                for data in blobs:
                    way(data, size=size)
                if turn:
                    rows[f"{who} 1/{shrink}"].append(len(blobs) / (perf_counter() - start))
    return {name: median(rates) for name, rates in rows.items()}
