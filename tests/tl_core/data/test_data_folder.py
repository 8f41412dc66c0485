"""A folder becomes a data set with the right labels, no leak, and one order everywhere."""

import logging
import shutil

import numpy as np
import pytest
from PIL import Image

from tl_core.data import load_data
from tl_core.errors import DataError
from tl_core.sources import FileSource

#: Of seed 0; whoever changes it changes every split that was ever reported.
ORDER = [
    "ant/1.png",
    "ant/4.png",
    "cat/2.png",
    "cat/4.png",
    "cat/1.png",
    "ant/2.png",
    "ant/0.png",
    "cat/0.png",
]


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def fill(folder, counts, start=0):
    """Different pictures, ``counts`` of each class, named by class and number."""
    for name, count in counts.items():
        for i in range(count):
            start += 1
            picture(folder / name / f"{i}.png", start)
    return folder


def named(split, data):
    """(class folder, class name of the label) of every image; equal where labels are right."""
    return [
        (path.parent.name, data.class_names[label])
        for path, label in zip(split.images.paths, split.labels, strict=True)
    ]


@pytest.fixture
def pets(tmp_path):
    return fill(tmp_path / "pets", {"dog": 10, "ant": 15, "cat": 5})


@pytest.fixture
def given(tmp_path):
    fill(tmp_path / "pets" / "train", {"dog": 6, "ant": 4, "cat": 5})
    fill(tmp_path / "pets" / "test", {"cat": 2, "dog": 3}, start=100)
    return tmp_path / "pets"


@pytest.mark.parametrize("layout", ["pets", "given"])
def test_every_image_has_the_label_of_its_folder(layout, request):
    data = load_data(request.getfixturevalue(layout))
    assert data.class_names == ("ant", "cat", "dog")
    assert data.name == "pets"
    assert isinstance(data.train.images, FileSource)
    for split in (data.train, data.test):
        assert all(folder == label for folder, label in named(split, data))


def test_a_given_split_is_kept(given):
    data = load_data(given)
    assert data.sizes == (15, 5)
    assert {path.parent.parent.name for path in data.train.images.paths} == {"train"}
    assert {path.parent.parent.name for path in data.test.images.paths} == {"test"}


def test_a_fifth_of_each_class_is_test_where_no_split_is_given(pets):
    data = load_data(pets)
    assert np.bincount(data.test.labels).tolist() == [3, 1, 2]
    assert np.bincount(data.train.labels).tolist() == [12, 4, 8]
    paths = [*data.train.images.paths, *data.test.images.paths]
    assert sorted(paths) == sorted(pets.rglob("*.png"))


def test_the_smallest_class_has_a_test_image(tmp_path):
    data = load_data(fill(tmp_path / "pets", {"ant": 40, "cat": 2}))
    assert np.bincount(data.test.labels).tolist() == [8, 1]


@pytest.mark.parametrize("layout", ["pets", "given"])
def test_a_prefix_of_the_train_images_is_mixed(layout, request):
    data = load_data(request.getfixturevalue(layout))
    assert len(set(data.train.labels[:6].tolist())) > 1
    assert np.any(np.diff(data.train.labels) < 0)


@pytest.mark.parametrize("layout", ["pets", "given"])
@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_order_and_split_are_fixed_by_the_seed(layout, seed, same, request):
    folder = request.getfixturevalue(layout)
    assert (load_data(folder).fingerprint == load_data(folder, seed=seed).fingerprint) == same


@pytest.mark.parametrize("layout", ["pets", "given"])
def test_the_order_in_which_files_were_written_does_not_matter(layout, request, tmp_path):
    folder = request.getfixturevalue(layout)
    for source in sorted(folder.rglob("*.png"), reverse=True):
        target = tmp_path / "copy" / "pets" / source.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    assert load_data(tmp_path / "copy" / "pets").fingerprint == load_data(folder).fingerprint


def test_the_order_a_folder_is_listed_in_does_not_matter(pets, monkeypatch):
    expected = load_data(pets).fingerprint
    listed = type(pets).rglob
    monkeypatch.setattr(
        type(pets), "rglob", lambda self, pattern: reversed(list(listed(self, pattern)))
    )
    assert load_data(pets).fingerprint == expected


def test_the_split_of_a_folder_never_changes(tmp_path):
    data = load_data(fill(tmp_path / "pets", {"ant": 5, "cat": 5}))
    order = [f"{path.parent.name}/{path.name}" for path in data.train.images.paths]
    assert order == ORDER


def test_hidden_files_and_files_of_other_types_are_ignored(pets):
    expected = load_data(pets).fingerprint
    for name in (".DS_Store", "._0.png", "notes.txt", "labels.csv"):
        (pets / "ant" / name).write_bytes(b"no picture")
    (pets / ".git" / "x").mkdir(parents=True)
    (pets / "__MACOSX" / "ant").mkdir(parents=True)
    (pets / "README.md").touch()
    picture(pets / "ant" / ".thumbnails" / "0.png", 999)
    assert load_data(pets).fingerprint == expected


def test_pictures_in_folders_within_a_class_count(tmp_path):
    fill(tmp_path / "pets", {"ant/red": 3, "ant/2020/june": 2, "cat": 5})
    data = load_data(tmp_path / "pets")
    assert data.class_names == ("ant", "cat")
    assert np.bincount([*data.train.labels, *data.test.labels]).tolist() == [5, 5]


def test_endings_in_capitals_and_other_formats_count(tmp_path):
    fill(tmp_path / "pets", {"ant": 3, "cat": 3})
    picture(tmp_path / "pets" / "ant" / "A.JPG", 50)
    picture(tmp_path / "pets" / "cat" / "b.webp", 51)
    assert sum(load_data(tmp_path / "pets").sizes) == 8


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        pytest.param({}, r"0 class folders \(none\); expected at least 2", id="empty"),
        pytest.param({"ant": 5}, r"1 class folders \(ant\); expected at least 2", id="one-class"),
        pytest.param({"ant": 5, "cat": 1}, r"cat \(1\); expected at least 2", id="one-picture"),
        pytest.param({"train/ant": 3, "train/cat": 3}, "train look like splits", id="no-test"),
        pytest.param(
            {"train/ant": 3, "train/cat": 3, "validation/ant": 3, "validation/cat": 3},
            "train, validation look like splits.*validation set doesn't stand in for a test set",
            id="validation-for-test",
        ),
        pytest.param(
            {"Training/ant": 3, "Testing/ant": 3},
            "Testing, Training look like splits.*named so",
            id="other-spelling",
        ),
        pytest.param(
            {"train/ant": 3, "train/cat": 3, "test/ant": 2, "test/eel": 2},
            "classes eel are not in train/, which has ant, cat",
            id="unknown-test-class",
        ),
        pytest.param({"train/ant": 3, "test/ant": 2}, "1 class folders", id="one-train-class"),
    ],
)
def test_a_folder_that_is_no_data_set_says_why(counts, message, tmp_path):
    (tmp_path / "pets").mkdir()
    fill(tmp_path / "pets", counts)
    with pytest.raises(DataError, match=message):
        load_data(tmp_path / "pets")


def test_a_class_folder_without_pictures_is_named(pets):
    (pets / "eel").mkdir()
    (pets / "eel" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"eel \(0\)"):
        load_data(pets)


def test_a_train_class_without_pictures_is_named(given):
    (given / "train" / "eel").mkdir()
    with pytest.raises(DataError, match=r"eel \(0\); expected at least 1"):
        load_data(given)


def test_a_test_folder_without_pictures_is_refused(given):
    shutil.rmtree(given / "test")
    (given / "test" / "ant").mkdir(parents=True)
    with pytest.raises(DataError, match="test: no pictures"):
        load_data(given)


def test_a_train_is_a_class_where_pictures_lie_in_it(tmp_path):
    data = load_data(fill(tmp_path / "vehicles", {"train": 5, "car": 5}))
    assert data.class_names == ("car", "train")


def test_a_validation_folder_beside_train_and_test_is_left_alone(given, caplog):
    expected = load_data(given).fingerprint
    fill(given / "validation", {"ant": 2, "cat": 2}, start=500)
    with caplog.at_level(logging.WARNING):
        assert load_data(given).fingerprint == expected
    assert "not validation" in caplog.text


def test_a_test_picture_that_is_also_in_train_is_a_leak(given):
    shutil.copy(given / "train" / "dog" / "3.png", given / "test" / "dog" / "other_name.png")
    with pytest.raises(DataError) as caught:
        load_data(given)
    assert str(given / "train" / "dog" / "3.png") in str(caught.value)
    assert str(given / "test" / "dog" / "other_name.png") in str(caught.value)


def test_a_leak_is_found_among_copies_within_train(given):
    shutil.copy(given / "train" / "dog" / "3.png", given / "train" / "dog" / "copy.png")
    load_data(given)
    shutil.copy(given / "train" / "dog" / "3.png", given / "test" / "dog" / "9.png")
    with pytest.raises(DataError, match="the same file"):
        load_data(given)


def test_pictures_of_the_same_size_in_bytes_are_no_leak(given):
    for i, kind in enumerate(("train", "test")):
        pixels = np.full((8, 8, 3), 100 * i, np.uint8)
        Image.fromarray(pixels).save(given / kind / "dog" / "same_size.bmp")
    sizes = {(given / k / "dog" / "same_size.bmp").stat().st_size for k in ("train", "test")}
    assert len(sizes) == 1
    assert load_data(given).sizes == (16, 6)


def test_copies_count_once_and_are_reported_when_a_folder_is_split(pets, caplog):
    expected = load_data(pets).fingerprint
    for i in range(4):
        shutil.copy(pets / "ant" / "3.png", pets / "ant" / f"copy_{i}.png")
    with caplog.at_level(logging.WARNING):
        data = load_data(pets)
    assert data.fingerprint == expected
    assert str(pets / "ant" / "copy_2.png") in caplog.text
    assert str(pets / "ant" / "3.png") in caplog.text


def test_a_class_that_is_one_picture_many_times_is_too_small(tmp_path):
    fill(tmp_path / "pets", {"ant": 5, "cat": 1})
    shutil.copy(tmp_path / "pets" / "cat" / "0.png", tmp_path / "pets" / "cat" / "1.png")
    with pytest.raises(DataError, match=r"cat \(1\)"):
        load_data(tmp_path / "pets")


def test_a_picture_in_two_classes_is_refused_with_both_names(pets):
    shutil.copy(pets / "ant" / "3.png", pets / "cat" / "copy.png")
    with pytest.raises(DataError) as caught:
        load_data(pets)
    assert str(pets / "ant" / "3.png") in str(caught.value)
    assert str(pets / "cat" / "copy.png") in str(caught.value)


def test_a_folder_is_named_without_dots_and_slashes(pets, monkeypatch):
    monkeypatch.chdir(pets / "ant")
    assert load_data("..").name == "pets"
    assert load_data(f"{pets}/").name == "pets"


def test_a_tilde_is_the_home_folder(pets, monkeypatch):
    monkeypatch.setenv("HOME", str(pets.parent))
    monkeypatch.setenv("USERPROFILE", str(pets.parent))
    assert load_data("~/pets").name == "pets"
