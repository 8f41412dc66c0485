"""Cache conversions by the content of the model and all else on which they depend."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from tl_core.storage import cache_dir, cached_dir, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: The file with the facts and checksums; written last, so that a folder without it is incomplete.
KEY_FILE = "made-of.json"
VALUE = "value.json"


def version_of(distribution: str) -> str | None:
    """The installed version; None if it isn't installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def cached(facts: Mapping[str, object], write: Callable[[Path], None]) -> Path:
    """The folder that ``write`` filled for exactly these facts, made if absent or damaged.

    Facts are all that its content depends on, as JSON: model, format, size, versions.
    """
    text, target = _text(facts), _target(facts)

    def write_with_key(folder: Path) -> None:
        write(folder)
        sums = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
        key = {"made_of": json.loads(text), "sha256": sums}
        (folder / KEY_FILE).write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")

    return cached_dir(target, _is_whole, write_with_key)


def cached_json(facts: Mapping[str, object], compute: Callable[[], object]) -> Any:  # noqa: ANN401
    """A value that JSON can hold, from the cache or computed now; see ``cached``."""

    def write(folder: Path) -> None:
        (folder / VALUE).write_text(json.dumps(compute()), encoding="utf-8")

    return json.loads((cached(facts, write) / VALUE).read_text(encoding="utf-8"))


def known_json(facts: Mapping[str, object]) -> Any | None:  # noqa: ANN401
    """The value that ``cached_json`` stored for these facts; None if there is none yet."""
    target = _target(facts)
    return json.loads((target / VALUE).read_text("utf-8")) if _is_whole(target) else None


def _text(facts: Mapping[str, object]) -> str:
    return json.dumps(facts, sort_keys=True, default=str)


def _target(facts: Mapping[str, object]) -> Path:
    name = hashlib.sha256(_text(facts).encode()).hexdigest()[:32]
    return cache_dir() / "converted" / name


def _is_whole(target: Path) -> bool:
    try:
        sums = json.loads((target / KEY_FILE).read_text(encoding="utf-8"))["sha256"]
        return all(sha256_of(target / name) == digest for name, digest in sums.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
