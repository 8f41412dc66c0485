"""Wherever pictures come from, they come in a fixed order, and their features are the same."""

import json
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from extracted import DAMAGED, check
from fake_backbone import FakeSettings

from tl_core.errors import DataError
from tl_core.extraction import extract, find_source
from tl_core.extraction.files import public
from tl_core.extraction.output import LEASE_S, output_at
from tl_core.extraction.walk import in_order


@pytest.fixture
def memory():
    """The file system ``memory://``, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    return system


def write_list(folder, place, names):
    (place / "names.txt").write_text("\n".join(str(folder / name) for name in names) + "\n\n")
    return place / "names.txt", None


def write_relative_list(folder, place, names):
    for name in names:
        (place / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "x" / name).write_bytes((folder / name).read_bytes())
    (place / "x" / "names.txt").write_text("\n".join(names))
    return place / "x" / "names.txt", None


def write_pattern(folder, place, names):
    return folder / "[ab]" / "**" / "*.png", None


def write_parquet(folder, place, names, *, wrap=lambda data: data, files=2, column="picture"):
    """Rows in files whose row groups don't end where shards do."""
    (place / "rows").mkdir()
    blobs = [wrap((folder / name).read_bytes()) for name in names]
    size = -(-len(blobs) // files)
    for number in range(files):
        part = blobs[number * size : (number + 1) * size]
        table = pa.table({"label": list(range(len(part))), column: part})
        pa.parquet.write_table(table, place / "rows" / f"{number}.parquet", row_group_size=5)
    return place / "rows", None


def write_structs(folder, place, names):
    return write_parquet(folder, place, names, wrap=lambda data: {"bytes": data, "path": "x"})


def write_one_file(folder, place, names):
    path, _ = write_parquet(folder, place, names, files=1)
    return path / "0.parquet", "picture"


def write_paths(folder, place, names):
    table = pa.table({"label": [0] * len(names), "file": [str(folder / name) for name in names]})
    pa.parquet.write_table(table, place / "paths.parquet", row_group_size=5)
    return place / "paths.parquet", "file"


def write_urls(folder, place, names):
    system = fsspec.filesystem("memory")
    for name in names:
        system.pipe_file(f"/bucket/{name}", (folder / name).read_bytes())
    (place / "urls.txt").write_text("".join(f"memory://bucket/{name}\n" for name in names))
    return place / "urls.txt", None


def write_remote_folder(folder, place, names):
    write_urls(folder, place, names)
    return "memory://bucket", None


WRITERS = [
    write_list, write_relative_list, write_pattern, write_parquet, write_structs, write_one_file,
    write_paths, write_urls, write_remote_folder,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_features_of_every_kind_of_source(write, run, folder, *, expected, tmp_path, memory):
    source, column = write(folder, tmp_path, list(expected))
    found = run(source, column=column)
    assert len(found.rows["source"]) == len(set(found.rows["source"])) == len(expected)
    by_name = zip(found.rows["source"], expected.values(), found.rows["features"], strict=True)
    if write is write_pattern:  # sorted by the whole path, as the folder is
        assert [str(Path(name).relative_to(folder)) for name in found.rows["source"]] == list(
            expected
        )
    for _, (_, right), row in by_name:
        assert (row is None) == (right is None)
        assert right is None or np.array_equal(np.array(row, np.float32), right)
    if write in (write_relative_list, write_remote_folder):  # names are those of the folder
        check(found.rows, expected)


@pytest.mark.parametrize("at", ["{path}", "memory://place"])
def test_folders_that_fit_a_pattern_are_no_pictures(at, tmp_path, memory):
    at = at.format(path=tmp_path)
    for name in ("a.png", "b.png/c.png"):
        with fsspec.open(f"{at}/{name}", "wb", auto_mkdir=True) as file:
            file.write(b"x")
    assert [Path(name).name for name in find_source(f"{at}/*.png").names()] == ["a.png"]


def test_a_file_may_have_the_characters_of_patterns_in_its_name(tmp_path):
    path = tmp_path / "a[1]*.png"
    path.touch()
    (tmp_path / "a1b.png").touch()
    assert list(find_source(str(path)).names()) == [str(path)]


def test_rows_of_parquet_are_named_by_file_and_row(run, folder, expected, tmp_path):
    source, _ = write_parquet(folder, tmp_path, list(expected))
    names = run(source).rows["source"]
    assert names == [f"{n}.parquet#{row}" for n in (0, 1) for row in range(11 - n)]


def test_a_null_is_a_row_with_an_error(run, folder, tmp_path):
    picture = next(folder.glob("a/*.png")).read_bytes()
    pa.parquet.write_table(pa.table({"x": [picture, None, picture]}), tmp_path / "x.parquet")
    assert run(tmp_path / "x.parquet").rows["error"] == [
        None, "x.parquet#1: null, expected a picture's bytes", None
    ]  # fmt: skip


def lengthen(path):
    """Change the bit of a Parquet file's end by which it has more rows than its row groups have."""
    whole = path.read_bytes()
    rows = pa.parquet.ParquetFile(path).metadata.num_rows
    for place in range(len(whole) - 9, 0, -1):
        changed = whole[:place] + bytes([whole[place] ^ 2]) + whole[place + 1 :]
        try:
            more = pa.parquet.ParquetFile(pa.BufferReader(changed)).metadata.num_rows > rows
        except (pa.ArrowException, OSError):
            continue
        if more:
            path.write_bytes(changed)
            return
    raise AssertionError("no such bit")


def test_rows_that_a_file_lacks_are_not_those_of_the_next_one(run, folder, expected, tmp_path):
    source, _ = write_parquet(folder, tmp_path, [*expected][:8])
    lengthen(source / "0.parquet")
    assert len(list(find_source(str(source)).names())) > 8
    with pytest.raises(DataError, match=r"0\.parquet: can't be read as Parquet \(fewer rows "):
        run(source)


def test_all_who_ask_for_rows_after_damaged_ones_get_the_same_error(tmp_path):
    pa.parquet.write_table(pa.table({"x": [b"a"] * 4}), tmp_path / "x.parquet")
    lengthen(tmp_path / "x.parquet")
    source = find_source(str(tmp_path / "x.parquet"))
    read = source.reader(list(source.names()))
    assert read(0) == b"a"
    for place in (4, 5, 4):
        with pytest.raises(DataError, match="fewer rows than its end says, by 1"):
            read(place)


def test_files_that_are_absent_are_rows_with_errors(run, folder, tmp_path):
    picture = next(folder.glob("a/*.png"))
    (tmp_path / "names.txt").write_text(f"gone.png\n{picture}\n{tmp_path}\nnowhere://x/y.png\n")
    errors = run(tmp_path / "names.txt").rows["error"]
    assert errors[0] == "gone.png: can't be read (No such file or directory)"
    assert errors[1] is None
    assert "can't be read (Is a directory)" in errors[2]
    assert errors[3].startswith("nowhere://x/y.png: can't be opened (Protocol not known")


@pytest.mark.parametrize(
    ("make", "column", "message"),
    [
        (lambda place: "no-such-folder", None, "no-such-folder: no such file or folder; expected"),
        (lambda place: "nowhere://x", None, "nowhere://x: can't be opened"),
        (lambda place: "no-such.parquet", None, "no-such.parquet: no such file"),
        (lambda place: place, "x", "column x, but it isn't Parquet"),
        ({"a": [b"x"], "b": [b"y"]}, None, "several columns with pictures; expected one of bytes"),
        ({"a": [b"x"], "b": [b"y"]}, "c", "no column c with pictures; .* a (binary), b (binary)"),
        ({"a": [1]}, None, "no column with pictures"),
        (b"no Parquet", None, "x.parquet: can't be read as Parquet"),
    ],
    ids=["absent", "protocol", "no file", "no Parquet", "several", "other", "none", "damaged"],
)
def test_sources_that_are_none(tmp_path, make, column, message):
    import re

    if isinstance(make, dict):
        pa.parquet.write_table(pa.table(make), tmp_path / "x.parquet")
    elif isinstance(make, bytes):
        (tmp_path / "x.parquet").write_bytes(make)
    source = make(tmp_path) if callable(make) else tmp_path / "x.parquet"
    expected = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(DataError, match=expected):
        list(find_source(str(source), column).names())


def test_an_output_behind_a_url(run, backbone, folder, memory):
    memory.pipe_file("/out/.part-000001.parquet.0a.part", b"left behind")
    settings = FakeSettings(model=str(backbone))
    source = find_source(str(folder))
    first = extract(source, "memory://out/", settings)
    assert (first.pictures, first.errors, first.extracted) == (21, 1, 21)
    files = sorted(memory.ls("/out", detail=False))
    assert files == [*(f"/out/part-00000{n}.parquet" for n in range(3)), "/out/_manifest.json"][
        ::-1
    ][:1] + [f"/out/part-00000{n}.parquet" for n in range(3)]
    here = run()
    assert [memory.cat_file(f"/out/{path.name}") for path in here.files] == [
        path.read_bytes() for path in here.files
    ]
    memory.rm_file("/out/part-000001.parquet")
    assert extract(source, "memory://out", settings).extracted == 8


def test_an_output_that_does_not_answer_is_one_error(memory, monkeypatch, backbone, folder):
    settings, source = FakeSettings(model=str(backbone)), find_source(str(folder))
    extract(source, "memory://out", settings)
    kind = type(memory)  # each thread has an instance of its own
    real = kind.open

    def broken(system, path, *arguments, **options):
        if "part-000001" in path:
            raise ConnectionError("reset by peer")
        return real(system, path, *arguments, **options)

    monkeypatch.setattr(kind, "open", broken)
    with pytest.raises(DataError, match=r"memory://out: its storage doesn't answer .reset by peer"):
        extract(source, "memory://out", settings)


def test_a_lock_behind_a_url_is_refused_until_its_lease_is_over(memory):
    place = output_at("memory://out")
    with place.locked(), pytest.raises(DataError, match=r"or wait \d\d s if it was"), (
        place.locked()
    ):  # fmt: skip
        pass
    with place.locked():
        assert json.loads(memory.cat_file("/out/.lock"))["mark"]
    assert not memory.exists("/out/.lock")
    for content in (b'{"mark": "x", "time": 0}', b"", b"[]", b'{"time": "x"}', b"[" * 100_000):
        memory.pipe_file("/out/.lock", content)
        with place.locked():
            pass
    assert LEASE_S < 300


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_names_are_sorted_in_files_as_in_memory(count):
    rng = np.random.default_rng(count)
    names = [f"{n}\n\udcff é" for n in rng.permutation(count)]
    assert list(in_order(iter(names), most=3)) == sorted(names)


def test_a_link_to_a_folder_around_it_ends(run, folder, tmp_path, expected):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "pictures").symlink_to(folder)
    (tmp_path / "x" / "loop").symlink_to(tmp_path / "x")
    names = run(tmp_path / "x").rows["source"]
    assert names == [f"pictures/{name}" for name in expected]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
        ("https://x.org/a?token=1#b", "https://x.org/a"),
        ("photos/a?b.jpg", "photos/a?b.jpg"),
    ],
)
def test_secrets_of_a_url_are_not_shown(text, shown):
    assert public(text) == shown


def test_the_damaged_picture_is_among_the_expected(expected):
    assert expected[DAMAGED][1] is None
