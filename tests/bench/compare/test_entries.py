"""Runs come together by job, machine and set-up, and by nothing else."""

import pytest

from tlbench.compare.entries import accuracy, by_job, entries_of, labelled
from tlbench.runs.collect import collect

OTHER = {"cpu": "Intel Xeon"}


def entries(tmp_path, mixed=()):
    return entries_of(collect([str(tmp_path / "results")]).runs, mixed)


def test_runs_of_one_machine_and_set_up_are_one_entry(write_run, tmp_path):
    for day, faster in enumerate([1.0, 1.1, 0.9]):
        write_run(f"{day}.json", day=day, faster=faster)
    (entry,) = entries(tmp_path)
    base = entry.rates("extract")[0]
    assert entry.rates("extract") == pytest.approx([base, 1.1 * base, 0.9 * base])
    assert entry.rate("extract") == pytest.approx(base * (1.1 * 0.9) ** (1 / 3))
    assert [run.when.day for run in entry.runs] == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [{"facts": OTHER}, {"facts": {"cpus_usable": 1}}, {"engine": "litert"}, {"threads": 1}],
    ids=["cpu", "quota", "engine", "threads"],
)
def test_another_machine_or_set_up_is_another_entry_of_the_same_job(change, write_run, tmp_path):
    write_run("a.json")
    write_run("b.json", day=1, **change)
    found = entries(tmp_path)
    assert len(found) == 2
    assert found[0].job == found[1].job


def test_other_software_of_the_same_machine_is_the_same_entry(write_run, tmp_path):
    write_run("a.json")
    write_run("b.json", day=1, facts={"packages": {"tensorflow": "2.18.0"}})
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "int8"},
        {"data_fingerprint": "0" * 16},
        {"image_size": 96},
        {"train_size": 7},
        {"model": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_job_never_comes_into_one_table_unless_it_is_mixed(change, write_run, tmp_path):
    write_run("a.json")
    write_run("b.json", day=1, **change)
    assert len(by_job(entries(tmp_path))) == 2
    assert len(by_job(entries(tmp_path, mixed=list(change)))) == 1


ONE, OTHER_MODEL = "1" * 16, "2" * 16


def test_models_of_one_name_and_other_content_are_other_jobs_with_other_names(write_run, tmp_path):
    for day, content in enumerate([ONE, OTHER_MODEL]):
        write_run(f"{day}.json", day=day, model="backbone/1", model_fingerprint=content)
    jobs = by_job(entries(tmp_path))
    assert [job["model_fingerprint"] for job in jobs] == [ONE, OTHER_MODEL]
    assert [str(job).split(" at ")[0] for job in jobs] == [
        "quick: backbone 111111", "quick: backbone 222222",
    ]  # fmt: skip


def test_a_run_of_earlier_versions_is_of_the_model_of_its_name(write_run, tmp_path):
    write_run("old.json", model="mine")
    write_run("new.json", day=1, model="mine", model_fingerprint=ONE)
    write_run("another.json", day=2, model="other", model_fingerprint=OTHER_MODEL)
    first, second = entries(tmp_path)
    assert len(first.runs) == 2
    assert str(first.job).startswith("quick: mine at ")
    assert str(second.job).startswith("quick: other at ")


def test_a_run_of_earlier_versions_is_of_none_of_several_models_of_its_name(write_run, tmp_path):
    write_run("old.json", model="mine")
    for day, content in enumerate([ONE, OTHER_MODEL], 1):
        write_run(f"{day}.json", day=day, model="mine", model_fingerprint=content)
    assert [len(each.runs) for each in entries(tmp_path)] == [1, 1, 1]


@pytest.mark.parametrize("mixed", ["model", "model_fingerprint"])
def test_labels_of_mixed_models_of_one_name_have_digits(mixed, write_run, tmp_path):
    for day, content in enumerate([ONE, OTHER_MODEL]):
        write_run(f"{day}.json", day=day, model="mine", model_fingerprint=content)
    labels = [entry.label for entry in labelled(entries(tmp_path, [mixed]))]
    name = {"model": "mine", "model_fingerprint": "model"}[mixed]
    assert labels == [f"cpu {name} 111111", f"cpu {name} 222222"]


def test_labels_of_mixed_models_of_other_names_have_none(write_run, tmp_path):
    for day, (name, content) in enumerate([("mine", ONE), ("yours", OTHER_MODEL)]):
        write_run(f"{day}.json", day=day, model=name, model_fingerprint=content)
    found = labelled(entries(tmp_path, ["model"]))
    assert [entry.label for entry in found] == ["cpu mine", "cpu yours"]


def test_an_entry_alone_is_named_by_machine_engine_and_device(write_run, tmp_path):
    write_run("a.json", engine="litert")
    (entry,) = labelled(entries(tmp_path))
    assert entry.label == f"{entry.machine} litert cpu"


def test_labels_say_the_device_what_differs_and_nothing_else(write_run, tmp_path):
    write_run("a.json")
    write_run("b.json", day=1, engine="litert")
    write_run("c.json", day=2, engine="litert", threads=1)
    labels = [entry.label for entry in labelled(entries(tmp_path))]
    assert labels == ["tensorflow cpu 2 threads", "litert cpu 2 threads", "litert cpu 1 thread"]


def test_what_is_mixed_is_compared_and_never_put_together(write_run, tmp_path):
    for day in range(2):
        write_run(f"{day}.json", day=day)
        write_run(f"int8-{day}.json", day=day, precision="int8", faster=2.0)
    found = labelled(entries(tmp_path, mixed=["precision"]))
    assert [(entry.label, len(entry.runs)) for entry in found] == [("cpu fp32", 2), ("cpu int8", 2)]
    assert found[1].rate("extract") == pytest.approx(2 * found[0].rate("extract"))


def test_labels_name_mixed_models_and_numbers(write_run, tmp_path):
    write_run("a.json", image_size=160, model="efficientnet-lite0")
    write_run("b.json", day=1, image_size=96, model="https://tfhub.dev/google/other/1")
    labels = [entry.label for entry in labelled(entries(tmp_path, ["model", "image_size"]))]
    assert labels[0] == "cpu efficientnet-lite0 image size 160"
    assert labels[1].endswith(" image size 96")


def test_labels_of_equal_set_ups_have_their_time_and_then_a_number(write_run):
    paths = [write_run("a.json"), write_run("b.json", day=1), write_run("c.json", day=1)]
    found = [entry for path in paths for entry in entries_of(collect([str(path)]).runs)]
    labels = [entry.label.split(" ", 1)[1] for entry in labelled(found)]
    assert labels == [
        f"tensorflow cpu {when}"
        for when in ("2026-11-01 00:00", "2026-11-02 00:00 #1", "2026-11-02 00:00 #2")
    ]


def test_the_tracks_of_training_are_two_benchmarks(write_run, tmp_path):
    write_run("a.json")
    (entry,) = entries(tmp_path)
    assert {"train (recompute)", "train (cached)"} <= set(entry.benchmarks)
    assert accuracy(entry, "resize") is None
    assert accuracy(entry, "train (cached)") == 0.75
