"""Small pictures, what must come out of them, and a run in this process."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
from extracted import DAMAGED, read
from fake_backbone import SIDE, FakeSettings, features
from PIL import Image

from tl_core.extraction import extract, find_source


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with 20 pictures in three folders, a damaged one, and what isn't one."""
    place = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(5)
    for number in range(20):
        path = place / ("a", "b", "b/c d")[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path)
    (place / DAMAGED).write_bytes(b"no picture")
    for name in ("notes.txt", ".hidden.png", "a/.thumbnails/1.png", "__MACOSX/2.png"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes((place / "a/0.png").read_bytes())
    return place


@pytest.fixture(scope="session")
def expected(folder):
    """Rows by name, by Pillow and hashlib alone: id, and features or None."""
    rows = {}
    for path in folder.rglob("*.png"):
        name = path.relative_to(folder).as_posix()
        if ".hidden" in name or "/." in name or name.startswith("__"):
            continue
        data = path.read_bytes()
        identity = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()
        if name == DAMAGED:
            rows[name] = identity, None
        else:
            with Image.open(path) as opened:
                rows[name] = identity, features(np.asarray(opened)[None])[0]
    return dict(sorted(rows.items()))


@pytest.fixture
def backbone(tmp_path):
    """The fake backbone's folder."""
    (tmp_path / "backbone").mkdir()
    return tmp_path / "backbone"


@pytest.fixture
def run(folder, backbone, tmp_path):
    """Extract to ``out`` in this process, and read it back."""

    def run(source=folder, output=None, *, column=None, pool=None, **settings):
        place = str(output or tmp_path / "out")
        own = FakeSettings(model=str(backbone), **settings)
        done = extract(find_source(str(source), column), place, own, pool=pool)
        return SimpleNamespace(done=done, **vars(read(place)))

    return run
