"""A folder of pictures is read once; trained on again, nothing is decoded or extracted."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tlbench.cli.main import main

#: Names of the files that were opened since it was cleared, by an audit hook, which stays for good.
OPENED = Counter()


def note_opened(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        OPENED[arguments[0]] += 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes, one of JPEG files and one of BMP files, all of which have one size."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for label, (name, ending) in enumerate((("reds", "jpg"), ("blues", "bmp"))):
        (root / name).mkdir()
        for number in range(20):
            pixels = rng.integers(0, 60, (40, 50, 3), np.uint8)
            pixels[..., 2 * label] += 150
            Image.fromarray(pixels).save(root / name / f"{number}.{ending}")
    return root


@pytest.fixture
def train(tmp_path, monkeypatch, tiny_model):
    """``tlbench train`` with a cache of its own: arguments, and how they are run."""
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    return lambda folder: ["train", str(folder), "--model", tiny_model, "--json"]


AGAIN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import test_photo_folder as t
from tl_core import sources
sys.addaudithook(t.note_opened)
sources.load_image = None
t.main(sys.argv[2:], standalone_mode=False)
print(json.dumps({"tensorflow": "tensorflow" in sys.modules, "opened": t.OPENED}))
"""


def of_pictures(opened, folder):
    pictures = {str(path) for path in folder.glob("*/*")}
    return {path: count for path, count in opened.items() if path in pictures}


def test_each_picture_is_opened_once_and_a_second_training_needs_no_network(folder, train):
    once = {str(path): 1 for path in folder.glob("*/*")}
    sys.addaudithook(note_opened)
    OPENED.clear()
    first = CliRunner().invoke(main, train(folder))
    assert first.exit_code == 0, first.output
    assert of_pictures(OPENED, folder) == once

    command = [sys.executable, "-c", AGAIN, str(Path(__file__).parent), *train(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed, _, noted = done.stdout.strip().rpartition("\n")
    again = json.loads(noted)
    assert again["tensorflow"] is False
    assert of_pictures(again["opened"], folder) == once
    same = ("accuracy", "test_loss", "data_fingerprint", "frozen_parameters", "epoch_losses")
    before, after = (json.loads(text) for text in (first.stdout, printed))
    assert [after[name] for name in same] == [before[name] for name in same]
