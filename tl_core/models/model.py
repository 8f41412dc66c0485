"""A model on this machine, as engines take it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.devices import ready_tensorflow, select_devices
from tl_core.models.module import open_module
from tl_core.storage import tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.module import HubModule
    from tl_core.models.settings import Kind


@dataclass(frozen=True)
class Model:
    """A model for an engine to open: its SavedModel folder, and the user's handle, for messages."""

    path: Path
    handle: str
    kind: Kind

    @functools.cached_property
    def digest(self) -> str:
        """The sha256 of its files, which are read once."""
        return tree_digest(self.path)

    def load(self) -> HubModule:
        """The model in TensorFlow, on the CPU."""
        ready_tensorflow()
        select_devices("cpu")
        return open_module(self.path, self.handle)
