"""From a model handle to a SavedModel folder, and from that to a module that takes images."""

from __future__ import annotations

from tl_core.models.handles import FORMS, Kind, resolve
from tl_core.models.module import HubModule, open_module, require

__all__ = ["FORMS", "HubModule", "Kind", "open_module", "require", "resolve"]
