"""A precision that loses accuracy on this machine is refused."""

import dataclasses

import pytest

from tl_core.devices import usable_cpus
from tlbench.suite.job import open_data, open_job
from tlbench.suite.precision import LEAST_KEPT, Kept, accuracy_kept, check_kept
from tlbench.suite.workloads import QUICK


@pytest.mark.parametrize(
    ("accuracy", "reference", "good"),
    [(0.80, 0.80, True), (0.793, 0.80, True), (0.791, 0.80, False), (0.82, 0.80, True)],
)
def test_ninety_nine_percent_must_be_kept(accuracy, reference, good):
    kept = Kept(accuracy, reference)
    assert kept.share == pytest.approx(accuracy / reference)
    assert (kept.share >= LEAST_KEPT) == good
    if good:
        check_kept(kept, "int8")
        return
    with pytest.raises(AssertionError, match=r"int8 keeps 98\.88% of the accuracy"):
        check_kept(kept, "int8")


def test_the_reference_keeps_all_of_its_own_accuracy():
    workload = dataclasses.replace(QUICK, image_size=64, train_size=200, test_size=50)
    job = open_job(workload, open_data(workload), probe=False)
    assert job.kept is None, "single precision isn't compared"
    kept = accuracy_kept(job)
    assert kept.share == 1
    assert kept.accuracy > 0.2


def test_accuracies_are_compared_however_many_threads_tensorflow_has_already(monkeypatch, tmp_path):
    import tensorflow as tf

    tf.constant(1.0) + 1  # TensorFlow runs from here on
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    threads = usable_cpus() + 1
    workload = dataclasses.replace(
        QUICK, image_size=64, train_size=200, test_size=50, engine="litert", threads=threads
    )
    kept = accuracy_kept(open_job(workload, open_data(workload), probe=False))
    assert kept.share == pytest.approx(1, abs=0.05)
