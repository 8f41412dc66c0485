"""A manifest that is damaged, whichever part of it, is refused in one line."""

import json

import pytest

from tl_core.errors import DataError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "its _manifest.json is damaged"),
        ("[]", "its _manifest.json is damaged"),
        ("[" * 100_000, "its _manifest.json is damaged"),
        ("{}", r"its _manifest.json is damaged \(.*required field `format`"),
        ('{"format": "x"}', "the format 'x', expected 'tlbench features, 1'"),
        (None, "it has shards but no _manifest.json"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused(run, tmp_path, text, message):
    run()
    path = tmp_path / "out" / "_manifest.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError, match=message):
        run()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", None),
        ("asked", []),
        ("settings", {"engine": "tensorflow", "image_size": 12}),
        ("settings", {"engine": "tensorflow", "image_size": "12", "chunk": None}),
        ("workers", []),
        ("workers", {"0": {}}),
        ("settings", {"engine": "tensorflow", "image_size": 12, "chunk": -1}),
        ("workers", [{"threads": 1, "replicas": "1"}]),
        ("workers", [{"threads": 1, "replicas": -3}]),
        ("shards", "3"),
        ("shards", None),
    ],
)
def test_a_manifest_with_a_wrong_part_is_refused(run, name, value):
    first = run()
    path = first.files[0].with_name("_manifest.json")
    path.write_text(json.dumps(first.manifest | {name: value}))
    with pytest.raises(DataError, match=rf"_manifest\.json is damaged \(.*{name}"):
        run()
