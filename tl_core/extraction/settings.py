"""The settings of an extraction, and all that its features depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tl_core.engines.names import REFERENCE
from tl_core.errors import DataError
from tl_core.extraction.plan import SHARD_SIZE
from tl_core.extractor import DEFAULT_MODEL, FeatureExtractor
from tl_core.feature_cache import feature_facts
from tl_core.limits import Limits
from tl_core.models.handles import public_name
from tl_core.models.pins import split_pin
from tl_core.resize import DEFAULT_METHOD
from tl_core.sources import FileSource
from tl_core.streaming import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The settings on which neither the features nor the plan depend, at the same chunk.
INDIFFERENT = ("threads", "workers", "trust")


@dataclass(frozen=True)
class Settings:
    """How features are extracted; for the network's see ``FeatureExtractor``.

    Attributes:
        shard_size: Pictures per shard.
        batch_size: Images per call; batches never cross a shard.
        limits: The most that a picture may cost.
    """

    model: str = DEFAULT_MODEL
    engine: str = REFERENCE
    precision: str = "fp32"
    device: str = "cpu"
    image_size: int | None = None
    resize: str = DEFAULT_METHOD
    input_range: str | None = None
    layer: str | None = None
    trust: bool = False
    threads: int | None = None
    workers: int | None = None
    chunk: int | None = None
    batch_size: int = BATCH_SIZE
    shard_size: int = SHARD_SIZE
    limits: Limits = field(default_factory=Limits)

    @property
    def asked(self) -> dict[str, Any]:
        """What an output must have been begun with, as JSON: without secrets of the handle."""
        values = {k: v for k, v in asdict(self).items() if k not in INDIFFERENT}
        return values | {"model": public_name(self.model), "pin": split_pin(self.model)[1]}

    def opened(self) -> FeatureExtractor:
        """The extractor; see its errors."""
        names = ("engine", "precision", "device", "image_size", "resize", "input_range", "layer")
        others = ("trust", "threads", "workers", "chunk")
        own = {name: getattr(self, name) for name in names + others}
        return FeatureExtractor(self.model, **own)

    def as_resolved(self, facts: Mapping[str, Any]) -> Settings:
        """The same settings with what the first worker chose, so that the others follow it."""
        return replace(
            self,
            engine=facts["engine"],
            image_size=facts["image_size"],
            chunk=facts["chunk"],
        )


def facts_of(settings: Settings, extractor: FeatureExtractor) -> dict[str, Any]:
    """All that features depend on besides the picture and the processor, as JSON."""
    facts = feature_facts(extractor.facts, FileSource(()))
    choice = extractor.opened.choice
    for name in ("cpu", "gpus"):
        del facts[name]
    return facts | {
        "feature_size": extractor.feature_size,
        "input_range": extractor.opened.model.input_range,
        "layer": settings.layer,
        "chunk": choice.chunk if choice else None,
        "batch_size": settings.batch_size,
        "shard_size": settings.shard_size,
        "limits": asdict(settings.limits),
    }


def digest_of(facts: Mapping[str, Any]) -> str:
    """The sha256 of facts, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_same(new: Mapping[str, Any], old: Mapping[str, Any], whose: str, remedy: str) -> None:
    """Refuse facts that differ from earlier ones, with a DataError that names the first."""
    for name in sorted({*new, *old}):
        here, there = new.get(name), old.get(name)
        if isinstance(here, dict) and isinstance(there, dict):
            check_same(here, there, whose, remedy)
        elif here != there:
            shown = name.replace("_", " ")
            raise DataError(f"{shown}: {_text(here)}, but {whose} {_text(there)}; {remedy}")


def _text(value: object) -> str:
    return "none" if value is None else str(value)
