"""What the studies of the harness report follows from their raw figures."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from bench import studies
from bench.studies.fresh import _public, run_fresh
from bench.studies.gate_simulation import read_gates, read_runs, replayed
from bench.studies.whole_job import PROCEDURES
from bench.studies.whole_job import summarize as summarize_jobs
from tlbench.gate import arm
from tlbench.suite.session import TURNS


@pytest.mark.parametrize(
    "path", sorted(Path(studies.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_every_study_loads(path):
    if path.stem != "otava_points":  # which another environment runs
        importlib.import_module(f"bench.studies.{path.stem}")


def test_recorded_runs_are_read_as_ratios_of_neighbours(tmp_path):
    path = tmp_path / "noise.json"
    path.write_text(
        json.dumps({"what": "a note", "a": [[1, 2, 9], [4], [2]], "b": [[3], [3], [6]]})
    )
    assert read_runs(path) == pytest.approx(np.log([[2, 1], [0.5, 2]]))


def test_recorded_gates_are_read_as_ratios_of_slots_not_of_arms(tmp_path):
    def pair(head_first, head):
        times = {"base": [1.0, 1.0, 1.0], "head": [head, head, 9.0]}
        return {"head_first": head_first, "benchmarks": {"b": times, "a": times}}

    whole = {"gates": [{"pairs": [pair(True, 2.0), pair(False, 2.0)]}]}
    (tmp_path / "00.json").write_text(json.dumps(whole))
    assert read_gates(tmp_path) == pytest.approx(np.log([[2, 2], [0.5, 0.5]]))


def test_replayed_noise_is_what_was_recorded_in_its_order():
    steps = np.arange(10.0)[:, None] + [0, 100]
    drawn = replayed(steps)(np.random.default_rng(0), (6, 8), 0.045)
    assert drawn.shape == (6, 8)
    assert set(np.diff(drawn, axis=0).ravel() % 10) == {1}
    assert set((drawn // 100).ravel()) == {0, 1}


def test_both_sides_of_the_pipe_know_an_arm_by_the_same_name():
    assert arm.NAME == TURNS


def test_a_part_of_the_job_is_scaled_to_the_whole_but_not_what_happens_once():
    ours = {"train": 300, "test": 100, "load_s": 5.0, "train_s": 10.0, "evaluate_s": 5.0}

    def rival(images):
        """Once 8 s; an image 0.1 s to prepare, 0.3 to train and 0.2 to test."""
        train, test = 3 * images // 4, images // 4
        return {
            "train": train, "test": test,
            "prepare_s": 0.1 * images, "train_s": 8 + 0.3 * train, "evaluate_s": 0.2 * test,
        }  # fmt: skip

    found = {"ours": [ours], "to_accuracy": [{"seconds": 3.0}]}
    found |= {who: [rival(40) | {"tenth": rival(4)}] for who in PROCEDURES}
    theirs = 8 + 0.1 * 400 + 0.3 * 300 + 0.2 * 100
    told = summarize_jobs(found)
    assert told["ours"]["job_s"] == [20]
    for who in PROCEDURES:
        assert told[who]["job_s"] == pytest.approx([theirs])
        assert told[who]["images_per_s"] == pytest.approx([400 / (theirs - 8)])
        assert told[who]["times_faster"] == pytest.approx([theirs / 20])
        assert told[who]["to_accuracy_times_faster"] == pytest.approx([theirs / 3])


def test_studies_are_filed_without_paths_but_with_what_names_a_model():
    url = "https://tfhub.dev/google/mobilenet/feature_vector/5"
    assert _public({"model": url, "data": "/home/me/cifar", "threads": "2"}) == {
        "model": url,
        "data": "cifar",
        "threads": "2",
    }
    assert _public({"model": "/home/me/mine.tar.gz"})["model"] == "mine.tar.gz"


@pytest.mark.parametrize("printed", ["", "a library says goodbye"])
def test_a_task_that_prints_no_json_last_is_an_error(monkeypatch, tmp_path, printed):
    """Libraries print when a process ends."""
    (tmp_path / "chatty.py").write_text(f"print('{{}}\\n{printed}', end='')" if printed else "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="printed no JSON last"):
        run_fresh("chatty", {"name": "x"})
