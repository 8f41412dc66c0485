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
from PIL import Image

from tl_core import extractor as extractor_module
from tl_core import feature_cache
from tl_core.errors import ImageError, StorageError
from tl_core.extractor import FeatureExtractor
from tl_core.feature_cache import RECORDS, Store, cached_features, feature_facts
from tl_core.models import Model, module
from tl_core.sources import ArraySource, FileSource, TolerantFiles, readable
from tl_core.transfer import TransferModel

BLOCK = 8
#: Images, of which the last block has only three, and features.
IMAGES, WIDTH = 6 * BLOCK + 3, 5


def images(n=IMAGES, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 2, 3, 3), np.uint8)


def features_of(pixels):
    """Stands for an extractor: other pixels, other features."""
    seeds = [zlib.crc32(image.tobytes()) for image in pixels]
    return np.stack([np.random.default_rng(seed).random(WIDTH) for seed in seeds]).astype("f4")


class Extracting:
    """Extracts a source's images; remembers which."""

    def __init__(self, source):
        self.source, self.asked = source, []

    def __call__(self, parts):
        for part in parts:
            self.asked += part.tolist()
            yield part, features_of(self.source.take(part))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "key").mkdir()
    return tmp_path / "key"


def read(folder, source=None):
    """Features of a source, and the positions that had to be extracted for them."""
    source = source or ArraySource(images())
    extracting = Extracting(source)
    rows = cached_features(Store(folder, WIDTH), source, extracting, batch_size=4 * BLOCK)
    np.testing.assert_array_equal(rows, features_of(source.take(range(len(source)))))
    return rows, extracting.asked


def test_what_was_extracted_is_read_again(folder):
    rows, asked = read(folder)
    assert rows.dtype == np.float32
    assert not rows.flags.writeable
    assert asked == list(range(IMAGES))
    assert read(folder)[1] == []


def test_only_images_that_are_new_are_extracted_whatever_the_order(folder):
    read(folder, ArraySource(images()[10:40]))
    mixed = np.concatenate([images()[::-1], images(2, seed=1)])
    assert read(folder, ArraySource(mixed))[1] == [*range(11), *range(41, IMAGES + 2)]


def test_an_image_that_is_there_twice_is_extracted_once(folder):
    assert read(folder, ArraySource(images()[[3, 4, 3, 3]]))[1] == [0, 1]


def test_the_same_bytes_in_another_shape_are_another_image(folder):
    read(folder)
    assert read(folder, ArraySource(images(1).reshape(1, 3, 2, 3)))[1] == [0]


@pytest.mark.parametrize("image", [0, 20, IMAGES - 1])
@pytest.mark.parametrize("part", ["key", "sum", "features"])
def test_damaged_features_are_found_by_their_checksum_and_extracted_again(folder, image, part):
    read(folder)
    record = Store(folder, WIDTH).record
    content = bytearray((folder / RECORDS).read_bytes())
    content[image * record.itemsize + record.fields[part][1]] ^= 1
    (folder / RECORDS).write_bytes(content)
    assert read(folder)[1] == [image]
    assert read(folder)[1] == []


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\x00" * 1000])
def test_missing_and_other_files_are_filled_again(folder, content):
    read(folder)
    (folder / RECORDS).unlink()
    if content is not None:
        (folder / RECORDS).write_bytes(content)
    assert len(read(folder)[1]) == IMAGES
    assert read(folder)[1] == []


def test_a_file_that_was_cut_off_costs_only_what_is_lost(folder):
    read(folder)
    size = Store(folder, WIDTH).record.itemsize
    with (folder / RECORDS).open("r+b") as file:
        file.truncate(20 * size + size // 2)
    assert read(folder)[1] == list(range(20, IMAGES))
    assert (folder / RECORDS).stat().st_size == IMAGES * size


def stored(folder):
    return np.fromfile(folder / RECORDS, Store(folder, WIDTH).record)


class Wide:
    """Extracts features of 4 KB per image; calls ``then`` before each block, and at the end."""

    def __init__(self, source, then=lambda number: None):
        self.source, self.then, self.asked = source, then, []

    def __call__(self, parts):
        for number, part in enumerate(parts):
            self.then(number)
            self.asked += part.tolist()
            yield part, self.features(part)
        self.then(None)

    def features(self, part):
        return np.repeat(features_of(self.source.take(part)), 200, axis=1)


def read_wide(folder, source, then=lambda number: None):
    """As ``read``, of such features."""
    extracting = Wide(source, then)
    store = Store(folder, 200 * WIDTH)
    rows = cached_features(store, source, extracting, batch_size=4 * BLOCK)
    np.testing.assert_array_equal(rows, extracting.features(np.arange(len(source))))
    return extracting.asked


def test_a_full_disk_is_a_line_and_costs_no_feature_that_is_stored(small_disk):
    disk = small_disk(300_000)
    folder, other = disk / "key", disk / "other"
    folder.mkdir()
    other.write_bytes(bytes(200_000))
    source = ArraySource(images())
    with pytest.raises(StorageError, match=r"key/features\.bin can't be written \(No space left"):
        read_wide(folder, source)
    record = Store(folder, 200 * WIDTH).record
    count, rest = divmod((folder / RECORDS).stat().st_size, record.itemsize)
    assert (rest, list(folder.iterdir())) == (0, [folder / RECORDS])
    assert set(disk.iterdir()) == {folder, other}
    other.unlink()
    assert 0 < count < IMAGES
    assert read_wide(folder, source) == list(range(count, IMAGES))
    assert read_wide(folder, source) == []


@pytest.mark.parametrize("moment", [0, 2, None], ids=["at first", "in between", "at last"])
@pytest.mark.parametrize("again", [False, True], ids=["removed", "replaced"])
def test_a_store_that_is_removed_meanwhile_is_a_line_and_never_gives_others_features(
    folder, tmp_path, moment, again
):
    other = tmp_path / "other"
    other.mkdir()
    read_wide(other, ArraySource(images(seed=1)))
    read_wide(folder, ArraySource(images()[:20]))

    def remove(number):
        if number == moment:
            shutil.rmtree(folder)
            if again:
                shutil.copytree(other, folder)

    with pytest.raises(StorageError, match=r"key/features\.bin"):
        read_wide(folder, ArraySource(images()), remove)
    if not again:
        folder.mkdir(exist_ok=True)
    assert len(read_wide(folder, ArraySource(images()))) == IMAGES


def test_what_another_process_has_added_meanwhile_is_not_added_again(folder):
    store = Store(folder, WIDTH)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images(6)]
    Store(folder, WIDTH).add(digests[:4], features_of(images(4)))
    store.add(digests[2:], features_of(images(6)[2:]) + 1)
    assert len(stored(folder)) == 6
    np.testing.assert_array_equal(store.features(digests[2:4]), features_of(images(6)[2:4]))


MANY = 1600
KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_feature_cache as t
work = open(sys.argv[3], "a", buffering=1)
source = t.ArraySource(t.images(t.MANY))
def extract(parts):
    for part in parts:
        time.sleep(0.002)
        work.write("".join(f"{place}\\n" for place in part))
        yield part, t.features_of(source.take(part))
print("ready", flush=True)
store = t.Store(Path(sys.argv[1]), t.WIDTH)
t.cached_features(store, source, extract, batch_size=4 * t.BLOCK)
"""


@pytest.mark.parametrize("most", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_loses_a_block_each_time_and_no_feature_is_wrong(
    folder, tmp_path, most
):
    rng = np.random.default_rng(0)
    work = tmp_path / "work.txt"
    command = [sys.executable, "-c", KILLED, str(folder), str(Path(__file__).parent), str(work)]
    for _ in range(most):
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.0, 0.4 / most))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL, "it was done: give it more to do"
    extracted = work.read_text().split()
    assert len(extracted) - len(stored(folder)) <= most * BLOCK
    # Two at once: what one has added the other needn't extract, and both are right.
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0]
    assert read(folder, ArraySource(images(MANY)))[1] == []
    assert {int(line) for line in work.read_text().split()} == set(range(MANY))
    assert len(stored(folder)) == MANY, "each image once"
    assert set(folder.parent.glob(".*")) == set(), "a lock"


@pytest.fixture
def files(tmp_path):
    """Six picture files, and what was read of each."""
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path, pixels in zip(paths, images(6), strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_pictures_that_are_added_to_a_folder_are_the_only_ones_decoded(folder, files, monkeypatch):
    opened = []
    read_bytes = Path.read_bytes

    def counted(path):
        opened.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for chosen in (files[:4], files[::-1]):
        opened.clear()
        source = FileSource(tuple(chosen))
        extracting = Extracting(source)
        cached_features(Store(folder, WIDTH), source, extracting)
        assert opened == [path.name for path in chosen], "each file is opened once"
    assert extracting.asked == [0, 1]


def test_a_file_that_changes_while_others_are_extracted_has_the_features_of_what_was_decoded(
    folder, files
):
    source = FileSource(tuple(files))

    def extract(parts):
        for part in parts:
            source.reader.digest(files[2])  # lets go of its bytes
            Image.fromarray(images(1, seed=9)[0]).save(files[2])
            yield part, features_of(source.take(part))

    store = Store(folder, WIDTH)
    cached_features(store, source, extract)
    rows = store.features([hashlib.sha256(files[2].read_bytes()).hexdigest()])
    np.testing.assert_array_equal(rows, features_of(images(1, seed=9)))


def test_unreadable_pictures_have_no_features_and_are_tried_again(folder, files):
    for path in (files[1], files[4]):  # the same bytes: tried once
        path.write_bytes(b"rubbish")
    files[2].unlink()
    good = [0, 3, 5]
    for asked in ([0, 1, 2, 3, 5], [1, 2]):
        source = TolerantFiles(tuple(files))
        extracting = Extracting(source)
        rows = cached_features(Store(folder, WIDTH), source, extracting, batch_size=4)
        assert extracting.asked == asked
        assert readable(source).tolist() == good
        np.testing.assert_array_equal(rows[good], features_of(images(6)[good]))
        assert not rows[[1, 2, 4]].any()
        assert not rows.flags.writeable


def test_a_missing_file_is_named(folder, files):
    files[3].unlink()
    source = FileSource(tuple(files))
    with pytest.raises(ImageError, match=r"3\.png: no such file"):
        cached_features(Store(folder, WIDTH), source, Extracting(source))


@pytest.fixture
def own_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_extractor_with_a_cache_extracts_once_and_then_opens_no_network(
    own_cache_folder, patches, tiny_model, monkeypatch
):
    pixels = patches.train.images.pixels[:20]
    plain = FeatureExtractor(tiny_model).extract(pixels)
    first = FeatureExtractor(tiny_model, cache=True)
    np.testing.assert_allclose(first.extract(pixels), plain, rtol=1e-3, atol=1e-4)
    (folder,) = (path for path in (own_cache_folder / "features").iterdir() if path.is_dir())
    noted = json.loads((folder / feature_cache.FACTS).read_text())
    assert noted == feature_facts(first.facts, ArraySource(pixels))

    monkeypatch.setattr(extractor_module, "open_model", None)
    again = FeatureExtractor(tiny_model, cache=True)
    np.testing.assert_array_equal(again.extract(pixels), first.extract(pixels))
    assert (again.engine, again.image_size, again.feature_size) == ("tensorflow", 32, 2048)
    with pytest.raises(TypeError):
        again.extract(pixels[:, ::-1])


def test_no_images_have_no_features(tiny_model):
    extractor = FeatureExtractor(tiny_model, cache=True)
    assert extractor.extract(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 2048)


def test_whatever_features_depend_on_has_features_of_its_own(
    own_cache_folder, tmp_path, tiny_model
):
    """Of another model, size or filter none are read that were cached before."""
    other = tmp_path / "other-feature-vector"
    _copy_with_other_weights(Path(tiny_model), other)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    variants = [
        (tiny_model, {}),
        (str(other), {}),
        (tiny_model, {"image_size": 48}),
        (tiny_model, {"resize": "box"}),
    ]
    for handle, options in variants:
        cached = FeatureExtractor(handle, cache=True, **options).extract(pixels)
        fresh = FeatureExtractor(handle, **options).extract(pixels)
        np.testing.assert_allclose(cached, fresh, rtol=1e-3, atol=1e-4)
    folders = [path for path in (own_cache_folder / "features").iterdir() if path.is_dir()]
    assert len(folders) == len(variants)


class FakeNetwork:
    """Features that tell all that they were made with: other settings, other features."""

    in_flight, output_size = 1, 16

    def __init__(self, image_size, **made_with):
        self.image_size, self.made_with, self.calls = image_size, made_with, 0

    def __call__(self, batch):
        self.calls += len(batch)
        here = (feature_cache.cpu_flags(), feature_cache.VERSION, feature_cache.decoder_facts())
        known = repr((self.made_with, here)).encode()
        seeds = [zlib.crc32(image.tobytes() + known) for image in batch]
        return np.stack([np.random.default_rng(seed).random(16) for seed in seeds]).astype("f4")


def model_named(handle):
    digest = hashlib.sha256(handle.encode()).hexdigest()
    return SimpleNamespace(digest=digest, fingerprint=digest[:16])


@pytest.fixture
def fake_extractor(own_cache_folder, monkeypatch):
    """Make an extractor with a network that computes in no time on any engine and device."""

    def opened(handle, kind, engine, settings):
        network = FakeNetwork(
            settings.image_size, model=handle, engine=engine, precision=settings.precision,
            device=settings.device, input_range=settings.input_range, layer=settings.layer,
        )  # fmt: skip
        model = found(handle, kind, settings)
        return SimpleNamespace(network=network, engine=engine, model=model)

    def found(handle, kind, settings):
        how = {"input_range": settings.input_range, "output": settings.layer}
        return Model(Path(handle), handle, kind, **how)

    monkeypatch.setattr(extractor_module, "open_model", opened)
    monkeypatch.setattr(extractor_module, "find_model", found)
    monkeypatch.setattr(
        module, "tree_digest", lambda path: hashlib.sha256(path.name.encode()).hexdigest()
    )

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
        {"input_range": "0-255"},
        {"layer": "pooled"},
    ],
    ids=lambda other: "-".join(map(str, *other.items())),
)
def test_features_of_other_settings_are_never_read(other, fake_extractor):
    """A wrong one here is a wrong number in every table that is made from cached features."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    fake_extractor().extract(pixels)
    cached = fake_extractor(**other).extract(pixels)
    fresh = fake_extractor(**other, cache=False).extract(pixels)
    np.testing.assert_array_equal(cached, fresh)
    again = fake_extractor(**other)
    np.testing.assert_array_equal(again.extract(pixels), fresh)
    assert again.network.calls == 0, "extracted twice, as if something else had changed"


def test_features_of_other_images_are_never_read(fake_extractor):
    """In another order they are the same rows, in that order: they stand beside labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    touched = pixels.copy()
    touched[3, 20, 20, 1] ^= 255
    fake_extractor().extract(pixels)
    for other, calls in ((touched, 1), (pixels[::-1], 0), (pixels[:4], 0)):
        cached = fake_extractor()
        fresh = fake_extractor(cache=False).extract(other)
        np.testing.assert_array_equal(cached.extract(other), fresh)
        assert cached.network.calls == calls


@pytest.mark.parametrize("changed", ["cpu_flags", "version_of", "VERSION", "decoder_facts"])
def test_features_of_another_machine_or_other_packages_are_never_read(
    changed, fake_extractor, monkeypatch, files
):
    """A cache folder may be shared, and packages are updated: both may compute differently."""
    fake_extractor().extract(files)
    value = 99 if changed == "VERSION" else lambda *_: "other"
    monkeypatch.setattr(feature_cache, changed, value)
    there = fake_extractor()
    there.extract(files)
    assert there.network.calls == len(files)


def _copy_with_other_weights(model, target):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model))
    loaded.variables[0].assign(-loaded.variables[0])
    tf.saved_model.save(loaded, str(target), signatures=loaded.signatures)
    shutil.copytree(model / "assets.extra", target / "assets.extra")


def test_a_fine_tuned_extractor_reads_no_features_of_before(own_cache_folder, patches, tiny_model):
    extractor = FeatureExtractor(tiny_model, cache=True)
    before = np.array(extractor.extract(patches.test.images))
    model = TransferModel(extractor, patches.class_names, fine_tune=True)
    model.fit(patches.train.images, patches.train.labels)
    assert not np.allclose(extractor.extract(patches.test.images), before, rtol=1e-3, atol=1e-3)
