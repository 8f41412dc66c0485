"""Features depend on the versions of the packages that are used, and on no others."""

import pytest

from tl_core import feature_cache
from tl_core.engines.names import ENGINES
from tl_core.feature_cache import machine_facts


@pytest.mark.parametrize(
    ("engine", "own", "other"),
    [
        ("tensorflow", "tensorflow", "openvino"),
        ("openvino", "openvino", "onnxruntime"),
        ("onnxruntime", "tf2onnx", "ai-edge-litert"),
    ],
)
def test_only_packages_of_the_engine_count(engine, own, other, monkeypatch):
    """An update of an engine that isn't used makes no feature new."""
    versions = dict.fromkeys((own, other), "1")
    monkeypatch.setattr(feature_cache, "version_of", versions.get)
    before = machine_facts(engine)
    versions[other] = "2"
    assert machine_facts(engine) == before
    versions[own] = "2"
    assert machine_facts(engine) != before


def test_packages_of_every_engine_count_where_one_is_chosen(monkeypatch):
    monkeypatch.setattr(feature_cache, "version_of", lambda name: name)
    chosen = machine_facts("auto")["versions"]
    assert all(machine_facts(engine)["versions"].items() <= chosen.items() for engine in ENGINES)
    assert {"openvino", "onnxruntime-gpu", "ai-edge-litert", "onnx"} <= set(chosen)
