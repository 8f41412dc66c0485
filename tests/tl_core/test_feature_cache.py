"""Features on disk are the extractor's own, whatever interrupted or damaged them."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tl_core import extractor as extractor_module
from tl_core import feature_cache
from tl_core.extractor import FeatureExtractor
from tl_core.feature_cache import ARRAY, LOG, Entry, completed, feature_facts, pixels_digest
from tl_core.sources import ArraySource, FileSource
from tl_core.transfer import TransferModel

BLOCK = 8
#: Images, of which the last block has only three, and features.
SHAPE = (6 * BLOCK + 3, 5)
BLOCKS = 7


def expected():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


class Extracting:
    """Stands for an extractor; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, order):
        for start in range(0, len(order), BLOCK):
            places = order[start : start + BLOCK]
            self.asked.append(int(places[0]) // BLOCK)
            yield places, expected()[places]


@pytest.fixture
def entry(tmp_path):
    return Entry(tmp_path / "features" / "key", SHAPE, BLOCK)


def read(entry):
    extracting = Extracting()
    return completed(entry, {"made": "of"}, extracting), extracting.asked


def test_what_was_extracted_is_read_again(entry):
    rows, asked = read(entry)
    np.testing.assert_array_equal(rows, expected())
    assert asked == list(range(BLOCKS))
    again, asked = read(entry)
    np.testing.assert_array_equal(again, expected())
    assert asked == []
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable


@pytest.mark.parametrize("block", [0, 3, BLOCKS - 1])
def test_damaged_rows_are_found_by_their_checksum_and_extracted_again(entry, block):
    read(entry)
    place = -1 if block == BLOCKS - 1 else -(SHAPE[0] - block * BLOCK) * SHAPE[1] * 4
    damaged = bytearray((entry.folder / ARRAY).read_bytes())
    damaged[place] ^= 1
    (entry.folder / ARRAY).write_bytes(damaged)
    rows, asked = read(entry)
    assert asked == [block]
    np.testing.assert_array_equal(rows, expected())


@pytest.mark.parametrize(
    ("name", "content", "lost"),
    [
        (ARRAY, None, BLOCKS),
        (ARRAY, b"", BLOCKS),
        (ARRAY, b"nonsense", BLOCKS),
        (LOG, None, BLOCKS),
        (LOG, b"\x00\xff{]\n", BLOCKS),
    ],
    ids=["no array", "empty array", "another file", "no log", "another log"],
)
def test_missing_or_damaged_files_are_made_anew(entry, name, content, lost):
    read(entry)
    (entry.folder / name).unlink()
    if content is not None:
        (entry.folder / name).write_bytes(content)
    rows, asked = read(entry)
    assert len(asked) == lost
    np.testing.assert_array_equal(rows, expected())


def test_a_cut_off_log_costs_only_the_blocks_whose_lines_are_lost(entry):
    read(entry)
    log = (entry.folder / LOG).read_text()
    (entry.folder / LOG).write_text(log[: -len(log) // 7 - 5])
    rows, asked = read(entry)
    assert asked == [BLOCKS - 2, BLOCKS - 1]
    np.testing.assert_array_equal(rows, expected())
    assert read(entry)[1] == []


def test_an_array_that_was_cut_off_is_extracted_anew(entry):
    read(entry)
    with (entry.folder / ARRAY).open("r+b") as file:
        file.truncate(300)
    rows, asked = read(entry)
    assert asked == list(range(BLOCKS))
    np.testing.assert_array_equal(rows, expected())


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_feature_cache as t
from tl_core.feature_cache import Entry, completed
BLOCK = t.BLOCK
work = open(sys.argv[3], "a", buffering=1)
def extract(order):
    for start in range(0, len(order), BLOCK):
        places = order[start : start + BLOCK]
        work.write(f"{int(places[0]) // BLOCK}\\n")
        time.sleep(0.004)
        yield places, t.many()[places]
print("ready", flush=True)
completed(Entry(Path(sys.argv[1]), t.many().shape, BLOCK), {}, extract)
"""


def many():
    return np.arange(400 * BLOCK * 2, dtype=np.float32).reshape(-1, 2)


@pytest.mark.parametrize("most", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_loses_a_block_each_time_and_no_row_is_wrong(tmp_path, most):
    rng = np.random.default_rng(0)
    folder, work, kills = tmp_path / "entry", tmp_path / "work.txt", 0
    command = [sys.executable, "-c", KILLED, str(folder), str(Path(__file__).parent), str(work)]
    while kills < most:
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.06))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if child.returncode != -signal.SIGKILL:
            break
        kills += 1
    assert kills == most, "it was done before the last kill: give it more to do"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = Entry(folder, many().shape, BLOCK).rows()
    np.testing.assert_array_equal(rows, many())
    extracted = [int(line) for line in work.read_text().split()]
    assert set(extracted) == set(range(400))
    assert len(extracted) - 400 <= kills


def test_keys_tell_pixels_order_and_files_apart(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 6, 3), np.uint8)
    digests = [
        pixels_digest(ArraySource(each))
        for each in (pixels, pixels[::-1], pixels[:3], pixels.reshape(4, 6, 8, 3))
    ]
    assert len(set(digests)) == 4
    assert pixels_digest(ArraySource(pixels.copy())) == digests[0]
    file = tmp_path / "a.png"
    file.write_bytes(b"one")
    one = pixels_digest(FileSource((file,)))
    file.write_bytes(b"two")
    assert pixels_digest(FileSource((file,))) != one


def test_an_extractor_with_a_cache_extracts_once(monkeypatch, tmp_path, patches, tiny_model):
    extractor = FeatureExtractor(tiny_model, cache=True)
    monkeypatch.setattr(feature_cache, "cache_dir", lambda: tmp_path)
    images = patches.train.images.pixels[:20]
    plain = FeatureExtractor(tiny_model).extract(images)
    np.testing.assert_allclose(extractor.extract(images), plain, rtol=1e-3, atol=1e-4)
    (folder,) = (path for path in (tmp_path / "features").iterdir() if path.is_dir())
    noted = json.loads((folder / feature_cache.FACTS).read_text())
    assert noted == feature_facts(extractor.facts, ArraySource(images)) | {"block": 8}

    monkeypatch.setattr(extractor, "network", None)
    monkeypatch.setattr(type(extractor), "feature_size", plain.shape[1])
    monkeypatch.setattr(type(extractor), "image_size", 32)
    np.testing.assert_allclose(extractor.extract(images), plain, rtol=1e-3, atol=1e-4)


def test_no_images_have_no_features(tiny_model):
    extractor = FeatureExtractor(tiny_model, cache=True)
    assert extractor.extract(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 2048)


def test_whatever_features_depend_on_has_features_of_its_own(monkeypatch, tmp_path, tiny_model):
    """Of another model, size or filter none are read that were cached before."""
    monkeypatch.setattr(feature_cache, "cache_dir", lambda: tmp_path)
    other = tmp_path / "other-feature-vector"
    _copy_with_other_weights(Path(tiny_model), other)
    images = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    variants = [
        (tiny_model, {}),
        (str(other), {}),
        (tiny_model, {"image_size": 48}),
        (tiny_model, {"resize": "box"}),
    ]
    for handle, options in variants:
        cached = FeatureExtractor(handle, cache=True, **options).extract(images)
        fresh = FeatureExtractor(handle, **options).extract(images)
        np.testing.assert_allclose(cached, fresh, rtol=1e-3, atol=1e-4)
    folders = [path for path in (tmp_path / "features").iterdir() if path.is_dir()]
    assert len(folders) == len(variants)


class FakeNetwork:
    """Features that tell all that they were made with: other settings, other features."""

    in_flight, output_size = 1, 16

    def __init__(self, image_size, **made_with):
        self.image_size, self.made_with, self.calls = image_size, made_with, 0

    def __call__(self, images):
        self.calls += len(images)
        known = repr((self.made_with, feature_cache.cpu_flags(), feature_cache.VERSION))
        seeds = [zlib.crc32(image.tobytes() + known.encode()) for image in images]
        return np.stack([np.random.default_rng(seed).random(16) for seed in seeds]).astype("f4")


@pytest.fixture
def fake_extractor(monkeypatch, tmp_path):
    """Make an extractor with a network that computes in no time on any engine and device."""
    monkeypatch.setattr(feature_cache, "cache_dir", lambda: tmp_path)

    def opened(handle, kind, engine, settings):
        network = FakeNetwork(
            settings.image_size, model=handle, engine=engine, precision=settings.precision,
            device=settings.device,
        )  # fmt: skip
        digest = hashlib.sha256(handle.encode()).hexdigest()
        return SimpleNamespace(network=network, engine=engine, model=SimpleNamespace(digest=digest))

    monkeypatch.setattr(extractor_module, "open_model", opened)

    def make(handle="a", *, cache=True, **options):
        return FeatureExtractor(handle, **({"image_size": 16} | options), cache=cache)

    return make


@pytest.mark.parametrize(
    "other",
    [
        {"handle": "b"},
        {"engine": "litert"},
        {"precision": "int8"},
        {"device": "gpu"},
        {"device": "gpu:1"},
        {"image_size": 24},
        {"resize": "box"},
    ],
    ids=lambda other: "-".join(map(str, *other.items())),
)
def test_features_of_other_settings_are_never_read(other, fake_extractor):
    """A wrong one here is a wrong number in every table that is made from cached features."""
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    fake_extractor().extract(images)
    cached = fake_extractor(**other).extract(images)
    fresh = fake_extractor(**other, cache=False).extract(images)
    np.testing.assert_array_equal(cached, fresh)
    again = fake_extractor(**other)
    np.testing.assert_array_equal(again.extract(images), fresh)
    assert again.network.calls == 0, "extracted twice, as if something else had changed"


def test_features_of_other_images_are_never_read(fake_extractor):
    """Another order is another set: row by row they stand beside labels."""
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    touched = images.copy()
    touched[3, 20, 20, 1] ^= 255
    fake_extractor().extract(images)
    for other in (touched, images[::-1], images[:4]):
        fresh = fake_extractor(cache=False).extract(other)
        np.testing.assert_array_equal(fake_extractor().extract(other), fresh)


@pytest.mark.parametrize("changed", ["cpu_flags", "version_of", "VERSION"])
def test_features_of_another_machine_or_other_packages_are_never_read(
    changed, fake_extractor, monkeypatch
):
    """A cache folder may be shared, and packages are updated: both may compute differently."""
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    fake_extractor().extract(images)
    value = 99 if changed == "VERSION" else lambda *_: "other"
    monkeypatch.setattr(feature_cache, changed, value)
    there = fake_extractor()
    there.extract(images)
    assert there.network.calls == len(images)


def _copy_with_other_weights(model, target):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model))
    loaded.variables[0].assign(-loaded.variables[0])
    tf.saved_model.save(loaded, str(target), signatures=loaded.signatures)
    shutil.copytree(model / "assets.extra", target / "assets.extra")


def test_a_fine_tuned_extractor_reads_no_features_of_before(
    monkeypatch, tmp_path, patches, tiny_model
):
    monkeypatch.setattr(feature_cache, "cache_dir", lambda: tmp_path)
    extractor = FeatureExtractor(tiny_model, cache=True)
    before = np.array(extractor.extract(patches.test.images))
    model = TransferModel(extractor, patches.class_names, fine_tune=True)
    model.fit(patches.train.images, patches.train.labels)
    assert not np.allclose(extractor.extract(patches.test.images), before, rtol=1e-3, atol=1e-3)
