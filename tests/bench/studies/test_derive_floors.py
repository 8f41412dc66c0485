"""Floors are derived by training from each seed, and saved beside those of other jobs."""

import dataclasses
import json

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from bench.studies import derive_floors, files
from bench.studies.derive_floors import derive, save
from tl_core.transfer import TransferModel
from tlbench.suite.floors import Derivation
from tlbench.suite.loaded_workload import load_workload, open_data
from tlbench.suite.options import workload_from


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices as small as these are slower on several threads, far so on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def workload(tiny_model):
    sizes = {"train_size": "100", "test_size": "50", "model": tiny_model}
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


def test_a_derivation_replaces_its_own_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    new = Derivation("m", "d", "f", 64, 10, 10, 32, (0.8, 0.9), 0.95)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        save(new)
    (tmp_path / "bench/tlbench/suite").mkdir(parents=True)
    other = dataclasses.replace(new, train_size=20)
    for derivation in (other, dataclasses.replace(new, accuracies=(0.5, 0.6)), new):
        path = save(derivation)
    assert path == tmp_path / "bench/tlbench/suite/floors.json"
    rows = json.loads(path.read_text())
    assert [(row["train_size"], row["accuracies"]) for row in rows] == [
        (10, [0.8, 0.9]),
        (20, [0.8, 0.9]),
    ]


def test_the_committed_table_is_in_the_order_in_which_rows_are_saved():
    path = files.package_file("suite/floors.json")
    rows = json.loads(path.read_text())
    assert rows == sorted(rows, key=lambda row: [str(row[name]) for name in derive_floors.JOB])
