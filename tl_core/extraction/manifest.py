"""The manifest: what an output was made of, how far it is, and what came out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from tl_core.errors import DataError, line_of
from tl_core.extraction.settings import check_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tl_core.extraction.output import Output
    from tl_core.extraction.settings import Settings
    from tl_core.extraction.worker import Job

#: Readers of folders of Parquet files leave out names that begin so.
FILE, FORMAT = "_manifest.json", "tlbench features, 1"
RUNNING, COMPLETE = "running", "complete"
#: What is done about settings that differ from those of an output's first run.
REMEDY = "set it back, or write to a new output"


_Count = Annotated[int, msgspec.Meta(ge=1)]


class _Resolved(msgspec.Struct):
    """What a resumed run takes over from the first one; the rest is only compared."""

    engine: str
    image_size: _Count | None
    chunk: _Count | None


class _Worker(msgspec.Struct):
    threads: _Count | None = None
    replicas: _Count | None = None


class _Formatted(msgspec.Struct):
    format: str


class _Manifest(msgspec.Struct):
    """What every manifest of this format has."""

    state: Literal["running", "complete"]
    asked: dict[str, Any]
    settings: _Resolved
    workers: Annotated[list[_Worker], msgspec.Meta(min_length=1)]
    shards: _Count | msgspec.UnsetType = msgspec.UNSET


def read_manifest(output: Output, settings: Settings) -> dict[str, Any] | None:
    """The manifest of an output that these settings can continue; None of an empty one.

    Raises:
        DataError: It was begun with other settings, has no manifest but shards, or it is damaged.
    """
    try:
        with output.opened(FILE) as file:
            manifest: dict[str, Any] = json.loads(file.read())
        form = msgspec.convert(manifest, _Formatted).format
        if form != FORMAT:
            raise DataError(
                f"{output.name}: its {FILE} has the format {form!r}, expected {FORMAT!r}; write to "
                "a new output"
            )
        msgspec.convert(manifest, _Manifest)
    except FileNotFoundError:
        if output.has_shards():
            raise DataError(
                f"{output.name}: it has shards but no {FILE}; write to a new output"
            ) from None
        return None
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{output.name}: its {FILE} is damaged ({line_of(error)}); write to a new output"
        ) from error
    check_same(settings.asked, manifest["asked"], f"{output.name} was begun with", REMEDY)
    return manifest


def begin(
    job: Job, facts: Mapping[str, Any], worker: Mapping[str, Any], machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the manifest of a new output, before its first shard.

    Args:
        job: The run's.
        facts: What the first worker found, see ``Worker.facts``.
        worker: Its machine.
        machine: What describes the machine of the run itself.
    """
    source = job.source
    manifest = {
        "format": FORMAT,
        "state": RUNNING,
        "source": {"name": source.text, "kind": source.kind, "column": source.column},
        "asked": job.settings.asked,
        "settings": dict(facts),
        "workers": [dict(worker)],
        "machine": dict(machine),
        "started": _now(),
    }
    _write(job.output, manifest)
    return manifest


def complete(
    output: Output,
    manifest: Mapping[str, Any],
    counts: Mapping[str, Any],
    workers: Sequence[Mapping[str, Any]],
) -> None:
    """Write the manifest of an output whose last shard is there."""
    end = {"state": COMPLETE, "finished": _now(), **counts}
    if workers:
        end["workers"] = [dict(each) for each in workers]
    _write(output, {**manifest, **end})


def _write(output: Output, manifest: Mapping[str, Any]) -> None:
    output.write(FILE, (json.dumps(manifest, indent=1) + "\n").encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
