"""A trained model answers for new pictures: the command, the library and the served model alike."""

import csv
import io
import json
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tl_core.images import load_image
from tl_core.photographs import photographs
from tl_core.transfer import TransferModel
from tlbench.cli.main import main

ROOT = Path(__file__).parents[3]
READMES = ("README.md", "README.zh-CN.md")
T = Image.Transpose
#: How pixels are stored for each EXIF orientation so that turning them gives the picture back.
STORED = {
    2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE, 6: T.ROTATE_90,
    7: T.TRANSVERSE, 8: T.ROTATE_270,
}  # fmt: skip
ORIENTATION = 0x0112
#: Class by class, a photograph and whether it is turned: where orientations aren't undone, bricks
#: are taken for turned ones.
CLASSES = {
    "brick": ("brick", False), "brick on its side": ("brick", True), "chelsea": ("chelsea", False)
}  # fmt: skip
#: Orientations of the new photographs; six aren't stored upright.
ORIENTATIONS = [6, 8, 5, 7, 3, 6] + [1] * 24


def tlbench(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def crops(name, seed):
    """Squares of a class's photograph at several scales."""
    file, turned = CLASSES[name]
    rng = np.random.default_rng(seed)
    picture = Image.open(photographs()[file]).convert("RGB")
    while True:
        side = int(rng.integers(100, 200))
        left, top = (int(rng.integers(0, length - side)) for length in picture.size)
        crop = picture.crop((left, top, left + side, top + side))
        yield crop.transpose(T.ROTATE_90) if turned else crop


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_model):
    """The folder that ``tlbench train`` saved."""
    root = tmp_path_factory.mktemp("trained")
    for name in CLASSES:
        (root / "photos" / name).mkdir(parents=True)
        for number, crop in enumerate(islice(crops(name, 0), 40)):
            crop.save(root / "photos" / name / f"{number}.png")
    done = tlbench("train", root / "photos", "--model", tiny_model, "--save", root / "model")
    assert done.exit_code == 0, done.output
    return root / "model"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Thirty new photographs by path with the name of their class, six of them stored turned."""
    folder = tmp_path_factory.mktemp("new")
    streams = {name: crops(name, 1) for name in CLASSES}
    labels = {}
    for number, orientation in enumerate(ORIENTATIONS):
        name = list(CLASSES)[number % len(CLASSES)]
        picture, exif = next(streams[name]), Image.Exif()
        if orientation > 1:
            picture, exif[ORIENTATION] = picture.transpose(STORED[orientation]), orientation
        path = folder / f"{number:02}.jpg"
        picture.save(path, quality=95, exif=exif)
        labels[path] = name
    return labels


@pytest.fixture(scope="module")
def answered(model, pictures):
    """What the command says of the folder of new photographs."""
    folder = next(iter(pictures)).parent
    done = tlbench("predict", model, folder, "--top", 3, "--json", "--csv", folder.parent / "a.csv")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), folder.parent / "a.csv"


def served(model, pictures):
    import tensorflow as tf

    serve = tf.saved_model.load(str(model)).signatures["serving_bytes"]
    return serve(files=tf.constant([path.read_bytes() for path in pictures]))


def test_command_library_and_served_model_give_the_same_answers(model, pictures, answered):
    from_graph = served(model, pictures)
    ours = TransferModel.load(model)
    rows = ours.predict(list(pictures))
    names = [ours.class_names[number] for number in rows.argmax(axis=1)]
    answers, _ = answered
    assert [each["image"] for each in answers] == [str(path) for path in pictures]
    assert [each["predictions"][0]["label"] for each in answers] == names
    assert [label.decode() for label in from_graph["label"].numpy()] == names
    probabilities = [
        [each["probability"] for each in sorted(answer["predictions"], key=lambda p: p["index"])]
        for answer in answers
    ]
    np.testing.assert_allclose(probabilities, rows, atol=1e-5)
    # The graph decodes files at their own size, of which predict may take a fraction, and resizes
    # by tf.image: compared with the same pixels.
    whole = [ours.predict(load_image(path))[0] for path in pictures]
    np.testing.assert_allclose(from_graph["probabilities"], whole, atol=0.05)
    right = [name == label for name, label in zip(names, pictures.values(), strict=True)]
    assert np.mean(right) > 0.9


def test_the_csv_file_has_the_same_answers(answered):
    answers, path = answered
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [
        (row["file"], int(row["rank"]), row["label"], float(row["probability"])) for row in rows
    ] == [
        (each["image"], rank, one["label"], one["probability"])
        for each in answers
        for rank, one in enumerate(each["predictions"], start=1)
    ]


def test_a_person_reads_a_table(model, pictures, monkeypatch):
    monkeypatch.chdir(next(iter(pictures)).parent)
    done = tlbench("predict", model, "00.jpg", "01.jpg", "--top", 2)
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["file", "label", "probability"]
    assert [row[0] for row in rows[::2]] == ["00.jpg", "01.jpg"]
    probabilities = [float(row[-1]) for row in rows]
    assert probabilities[0] > probabilities[1] >= 0
    assert probabilities[2] > probabilities[3] >= 0


def test_what_cannot_be_read_is_named_and_the_others_are_answered(model, pictures, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    good = list(pictures)[1]
    done = tlbench("predict", model, tmp_path / "broken.jpg", good, tmp_path / "none.jpg", "--json")
    assert done.exit_code == 1
    broken, answered = json.loads(done.stdout)
    assert answered["predictions"][0]["label"] == pictures[good]
    assert "not a picture" in broken["error"]
    assert "predictions" not in broken
    for name in ("broken.jpg: not a picture", "none.jpg: no such file or folder"):
        assert name in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_patterns_that_no_shell_expanded_and_folders_are_searched(model, pictures, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "deep/er/c.jpg"):
        (tmp_path / name).write_bytes(next(iter(pictures)).read_bytes())
    (tmp_path / "deep" / "notes.txt").touch()
    arguments = (tmp_path / "?.jpg", tmp_path / "deep", tmp_path / "a.jpg")
    done = tlbench("predict", model, *arguments, "--json")
    names = [
        Path(each["image"]).relative_to(tmp_path).as_posix() for each in json.loads(done.stdout)
    ]
    assert names == ["a.jpg", "b.jpg", "deep/er/c.jpg"]


def test_bad_input_is_one_line_and_exit_code_2(model, tmp_path, tiny_model):
    for arguments, message in [
        ((tmp_path / "none", "a.jpg"), "none: no such folder"),
        ((tiny_model, "a.jpg"), "not a model that tlbench train saved"),
        ((model, tmp_path / "none.jpg"), "none.jpg: no such file or folder"),
        ((model, tmp_path), "no pictures in it"),
        ((model,), "Missing argument 'PICTURES...'"),
        ((model, "a.jpg", "--engine", "torch"), "engine torch: expected one of"),
    ]:
        done = tlbench("predict", *arguments)
        assert done.exit_code == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_classify_names_the_command_for_such_a_model(model):
    done = tlbench("classify", "--model", model)
    assert done.exit_code == 2
    assert "with classes of its own (brick, brick on its side, chelsea)" in done.stderr
    assert f"tlbench predict {model} PICTURES" in done.stderr


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_line_of_python_gives_each_classs_probability(
    name, model, pictures, tmp_path, monkeypatch
):
    text = (ROOT / name).read_text(encoding="utf-8")
    (line,) = re.findall(r"`(TransferModel\.load[^`]+)`", text)
    (imports,) = re.findall(r"`(from tl_core import [^`]+)`", text)
    (tmp_path / "my-model").symlink_to(model, target_is_directory=True)
    (tmp_path / "photo.jpg").write_bytes(next(iter(pictures)).read_bytes())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(f"{imports}\nprobabilities = {line}", names)
    assert names["probabilities"].shape == (1, len(CLASSES))
    np.testing.assert_allclose(names["probabilities"].sum(), 1, rtol=1e-5)
