"""``tlbench extract``: what it writes and says, alone and on a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from PIL import Image

from tlbench.cli import extract as command
from tlbench.cli.main import main


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """12 pictures, of which one is damaged."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    for number in range(11):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / f"{number}.png")
    (folder / "damaged.png").write_bytes(b"x")
    return folder


def tlbench(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(place):
    return pyarrow.parquet.read_table(place).to_pydict()


def test_it_says_how_many_where_and_how_fast(pictures, tiny_model, tmp_path, extractor_free):
    arguments = ("extract", pictures, "-o", tmp_path / "out", "--model", tiny_model)
    done = tlbench(*arguments, "--shard-size", 5)
    assert done.exit_code == 0, done.output
    line = done.stdout.splitlines()[-1]
    assert line.startswith("12 pictures, 1 error, ")
    assert line.endswith(f" images/s, in {tmp_path / 'out'}")
    assert "left out: damaged.png: not a picture" in done.stderr
    again = tlbench(*arguments, "--shard-size", 5, "--json")
    assert again.exit_code == 0, again.output
    record = json.loads(again.stdout)
    assert (record["pictures"], record["errors"], record["extracted"]) == (12, 1, 0)
    assert record["images_per_s"] is None
    other = tlbench(*arguments, "--shard-size", 6)
    assert other.exit_code == 2
    (error,) = [line for line in other.stderr.splitlines() if line.startswith("Error")]
    assert "shard size: 6, but" in error
    machine = json.loads((tmp_path / "out" / "_manifest.json").read_text())["machine"]
    assert machine["packages"]["numpy"] == np.__version__


@pytest.fixture
def extractor_free(monkeypatch, request):
    """The session's extractor in place of one that is opened again, which costs seconds."""
    from tl_core.extraction import Settings
    from tl_core.extractor import FeatureExtractor

    opened = FeatureExtractor(request.getfixturevalue("tiny_model"))
    monkeypatch.setattr(Settings, "opened", lambda _: opened)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "-o", "out"], "nowhere: no such file or folder; expected a folder"),
        ([".", "-o", "out", "--engine", "x"], "--engine x: expected one of"),
        ([".", "-o", "out", "--ray-workers", "2"], "--ray-workers: expected --ray, too"),
        ([".", "-o", "out", "--ray", "x"], "cluster address 'x': expected local, auto or"),
        ([".", "-o", "out", "--shard-size", "0"], "--shard-size 0: expected a whole number"),
        ([".", "-o", "out", "--column", "x"], "column x, but it isn't Parquet"),
        ([".", "-o", "nowhere://out"], "nowhere://out: can't be opened"),
        ([".", "-o", "file"], "file: can't be written"),
        (["."], "Missing option '-o'"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value[3:]),
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("a.png").touch()
    done = tlbench("extract", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert not list(tmp_path.glob("*/part-*"))


@pytest.mark.parametrize(
    ("absent", "where", "extra"),
    [("pyarrow", "tlbench.cli.extract", "extract"), ("ray", "tl_core.cluster", "ray")],
)
def test_it_says_what_to_install(monkeypatch, tmp_path, absent, where, extra):
    real = command.find_spec
    monkeypatch.setattr(f"{where}.find_spec", lambda name: None if name == absent else real(name))
    done = tlbench("extract", tmp_path, "-o", tmp_path / "out", "--ray", "local")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"pip install 'tlbench[{extra}]'")


@pytest.mark.slow
def test_a_local_cluster_writes_what_one_process_writes(pictures, tiny_model, tmp_path):
    """As users run it: each command in a process of its own, and nothing runs on after it."""
    options = ("--model", tiny_model, "--shard-size", "5", "--threads", "1", "--json")
    cluster = ("--ray", "local", "--ray-workers", "2")
    for name, more in (("alone", ()), ("cluster", cluster)):
        done = subprocess.run(
            [
                sys.executable, "-m", "tlbench", "extract", str(pictures),
                "-o", str(tmp_path / name), *options, *more,
            ],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["extracted"] == 12
        assert "ray" not in done.stderr.lower()
    files = {
        name: [path.read_bytes() for path in sorted((tmp_path / name).glob("part-*"))]
        for name in ("alone", "cluster")
    }
    assert len(files["alone"]) == 3
    assert files["alone"] == files["cluster"]
    assert len(rows(tmp_path / "cluster")["id"]) == 12
