"""``tlbench`` as scripts use it: what it prints, and how it exits."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tl_core.photographs import photographs, portrait
from tlbench.cli.main import main
from tlbench.suite import extra


def tlbench(*arguments):
    """Run the command in this process, which has TensorFlow loaded already."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


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


def test_classify_names_what_cannot_be_read_and_answers_for_the_others(tmp_path, tiny_classifier):
    broken, good = tmp_path / "broken.jpg", str(portrait())
    broken.write_bytes(b"rubbish")
    done = tlbench("classify", broken, good, "--model", tiny_classifier, "--top", 1, "--json")
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)
    assert (first["image"], second["image"]) == (str(broken), good)
    assert "not a picture" in first["error"]
    assert len(second["predictions"]) == 1
    assert done.stderr.splitlines()[-1].startswith(f"{broken}: not a picture")
    alone = tlbench("classify", broken, "--model", tiny_classifier)
    assert (alone.exit_code, alone.stdout) == (2, "")


def test_classify_takes_other_labels(tmp_path, tiny_classifier):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(1000)))
    done = tlbench("classify", "--model", tiny_classifier, "--labels", labels, "--json", "--top", 1)
    (answer,) = json.loads(done.stdout)[0]["predictions"]
    assert answer["label"] == f"class {answer['index']}"


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
        (("train", "digits", "--track", "recompute"), "expected a number of epochs"),
        (("unknown",), "No such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    done = tlbench(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["classify", "train", "predict", "extract"])
def test_without_the_suites_packages_one_line_says_what_to_install(monkeypatch, command):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    rest = {"predict": ["digits"], "extract": ["-o", "out"]}.get(command, [])
    done = tlbench(command, "digits", *rest)
    assert done.exit_code == 2
    assert "pip install 'tlbench[suite]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
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
