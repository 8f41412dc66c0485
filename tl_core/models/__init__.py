"""Resolve a model handle to a SavedModel folder, and load it as a module that takes images."""

from __future__ import annotations

from tl_core.models.handles import FORMS, resolve
from tl_core.models.module import HubModule, Model, open_module
from tl_core.models.requirement import require
from tl_core.models.settings import PRECISIONS, Kind, NetworkSettings

__all__ = [
    "FORMS",
    "PRECISIONS",
    "HubModule",
    "Kind",
    "Model",
    "NetworkSettings",
    "open_module",
    "require",
    "resolve",
]
