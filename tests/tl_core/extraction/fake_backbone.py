"""A backbone of four numbers per picture, for all that isn't about networks; and how it dies.

The handle is a folder. If it has a file ``dies``, a process that opens the backbone kills itself
when it does what the file says, such as ``rename part-000001.parquet`` or ``read 7.png``. The file
is then gone, unless it ends in ``again``.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tl_core.extraction.settings import Settings

#: Side of its input, in pixels.
SIDE = 12
EVENTS = {"open": ("read", 0), "os.rename": ("rename", 1)}


def features(pixels):
    """Mean of each channel and spread of all, float32 ``(n, 4)``, of uint8 ``(n, h, w, 3)``."""
    real = np.asarray(pixels, np.float64)
    means, spread = real.mean((1, 2)), real.std((1, 2, 3))
    return np.concatenate([means, spread[:, None]], 1).astype(np.float32)


class Network:
    image_size, output_size, in_flight, device, module = SIDE, 4, 1, "CPU:0", None

    def __call__(self, images):
        return features(images)


@dataclass(frozen=True)
class FakeSettings(Settings):
    """Settings of this backbone."""

    batch_size: int = 4
    shard_size: int = 8

    def opened(self):
        folder = Path(self.model)
        if (folder / "dies").exists():
            die_at(folder / "dies")
        digest = ("1" if (folder / "changed").exists() else "0") * 64
        return SimpleNamespace(
            facts={"model": digest, "gpus": [], "engine": self.engine, "image_size": SIDE},
            feature_size=4,
            network=Network(),
            opened=SimpleNamespace(choice=None, model=SimpleNamespace(input_range="0-255")),
        )


def die_at(file):
    words = file.read_text().split()

    def hook(event, arguments):
        what, place = EVENTS.get(event, ("", 0))
        if what == words[0] and str(arguments[place]).endswith(words[1]) and file.exists():
            if words[-1] != "again":
                file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
