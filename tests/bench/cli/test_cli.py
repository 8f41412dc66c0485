"""``tlbench`` as scripts use it: what it prints, and how it exits."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tl_core.photographs import photographs, portrait
from tlbench.cli.main import main
from tlbench.suite import extra


def tlbench(*arguments):
    """Run the command in this process, which has TensorFlow loaded already."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def train(tiny_model):
    """``tlbench train`` with the tiny model."""
    return lambda *arguments: tlbench("train", *arguments, "--model", tiny_model)


@pytest.fixture(scope="module")
def photo_folder(tmp_path_factory):
    """A person's own pictures: crops of two photographs, a class a folder."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("chelsea", "coffee"):
        (root / name).mkdir()
        picture = Image.open(photographs()[name]).convert("RGB")
        for number in range(30):
            left, top = rng.integers(0, picture.width - 120), rng.integers(0, picture.height - 120)
            crop = picture.crop((left, top, left + 120, top + 120))
            crop.save(root / name / f"{number}.jpg")
    return root


@pytest.mark.slow
def test_classify_names_the_embedded_photograph():
    done = tlbench("classify")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == str(portrait())
    assert lines[1].endswith("military uniform")
    assert len(lines) == 6


def test_classify_prints_json_for_several_images(tiny_classifier):
    paths = [str(portrait()), str(photographs()["coffee"]), str(portrait())]
    done = tlbench("classify", *paths, "--model", tiny_classifier, "--top", 2, "--json")
    answers = json.loads(done.stdout)
    assert [answer["image"] for answer in answers] == paths
    first, other, again = (answer["predictions"] for answer in answers)
    assert len(first) == 2
    assert 0 < first[1]["probability"] <= first[0]["probability"] < 1
    assert first == again != other


def test_classify_takes_other_labels(tmp_path, tiny_classifier):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(1000)))
    done = tlbench("classify", "--model", tiny_classifier, "--labels", labels, "--json", "--top", 1)
    (answer,) = json.loads(done.stdout)[0]["predictions"]
    assert answer["label"] == f"class {answer['index']}"


def test_train_on_a_folder_reports_saves_and_serves(photo_folder, tmp_path, train):
    target = tmp_path / "model"
    done = train(photo_folder, "--epochs", 20, "--save", target, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["classes"] == ["chelsea", "coffee"]
    assert (report["train_size"], report["test_size"]) == (48, 12)
    assert report["trainable_parameters"] == 2048 * 2 + 2
    assert report["accuracy"] > 0.8
    assert report["steps"] == 20 * 2
    low, high = report["accuracy_interval_95"]
    assert 0 < low < report["accuracy"] <= high <= 1
    import tensorflow as tf

    serve = tf.saved_model.load(str(target)).signatures["serving_bytes"]
    images = [photo_folder / "coffee" / "0.jpg", photo_folder / "chelsea" / "0.jpg"]
    answers = serve(files=tf.constant([path.read_bytes() for path in images]))
    assert [label.decode() for label in answers["label"].numpy()] == ["coffee", "chelsea"]


def test_train_prints_what_a_person_wants_to_know(photo_folder, train):
    done = train(photo_folder, "--fine-tune", 1)
    assert "2 classes, 48 + 12 images" in done.output
    match = re.search(r"test accuracy (\S+), 95 % interval (\S+) to (\S+)", done.output)
    accuracy, low, high = map(float, match.groups())
    assert low < accuracy <= high
    assert "trainable" in done.output
    assert "majority-class baseline: 0.5000" in done.output
    assert "only 4 training steps: increase --epochs" in done.output


@pytest.mark.parametrize(("least", "code", "message"), [(1.0, 1, "is below 1.0"), (0.0, 0, "")])
def test_train_exits_with_1_below_the_least_accuracy(train, least, code, message):
    done = train("digits", "--train-size", 20, "--test-size", 100, "--min-accuracy", least)
    assert done.exit_code == code
    assert message in done.stderr


def test_a_place_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    done = tlbench("train", "digits", "--save", tmp_path / "file" / "model")
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr


def test_labels_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "labels").write_bytes(b"\xff\xfe\x00\x80")
    done = tlbench("classify", "--labels", tmp_path / "labels")
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "none.jpg"), "none.jpg: no such file"),
        (("classify", "--model", "no-such-model"), "model handle 'no-such-model'"),
        (("classify", "--image-size", "0"), "--image-size 0: expected a whole number"),
        (("classify", "--engine", "torch"), "engine torch: expected one of"),
        (("classify", "--device", "gpu:7"), "device 'gpu:7'"),
        (("train", "no-such-data"), "no-such-data"),
        (("train", "digits", "--train-size", "99999"), "99999 images: expected"),
        (("train", "digits", "--save", "."), "exists already"),
        (("train", "digits", "--track", "both"), "both"),
        (("unknown",), "No such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    done = tlbench(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["classify", "train"])
def test_without_the_suites_packages_one_line_says_what_to_install(monkeypatch, command):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    done = tlbench(command, "digits")
    assert done.exit_code == 2
    assert "pip install 'tlbench[suite]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_fresh_command_prints_nothing_but_its_answer(tiny_classifier):
    """TensorFlow's start-up lines stay away from what people and scripts read."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-m", "tlbench", "classify", "--top", "2", "--model", tiny_classifier],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [line.partition("%")[1] for line in done.stdout.splitlines()] == ["", "%", "%"]
