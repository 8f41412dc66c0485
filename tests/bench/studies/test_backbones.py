"""The study of the embedded backbones files what ``tlbench models`` reads."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.studies.backbones import probe, table
from tl_core.models import Model
from tlbench.suite.loaded_workload import open_data
from tlbench.suite.workloads import QUICK


@pytest.mark.slow
def test_a_row_has_the_probes_accuracy_with_its_interval_and_the_models_facts(tiny_model):
    options = replace(QUICK, model=tiny_model, image_size=None, train_size=100, test_size=50)
    row = probe(options)
    low, high = row["accuracy_interval_95"]
    right = row["accuracy"] * row["test_size"]
    assert right == pytest.approx(round(right))
    assert 0.3 < low < row["accuracy"] < high < 1  # chance is 0.1
    assert row["model_fingerprint"] == Model(Path(tiny_model), "", "features").fingerprint
    assert row["data_fingerprint"] == open_data(options).fingerprint
    assert (row["image_size"], row["outputs"], row["train_size"]) == (32, 2048, 100)
    cells = table({"models": [row]}).splitlines()[-1].split(" | ")
    assert cells[1:3] == ["32", f"{row['parameters'] / 1e6:.3g} M"]
