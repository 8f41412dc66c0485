"""What would replace tensorflow_hub and tf2onnx makes the same of a tiny model."""

from pathlib import Path

from bench.studies.files import read_study
from bench.studies.replacements import by_http, by_onnx


def test_plain_http_brings_the_same_files(tiny_model, monkeypatch):
    for name in ("no_proxy", "TFHUB_CACHE_DIR"):
        monkeypatch.setenv(name, "")  # which the study sets
    assert len(set(by_http(Path(tiny_model)).values())) == 1


def test_the_onnx_package_alone_makes_a_model_with_the_same_outputs(tiny_model):
    outcome = by_onnx(tiny_model)
    assert outcome["largest_difference"] < 1e-5
    assert outcome["largest_output"] > 0.1


def test_the_committed_study_shows_what_the_guide_says():
    study = read_study("replacements.json")
    assert len(set(study["http"].values())) == 1
    for each in study["onnx"]:
        assert each["largest_difference"] <= 1e-5
        assert 4 < each["largest_output"] < 6
