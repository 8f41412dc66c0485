"""A folder becomes a data set with the right labels, no leak, and one order everywhere."""

import logging
import os
import shutil

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tl_core.data import load_data, survey
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
    (pets / "ant" / "more").mkdir()
    picture(pets / "ant" / "more" / "0.png", 900)
    expected = load_data(pets).fingerprint
    listed = os.walk

    def backwards(folder, **options):
        for place, folders, files in listed(folder, **options):
            folders.reverse()
            yield place, folders, files[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert load_data(pets).fingerprint == expected


def test_the_split_of_a_folder_never_changes(tmp_path):
    data = load_data(fill(tmp_path / "pets", {"ant": 5, "cat": 5}))
    order = [f"{path.parent.name}/{path.name}" for path in data.train.images.paths]
    assert order == ORDER


def left_out(caplog):
    """What the warnings say was left out, in all."""
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    lines = [line.partition("left out: ")[2] for line in lines if "left out: " in line]
    assert len(lines) <= 1, "one warning for a folder"
    return "".join(lines)


def test_hidden_files_and_files_of_other_types_are_left_out_and_said(pets, caplog):
    expected = load_data(pets).fingerprint
    assert left_out(caplog) == ""
    for name in (".DS_Store", "._0.png", "Thumbs.db", "notes.txt", "labels.csv", "more.txt"):
        (pets / "ant" / name).write_bytes(b"no picture")
    for name in ("README", "a.svg", "b.CR2", "c.nef", "d.cr2"):
        (pets / "cat" / name).write_bytes(b"no picture")
    (pets / "cat" / "nowhere.jpg").symlink_to("nowhere")
    picture(pets / "stray.png", 900)
    assert load_data(pets).fingerprint == expected
    assert left_out(caplog) == (
        "2 .cr2 files (cat/b.CR2, cat/d.cr2): export them as JPEG; "
        "2 .txt files (ant/more.txt, ant/notes.txt); "
        "2 hidden files (ant/.DS_Store, ant/._0.png); "
        "1 .csv file (ant/labels.csv); "
        "1 .db file (ant/Thumbs.db); "
        "1 .nef file (cat/c.nef): export them as JPEG; "
        "1 .svg file (cat/a.svg): export them as PNG; "
        "1 broken link (cat/nowhere.jpg); "
        "2 of other kinds"
    )


@pytest.mark.parametrize(
    "name",
    ["@eaDir", ".thumbnails", "#recycle", "$RECYCLE.BIN", "lost+found", "__MACOSX", ".git"],
)
def test_what_systems_leave_behind_is_no_class_and_no_picture(name, pets, caplog):
    expected = load_data(pets).fingerprint
    picture(pets / name / "ant" / "9.png", 900)
    picture(pets / "ant" / name / "0.png" / "SYNOPHOTO_THUMB_S.jpg", 901)
    assert load_data(pets).fingerprint == expected
    kind = "hidden" if name[0] == "." else name
    assert left_out(caplog) == f"2 {kind} folders ({name}, ant/{name})"


def test_linked_folders_count_like_others(pets, tmp_path, caplog):
    """Caches and tools that version data link folders within a class, or classes."""
    fill(tmp_path / "elsewhere", {"eel": 3, "birds/red": 4}, start=800)
    (pets / "eel").symlink_to(tmp_path / "elsewhere" / "eel")
    (pets / "dog" / "more").symlink_to(tmp_path / "elsewhere" / "birds")
    data = load_data(pets)
    assert data.class_names == ("ant", "cat", "dog", "eel")
    assert np.bincount([*data.train.labels, *data.test.labels]).tolist() == [15, 5, 14, 3]
    assert left_out(caplog) == ""


def test_links_that_lead_back_are_left_out_and_said(pets, caplog):
    expected = load_data(pets).fingerprint
    picture(pets / "ant" / "old" / "5.png", 700)
    seven = load_data(pets).fingerprint
    for name, target in (("a", pets), ("b", pets / "ant"), ("old/c", pets.parent)):
        (pets / "ant" / name).symlink_to(target)
    (pets / "ant" / "z").symlink_to(pets / "ant" / "old")
    (pets / "loop").symlink_to(pets)
    assert load_data(pets).fingerprint == seven != expected
    assert left_out(caplog) == "5 links to a folder that is already counted (loop, ant/a, ...)"


def test_empty_files_are_named_and_are_not_one_picture_in_two_classes(pets, caplog):
    expected = load_data(pets).fingerprint
    (pets / "ant" / "e1.jpg").touch()
    (pets / "cat" / "e2.jpg").touch()
    assert load_data(pets).fingerprint == expected
    assert left_out(caplog) == "2 empty files (ant/e1.jpg, cat/e2.jpg)"


@pytest.mark.parametrize("installed", [True, False])
def test_heic_counts_where_its_package_is_else_the_package_is_named(
    installed, pets, caplog, monkeypatch
):
    (pets / "ant" / "IMG_1.HEIC").write_bytes(b"one")
    (pets / "dog" / "IMG_2.heic").write_bytes(b"two")
    monkeypatch.setattr(survey, "find_spec", lambda _: "found" if installed else None)
    assert sum(load_data(pets).sizes) == (32 if installed else 30)
    said = "2 .heic files (ant/IMG_1.HEIC, dog/IMG_2.heic): pip install pillow-heif"
    assert left_out(caplog) == ("" if installed else said)


def test_heic_pictures_are_read_whatever_they_are_called(pets):
    smooth = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    heic = pillow_heif.from_pillow(smooth)
    for name in ("IMG_1.HEIC", "sent.jpg"):
        heic.save(pets / "cat" / name, quality=95)
        (pixels,) = FileSource((pets / "cat" / name,)).take([0])
        assert np.abs(pixels.astype(int) - np.asarray(smooth)).max() < 12
        assert sum(load_data(pets).sizes) == 31
        (pets / "cat" / name).unlink()


def test_what_is_left_out_is_said_before_a_folder_is_refused(pets, caplog):
    (pets / "eel").mkdir()
    (pets / "eel" / "a.dng").write_bytes(b"raw")
    with pytest.raises(DataError, match=r"eel \(0\)"):
        load_data(pets)
    assert left_out(caplog) == "1 .dng file (eel/a.dng): export them as JPEG"


def test_a_class_that_test_lacks_is_named(given, caplog):
    load_data(given)
    assert "test: no pictures of ant" in caplog.text


def test_pictures_in_folders_within_a_class_count(tmp_path):
    fill(tmp_path / "pets", {"ant/red": 3, "ant/2020/june": 2, "cat": 5})
    data = load_data(tmp_path / "pets")
    assert data.class_names == ("ant", "cat")
    assert np.bincount([*data.train.labels, *data.test.labels]).tolist() == [5, 5]


def test_endings_in_capitals_and_other_formats_count(tmp_path):
    fill(tmp_path / "pets", {"ant": 3, "cat": 3})
    endings = ("JPG", "webp", "jfif", "jpe", "tif", "Bmp", "avif", "pgm")
    for number, ending in enumerate(endings):
        (tmp_path / "pets" / "ant" / f"a.{ending}").write_bytes(bytes([number]))
    assert sum(load_data(tmp_path / "pets").sizes) == 6 + len(endings)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        pytest.param({}, r"0 class folders \(none\); expected at least 2", id="empty"),
        pytest.param({"ant": 5}, r"1 class folders \(ant\); expected at least 2", id="one-class"),
        pytest.param({"ant": 5, "cat": 1}, r"cat \(1\); expected at least 2", id="one-picture"),
        pytest.param({"train/ant": 3, "train/cat": 3}, "train look like splits", id="no-test"),
        pytest.param(
            {"train/ant": 3, "train/cat": 3, "validation/ant": 3, "validation/cat": 3},
            "train, validation look like splits.*validation set is not a test set",
            id="validation-for-test",
        ),
        pytest.param(
            {"Training/ant": 3, "Testing/ant": 3},
            "Testing, Training look like splits.*named train/ and test/",
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
    assert load_data(pets).fingerprint == expected
    one, other = (f"ant/copy_{i}.png is ant/3.png" for i in range(2))
    assert left_out(caplog) == f"4 repeated files ({one}, {other}, ...)"


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


def test_class_names_that_are_no_utf_8_are_shown_by_escapes(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9s")
    fill(folder, {os.fsdecode(b"caf\xe9"): 4, "thé": 4})
    data = load_data(folder)
    assert (data.name, data.class_names) == (r"caf\xe9s", (r"caf\xe9", "thé"))
    assert {os.fsencode(each)[:3] for each, name in named(data.train, data) if "caf" in name} == {
        b"caf"
    }


def test_two_classes_that_would_have_one_name_are_refused(tmp_path):
    fill(tmp_path / "pets", {os.fsdecode(b"caf\xe9"): 4, r"caf\xe9": 4})
    with pytest.raises(DataError, match="expected different names"):
        load_data(tmp_path / "pets")
