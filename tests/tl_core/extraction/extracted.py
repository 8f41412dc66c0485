"""Reads an output and compares it with what must come out."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet

#: Not a picture, though it ends as one.
DAMAGED = "b/damaged.png"


def read(place):
    """An output as PyArrow and json read it."""
    files = sorted(Path(place).glob("part-*.parquet"))
    table = pyarrow.parquet.read_table(place)
    return SimpleNamespace(
        files=files,
        rows=table.to_pydict(),
        schema=table.schema,
        manifest=json.loads((Path(place) / "_manifest.json").read_text(encoding="utf-8")),
    )


def check(rows, expected):
    """Every picture exactly once, in order, with the right id and the right features."""
    assert rows["source"] == list(expected)
    assert rows["id"] == [identity for identity, _ in expected.values()]
    for (_, right), found, error in zip(
        expected.values(), rows["features"], rows["error"], strict=True
    ):
        assert (found is None) == (right is None) == (error is not None)
        assert right is None or np.array_equal(np.array(found, np.float32), right)
