"""The Parquet file of a shard: a row per picture, and what it was made of in its footer."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import DataError, line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tl_core.extraction.output import Output
    from tl_core.extraction.plan import Shard

#: Keys of the footer's metadata.
NAMES, SETTINGS, ERRORS = b"tlbench.names", b"tlbench.settings", b"tlbench.errors"


@dataclass(frozen=True)
class Done:
    """A finished shard: its number, its pictures, and how many of them can't be used.

    ``examples`` are the first errors of these, where it was extracted just now.
    """

    number: int
    pictures: int
    errors: int
    examples: tuple[str, ...] = ()


def encoded(
    shard: Shard,
    settings: str,
    ids: Sequence[str],
    features: NDArray[np.float32],
    errors: Sequence[str | None],
) -> bytes:
    """The file's bytes, which depend on nothing but these.

    Args:
        shard: The shard.
        settings: The digest of the settings.
        ids: By picture, see ``plan.identity``.
        features: float32 ``(n, d)``; rows of pictures with an error don't matter.
        errors: By picture, why it can't be used; None where it can.
    """
    import pyarrow as pa
    from pyarrow import parquet

    count, width = features.shape
    unusable = np.array([error is not None for error in errors])
    rows = pa.FixedSizeListArray.from_arrays(
        pa.array(np.where(unusable[:, None], np.float32(0), features).reshape(-1)),
        width,
        mask=pa.array(unusable),
    )
    columns = {
        "id": pa.array(ids, pa.string()),
        "source": pa.array(list(map(_text, shard.names)), pa.string()),
        "features": rows,
        "error": pa.array([error and _text(error) for error in errors], pa.string()),
    }
    footer = {NAMES: shard.digest, SETTINGS: settings, ERRORS: str(int(unusable.sum()))}
    table = pa.table(columns).replace_schema_metadata(footer)
    out = io.BytesIO()
    # Features are noise to a compressor.
    compression = {"id": "none", "source": "zstd", "features.list.element": "none", "error": "zstd"}
    parquet.write_table(
        table, out, row_group_size=count, compression=compression, use_dictionary=False
    )
    return out.getvalue()


def finished(output: Output, shard: Shard, settings: str) -> Done | None:
    """What an output has of a shard; None if that isn't there yet.

    Raises:
        DataError: It is there with other pictures or settings, or damaged.
    """
    from pyarrow import parquet

    try:
        with output.opened(shard.file) as file:
            footer = parquet.ParquetFile(file).metadata
    except FileNotFoundError:
        return None
    except DataError:  # its storage doesn't answer
        raise
    except Exception as error:  # pyarrow's errors have many types
        raise DataError(
            f"{output.name}/{shard.file}: not a whole file of features ({line_of(error)}); delete "
            "it and run it again: it is then extracted again"
        ) from error
    facts = footer.metadata or {}
    if facts.get(NAMES) != shard.digest.encode():
        raise DataError(
            f"{output.name}/{shard.file}: was made of other pictures: the source has changed "
            f"between {_shown(shard.names[0])} and {_shown(shard.names[-1])}; write to a new "
            "output, or restore the source"
        )
    if facts.get(SETTINGS) != settings.encode():
        raise DataError(
            f"{output.name}/{shard.file}: was made with other settings than its manifest has; "
            "write to a new output"
        )
    return Done(shard.number, footer.num_rows, int(facts[ERRORS]))


def _text(name: str) -> str:
    """A name as UTF-8 has it: bytes that aren't text become escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _shown(name: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)
