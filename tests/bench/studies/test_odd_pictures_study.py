"""The study of odd pictures tells what breaks a rule from what is refused."""

import numpy as np
import pytest
from PIL import Image

from bench.studies import odd_pictures
from bench.studies.odd_pictures import MOST_BYTES, read, read_all, summary


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.jpg").write_bytes(b"rubbish")
    return tmp_path


def test_every_file_is_read_at_each_size_by_a_process_of_its_own(folder, monkeypatch):
    monkeypatch.setattr(odd_pictures, "usable_cpus", lambda: 1)
    rows = read_all(folder)
    assert [(row["file"], row["size"], row["outcome"]) for row in rows] == [
        (name, size, outcome)
        for name, outcome in (("in/broken.jpg", "refused"), ("whole.png", "pixels"))
        for size in (None, 224)
    ]
    answer = summary(rows)
    assert answer["valid"]
    assert (answer["files"], answer["reads"]["pixels"], answer["reads"]["refused"]) == (2, 2, 2)


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"outcome": "crash"}, ("reads", "crash")),
        ({"outcome": "traceback"}, ("reads", "traceback")),
        ({"seconds": 5.1}, ("over_5_s",)),
        ({"peak_rss_bytes": MOST_BYTES + 1}, ("over_1_gb",)),
    ],
    ids=lambda value: str(next(iter(value.values()))) if isinstance(value, dict) else None,
)
def test_what_breaks_a_rule_is_counted_and_named(change, count):
    row = {"file": "a", "size": None, "error": "", "outcome": "pixels", "seconds": 0.1,
           "peak_rss_bytes": None}  # fmt: skip
    answer = summary([row, row | change | {"file": "b"}])
    assert not answer["valid"]
    assert [each["file"] for each in answer["broken"]] == ["b"]
    for name in count:
        answer = answer[name]
    assert answer == 1


def test_another_error_than_that_of_pictures_is_a_traceback(folder, monkeypatch):
    def failing(*_, **__):
        raise KeyError("tag")

    monkeypatch.setattr(odd_pictures, "load_image", failing)
    assert read(str(folder / "whole.png"), None)["outcome"] == "traceback"
