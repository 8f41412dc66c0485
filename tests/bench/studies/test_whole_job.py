"""The speed studies' figures hold what the guide and the README promise."""

from bench.studies.files import read_study


def test_every_value_of_every_filter_is_pillows():
    for measured in read_study("resizing.json")["filters"].values():
        assert measured["exact"]["images"] == 10_000
        assert measured["exact"]["values_that_differ"] == 0


def test_the_whole_job_is_the_tutorials_at_its_size():
    runs = read_study("whole-job.json")["runs"]
    assert all((each["train"], each["test"]) == (30_000, 10_000) for each in runs["ours"])
    assert all(each["accuracy"] >= each["target"] == 0.7657 for each in runs["to_accuracy"])
    assert {len(each) for each in runs.values()} == {len(runs["ours"])}
