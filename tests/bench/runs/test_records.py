"""Result files say what was measured, and a broken one is named."""

import json
from datetime import UTC, datetime

import pytest

from tl_core.models.handles import classifier_handle, public_name
from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.naming import machine_name
from tlbench.runs.model_name import short_name
from tlbench.runs.read import ResultError, read_file
from tlbench.runs.write import Subject
from tlbench.suite.workloads import TUTORIAL

WHEN = datetime(2026, 11, 24, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("efficientnet-lite0", "efficientnet-lite0"),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5",
         "mobilenet_v2_100_224"),
        ("https://www.kaggle.com/models/google/mobilenet-v2/TensorFlow2/100-224-feature-vector/2",
         "mobilenet-v2-100-224"),
        ("google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2", "mobilenet-v2-100-224"),
        ("backbone/saved_model/1", "backbone"),
        ("1", "model"),
        ("/a/mobilenet_v2_100_224-feature_vector.tar.gz", "mobilenet_v2_100_224"),
        ("models/mine/", "mine"),
        ("keras:VGG16", "keras-VGG16"),
        ("https://host/module?tf-hub-format=compressed", "module"),
    ],
)  # fmt: skip
def test_a_model_has_a_short_name(handle, name):
    assert short_name(handle) == name


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("/home/me/secret/model.tar.gz", "model.tar.gz"),
        ("models/mine/", "mine"),
        ("/home/me/backbone/1", "backbone/1"),
        ("/home/me/backbone/saved_model/00002/", "backbone/saved_model/00002"),
        ("/home/me/backbone/saved_model.tar.gz", "backbone/saved_model.tar.gz"),
        ("/me/.cache/kagglehub/models/google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2",
         "mobilenet-v2/tensorFlow2/100-224-feature-vector/2"),
        ("/1", "1"),
        ("efficientnet-lite0", "efficientnet-lite0"),
        ("efficientnet-lite2", "efficientnet-lite2"),
        ("keras:VGG16", "keras:VGG16"),
        (TUTORIAL.model, TUTORIAL.model),
    ],
)  # fmt: skip
def test_results_do_not_show_where_a_person_keeps_models(handle, name):
    assert public_name(handle) == name


@pytest.mark.parametrize(
    ("handle", "other"),
    [
        ("efficientnet-lite0", "efficientnet-lite0"),
        ("keras:VGG16", "keras:VGG16"),
        (TUTORIAL.model,
         "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/classification/5"),
        ("/nowhere/feature_vector", None),
        ("/nowhere/my-model", None),
    ],
)  # fmt: skip
def test_an_extractor_has_a_classifier_or_none(handle, other):
    assert classifier_handle(handle) == other


def test_a_file_beside_the_extractor_is_its_classifier(tmp_path):
    other = tmp_path / "m-classification.tar.gz"
    other.touch()
    assert classifier_handle(str(tmp_path / "m-feature_vector.tar.gz")) == str(other)


def test_file_names_say_what_was_run():
    subject = Subject("quick", "efficientnet-lite0", "/a/photo-patches/", "litert", "fp32", "gpu:0")
    assert subject.file_name(WHEN) == (
        "quick_efficientnet-lite0_photo-patches_litert_fp32_gpu0_20261124T041200Z.json"
    )


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        ("Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz", "intel-xeon-e5-2670-v3-4-cpus"),
        ("AMD EPYC 7B13 64-Core Processor", "amd-epyc-7b13-64-core-4-cpus"),
        ("Apple M2", "apple-m2-4-cpus"),
        ("", "machine-4-cpus"),
    ],
)
def test_a_machine_has_a_folder_name(cpu, name):
    assert machine_name({"cpu": cpu, "cpus_usable": 4}) == name


def test_the_same_machine_is_described_the_same_twice():
    assert fingerprint() == fingerprint()


def written(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_rows_are_ours_only_and_in_order(write_run):
    path = write_run("run.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    strange = {"name": "x", "fullname": "x", "extra_info": {}, "stats": {"data": [9]}}
    run["benchmarks"] = [run["benchmarks"][3], strange, run["benchmarks"][1]]
    file = read_file(written(path, run))
    assert [row.label for row in file.rows] == ["train (cached)", "extract"]
    assert list(file.benchmarks[1].stats.data) == run["benchmarks"][2]["stats"]["data"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('{"benchmarks": [', "not a readable JSON file .*; the file is damaged or cut off"),
        ("[" * 100_000, "not a readable JSON file"),
        ([], "no list under 'benchmarks'"),
        ({"benchmarks": {}}, "no list under 'benchmarks'"),
        ({"benchmarks": [{"extra_info": {"stage": "x"}}]}, r".*\$.benchmarks\[0\].extra_info"),
        ({"benchmarks": [7]}, r"Expected `object`, got `int` - at `\$.benchmarks\[0\]`"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, content, message):
    path = written(tmp_path / "run.json", content)
    with pytest.raises(ResultError, match=f"run.json: {message}"):
        read_file(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"none\.json: No such file"):
        read_file(tmp_path / "none.json")
