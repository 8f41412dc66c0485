"""``tlbench train``: what it says, writes and chooses; nothing that it trained is lost."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tl_core.models import Model
from tl_core.photographs import photographs
from tl_core.transfer import TransferModel
from tlbench.cli.main import main
from tlbench.escapes import printable
from tlbench.suite import training_record


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


@pytest.fixture(scope="module")
def converged(photo_folder, tiny_model, tmp_path_factory):
    """The command without a number of epochs, as JSON, with the folder that it saved.

    Nothing is cached before it: else it doesn't open the network.
    """
    target = tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBENCH_CACHE", str(tmp_path_factory.mktemp("empty")))
        done = tlbench("train", photo_folder, "--model", tiny_model, "--save", target, "--json")
    assert done.exit_code == 0, done.output
    return done, target


def test_it_reports_saves_and_serves(photo_folder, tiny_model, converged):
    done, target = converged
    report = json.loads(done.stdout)
    assert report["classes"] == ["chelsea", "coffee"]
    assert (report["train_size"], report["test_size"]) == (48, 12)
    assert report["trainable_parameters"] == 2048 * 2 + 2
    assert report["model"] == "tiny-feature-vector"
    assert report["model_fingerprint"] == Model(Path(tiny_model), "", "features").fingerprint
    assert (report["engine"], report["precision"], report["device"]) == (
        "tensorflow",
        "fp32",
        "cpu",
    )
    assert report["saved"] == str(target)
    low, high = report["accuracy_interval_95"]
    assert 0.8 < report["accuracy"] <= high <= 1
    assert 0 < low < report["accuracy"]
    import tensorflow as tf

    serve = tf.saved_model.load(str(target)).signatures["serving_bytes"]
    images = [photo_folder / "coffee" / "0.jpg", photo_folder / "chelsea" / "0.jpg"]
    answers = serve(files=tf.constant([path.read_bytes() for path in images]))
    assert [label.decode() for label in answers["label"].numpy()] == ["coffee", "chelsea"]


def test_by_default_it_trains_until_held_out_images_gain_no_more(converged):
    report = json.loads(converged[0].stdout)
    assert report["held_out"] == 10  # a fifth of 24 of each class
    assert report["stopped"] in {"converged", "limit"}
    assert report["epochs"] == len(report["epoch_losses"]) > 1
    assert report["steps"] == 2 * report["epochs"]
    assert report["epoch_losses"][-1] < 0.5 * report["epoch_losses"][0]


def test_each_step_is_said_on_stderr_before_it_begins(converged, photo_folder):
    lines = converged[0].stderr.splitlines()
    starts = [
        "loading",
        "2 classes, 48 + 12 images",
        "opening",
        "extracting",
        "training",
        "predicting",
    ]
    places = [next(n for n, line in enumerate(lines) if line.startswith(each)) for each in starts]
    assert places == sorted(places)
    assert str(photo_folder) in lines[0]


def test_epochs_that_are_asked_for_are_run(photo_folder, train, converged):
    done = train(photo_folder, "--epochs", 3, "--json")
    report = json.loads(done.stdout)
    assert (report["epochs"], report["stopped"], report["held_out"]) == (3, "epochs", None)
    assert report["steps"] == 3 * 2


def test_a_person_reads_what_was_trained_and_by_what(photo_folder, train):
    done = train(photo_folder, "--epochs", 1, "--fine-tune", 1)
    assert "2 classes, 48 + 12 images" in done.stdout
    assert "engine tensorflow, fp32, cpu" in done.stdout
    match = re.search(r"test accuracy (\S+), 95 % interval (\S+) to (\S+)", done.stdout)
    accuracy, low, high = map(float, match.groups())
    assert low < accuracy <= high
    assert "trainable" in done.stdout
    assert "majority-class baseline: 0.5000" in done.stdout
    assert "only 4 training steps: increase --epochs" in done.stdout
    assert "reused" not in done.stdout


@pytest.fixture
def damaged_folder(photo_folder, tmp_path):
    """The folder with test pictures of its own, and damaged ones in both parts."""
    for name in ("chelsea", "coffee"):
        for part, numbers in (("train", range(24)), ("test", range(24, 30))):
            (tmp_path / part / name).mkdir(parents=True)
            for number in numbers:
                data = (photo_folder / name / f"{number}.jpg").read_bytes()
                (tmp_path / part / name / f"{number}.jpg").write_bytes(data)
    whole = (photo_folder / "coffee" / "0.jpg").read_bytes()
    (tmp_path / "train" / "coffee" / "cut.jpg").write_bytes(whole[:900])
    (tmp_path / "train" / "chelsea" / "page.png").write_bytes(b"<!DOCTYPE html>")
    (tmp_path / "test" / "coffee" / "cut.jpg").write_bytes(whole[:800])
    return tmp_path


@pytest.mark.parametrize("options", [(), ("--epochs", 1, "--track", "recompute")])
def test_unreadable_pictures_are_left_out_named_and_not_counted(damaged_folder, train, options):
    done = train(damaged_folder, *options, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["train_size"], report["test_size"]) == (48, 12)
    assert report["unreadable"] == {"train": 2, "test": 1}
    assert np.sum(report["confusion"]) == 12
    (line,) = [line for line in done.stderr.splitlines() if "left out" in line]
    assert "left out: 3 unreadable pictures: " in line
    assert all(name in line for name in ("coffee/cut.jpg", "chelsea/page.png"))


def test_the_accuracy_says_of_how_many_images_it_is(damaged_folder, train):
    done = train(damaged_folder, "--epochs", 1)
    assert re.search(r"test accuracy .*, 95 % interval \S+ to \S+ \(12 images\)", done.stdout)


def test_a_limit_holds_for_the_command(damaged_folder, train):
    done = train(damaged_folder, "--no-cache", "--limit", "picture-pixels=100")
    assert done.exit_code == 2
    assert "14,400 pixels: the limit is 100" in done.stderr
    assert train(damaged_folder, "--limit", "pixels=1").stderr.count("\n") == 1


def test_a_person_reads_how_the_epochs_were_found(photo_folder, train, converged):
    done = train(photo_folder)
    assert "; cached features reused" in done.stdout
    assert "opening" not in done.stderr
    assert re.search(
        r"\d+ epochs on all 48 training images: after so many, the loss of", done.stdout
    )
    assert re.search(r"10 of them, held out at first, was lowest", done.stdout)


@pytest.mark.parametrize(("least", "code", "message"), [(1.0, 1, "is below 1.0"), (0.0, 0, "")])
def test_it_exits_with_1_below_the_least_accuracy(train, least, code, message):
    sizes = ("--train-size", 20, "--test-size", 100, "--epochs", 1)
    done = train("digits", *sizes, "--min-accuracy", least)
    assert done.exit_code == code
    assert message in done.stderr


def test_a_place_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    done = tlbench("train", "digits", "--save", tmp_path / "file" / "model")
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr


def test_a_page_that_fails_takes_neither_model_nor_result_along(train, monkeypatch, tmp_path):
    def failing(*_):
        raise ValueError("no such backend")

    monkeypatch.setattr(training_record, "page_text", failing)
    sizes = ("--train-size", 40, "--test-size", 40, "--epochs", 1)
    page, model = tmp_path / "page.html", tmp_path / "model"
    done = train("digits", *sizes, "--report", page, "--save", model, "--json")
    assert done.exit_code == 2
    report = json.loads(done.stdout)
    assert (report["saved"], report["report"]) == (str(model), None)
    assert len(TransferModel.load(model).class_names) == 10
    last = done.stderr.splitlines()[-1]
    assert f"page {page} can't be written: no such backend; the model is saved in {model}" in last


def test_a_model_that_cannot_be_saved_takes_neither_page_nor_result_along(
    train, monkeypatch, tmp_path
):
    def failing(*_):
        raise OSError("no space left")

    monkeypatch.setattr(TransferModel, "save", failing)
    sizes = ("--train-size", 40, "--test-size", 40, "--epochs", 1)
    page = tmp_path / "page.html"
    done = train("digits", *sizes, "--report", page, "--save", tmp_path / "model", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["report"] == str(page)
    assert page.exists()
    assert "can't be saved" in done.stderr.splitlines()[-1]


def test_the_engine_that_auto_took_is_named(train):
    sizes = ("--train-size", 40, "--test-size", 40, "--epochs", 1)
    done = train("digits", *sizes, "--engine", "auto")
    assert done.exit_code == 0, done.output
    assert "engine auto: tensorflow, for 80 images" in done.stderr
    assert "engine tensorflow, fp32, cpu" in done.stdout


def test_odd_names_of_folders_and_files_lose_nothing_and_obey_nobody(train, photo_folder, tmp_path):
    """Of bytes that are no UTF-8, and with sequences that a terminal obeys."""
    data, page = tmp_path / os.fsdecode(b"photos \xff"), tmp_path / "page.html"
    for name, odd in (("chelsea", b"caf\xe9"), ("coffee", b"a\x1b]0;owned\x07\nb")):
        shutil.copytree(photo_folder / name, data / os.fsdecode(odd))
        (data / os.fsdecode(odd) / "0.jpg").rename(data / os.fsdecode(odd + b"/\xe9\x1b.jpg"))
    options = ("--report", page, "--save", tmp_path / "model", "--epochs", 1)
    done = train(data, *options)
    assert done.exit_code == 0, done.output
    assert "test accuracy" in done.stdout
    assert printable(done.output, keep="\n") == done.output
    assert "owned" in page.read_text(encoding="utf-8")
    predicted = tlbench("predict", tmp_path / "model", data, "--csv", tmp_path / "answers.csv")
    assert predicted.exit_code == 0, predicted.output
    assert r"caf\xe9" in predicted.stdout
    assert printable(predicted.output, keep="\n") == predicted.output


def test_a_folder_that_tensorflow_cannot_name_is_refused_before_training(train, tmp_path):
    done = train("digits", "--save", tmp_path / os.fsdecode(b"\xff"))
    assert done.exit_code == 2
    assert "needs a path in UTF-8" in done.stderr
    assert done.stderr.count("\n") == 1
