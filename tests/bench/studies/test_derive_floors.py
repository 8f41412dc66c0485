"""Floors are derived by training from each seed, and kept without losing those of other jobs."""

import json

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench.studies import derive_floors
from bench.studies.derive_floors import derive, save
from tl_core.transfer import TransferModel
from tlbench.suite.floors import Derivation
from tlbench.suite.loaded_workload import load_workload, open_data
from tlbench.suite.options import workload_from


@pytest.fixture(scope="module")
def workload():
    sizes = {"train_size": "100", "test_size": "50", "image_size": "64"}
    options = workload_from("quick", sizes)
    return load_workload(options, open_data(options))


def test_each_accuracy_is_that_of_a_model_trained_from_its_seed(workload):
    derivation = derive(workload, seeds=2)
    assert len(derivation.accuracies) == 2
    model = TransferModel(workload.extractor, workload.data.class_names, seed=1)
    model.fit(workload.data.train.images, workload.data.train.labels, track="cached")
    result = model.evaluate(workload.data.test.images, workload.data.test.labels)
    assert derivation.accuracies[1] == pytest.approx(result.accuracy, abs=0.02)
    assert derivation.data_fingerprint == workload.data.fingerprint
    assert derivation.minimum == 0


def test_the_linear_probe_is_scikit_learns(workload):
    scaler = StandardScaler().fit(workload.train_features())
    probe = LogisticRegression(C=0.01, max_iter=500)
    probe.fit(scaler.transform(workload.train_features()), workload.data.train.labels)
    expected = probe.score(scaler.transform(workload.test_features()), workload.data.test.labels)
    assert derive_floors.linear_probe(workload) == pytest.approx(expected)


def test_a_derivation_replaces_its_own_and_keeps_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(derive_floors, "__file__", str(tmp_path / "derive_floors.py"))
    old = Derivation("m", "d", "f", 64, 10, 10, 32, (0.5, 0.6), 0.7)
    other = Derivation("m", "d", "f", 64, 20, 10, 32, (0.5, 0.6), 0.7)
    monkeypatch.setattr(derive_floors, "derivations", lambda: (old, other))
    save(Derivation("m", "d", "f", 64, 10, 10, 32, (0.8, 0.9), 0.95))
    rows = json.loads((tmp_path / "floors.json").read_text())
    assert [(row["train_size"], row["accuracies"]) for row in rows] == [
        (10, [0.8, 0.9]),
        (20, [0.5, 0.6]),
    ]
