"""``manifest.json``: what an output was made of, how far it is, and what came out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tl_core.errors import DataError
from tl_core.extraction.settings import check_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tl_core.extraction.output import Output
    from tl_core.extraction.settings import Settings
    from tl_core.extraction.sources import Source

FILE, FORMAT = "manifest.json", "tlbench features, 1"
RUNNING, COMPLETE = "running", "complete"
#: What is done about settings that differ from those of an output's first run.
REMEDY = "set it back, or write to a new output"


def read_manifest(output: Output, settings: Settings) -> dict[str, Any] | None:
    """The manifest of an output that these settings can continue; None of an empty one.

    Raises:
        DataError: It was begun with other settings, has no manifest but shards, or it is damaged.
    """
    try:
        with output.opened(FILE) as file:
            manifest: dict[str, Any] = json.loads(file.read())
        if manifest["format"] != FORMAT:
            raise DataError(
                f"{output.name}: its {FILE} has the format {manifest['format']!r}, expected "
                f"{FORMAT!r}; write to a new output"
            )
        asked, _ = manifest["asked"], manifest["settings"]
    except FileNotFoundError:
        if output.has_shards():
            raise DataError(
                f"{output.name}: it has shards but no {FILE}; write to a new output"
            ) from None
        return None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{output.name}: its {FILE} is damaged; write to a new output") from error
    check_same(settings.asked, asked, f"{output.name} was begun with", REMEDY)
    return manifest


def begin(
    output: Output,
    source: Source,
    settings: Settings,
    facts: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the manifest of a new output, before its first shard."""
    manifest = {
        "format": FORMAT,
        "state": RUNNING,
        "source": {"name": source.text, "kind": source.kind, "column": source.column},
        "asked": settings.asked,
        "settings": dict(facts),
        "machine": dict(machine),
        "started": _now(),
    }
    _write(output, manifest)
    return manifest


def complete(
    output: Output,
    manifest: Mapping[str, Any],
    counts: Mapping[str, Any],
    workers: Sequence[Mapping[str, Any]],
) -> None:
    """Write the manifest of an output whose last shard is there."""
    end = {"state": COMPLETE, "finished": _now(), "workers": list(workers), **counts}
    _write(output, {**manifest, **end})


def _write(output: Output, manifest: Mapping[str, Any]) -> None:
    output.write(FILE, (json.dumps(manifest, indent=1) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
