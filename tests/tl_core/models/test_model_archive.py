"""Archives of SavedModel folders: unpacked once, whole or not at all, and never outside."""

import io
import tarfile

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models import open_module, resolve
from tl_core.models.archive import unpack

BLUE = np.float32([[[[0, 0, 1]]]])


@pytest.fixture
def archive(tmp_path, pack):
    path = tmp_path / "tiny.tar.gz"
    path.write_bytes(pack())
    return path


@pytest.mark.parametrize(
    ("name", "below"), [("m.tar.gz", "."), ("m.tgz", "tiny"), ("M.TAR.GZ", "a/b/c")]
)
def test_an_archive_is_a_module_wherever_its_folder_lies(cache, tiny_module, pack, name, below):
    path = cache.parent / name
    path.write_bytes(pack(below=below))

    module = open_module(resolve(str(path), "features"))

    np.testing.assert_array_equal(module(BLUE), open_module(tiny_module)(BLUE))


def test_the_same_content_is_unpacked_once_under_whatever_name(cache, archive, tmp_path):
    first = unpack(archive)
    written = (first / "saved_model.pb").stat().st_mtime_ns
    copy = tmp_path / "copy.tar.gz"
    copy.write_bytes(archive.read_bytes())

    assert unpack(copy) == first
    assert (first / "saved_model.pb").stat().st_mtime_ns == written


def test_other_content_under_the_same_name_is_unpacked_anew(cache, archive, pack):
    first = unpack(archive)
    archive.write_bytes(pack(below="other"))

    assert unpack(archive) != first


def test_a_damaged_copy_in_the_cache_is_unpacked_again(cache, archive):
    folder = unpack(archive)
    (folder / "variables" / "variables.index").unlink()

    assert (unpack(archive) / "variables" / "variables.index").is_file()


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.99])
def test_a_cut_off_archive_is_an_error_that_names_the_file(cache, archive, part):
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * part)])

    with pytest.raises(ModelError, match=r"tiny\.tar\.gz.*download it again"):
        unpack(archive)

    assert not list((cache / "archives").glob("[!.]*"))  # the lock stays


@pytest.mark.parametrize(
    ("without", "what"),
    [
        ("saved_model.pb", "0 SavedModel folders"),
        ("variables.index", "variables.index is missing"),
        (".data-", "variables.data is missing"),
    ],
)
def test_an_archive_of_half_a_model_is_an_error(cache, tmp_path, pack, without, what):
    path = tmp_path / "half.tar.gz"
    path.write_bytes(pack(without=without))

    with pytest.raises(ModelError, match=what):
        unpack(path)

    assert not list((cache / "archives").glob("[!.]*"))  # the lock stays


def test_an_archive_of_two_models_is_an_error_that_names_both(cache, tmp_path, tiny_module):
    path = tmp_path / "two.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tiny_module, "one")
        tar.add(tiny_module, "other")

    with pytest.raises(ModelError, match=r"2 SavedModel folders \(one, other\)"):
        unpack(path)


def _member(name, kind=tarfile.REGTYPE, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    member.size = 4 if kind == tarfile.REGTYPE else 0
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("../escaped"),
        _member("variables/../../escaped"),
        _member("/tmp/escaped"),
        _member("C:\\escaped"),
        _member("\\\\host\\share\\escaped"),
        _member("link", tarfile.SYMTYPE, "../../escaped"),
        _member("link", tarfile.SYMTYPE, "/etc/passwd"),
        _member("link", tarfile.LNKTYPE, "../../escaped"),
        _member("device", tarfile.CHRTYPE),
        _member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.type.decode()} {member.name} {member.linkname}",
)
def test_a_hostile_member_is_refused_and_nothing_is_kept(cache, archive, tiny_module, member):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tiny_module, ".")
        tar.addfile(member, io.BytesIO(b"evil"))

    with pytest.raises(ModelError, match="unsafe member"):
        unpack(archive)

    assert not list((cache / "archives").glob("[!.]*"))  # the lock stays
    assert not list(cache.parent.rglob("escaped"))


def test_a_file_of_the_right_name_and_other_content_is_an_error(cache, tmp_path):
    path = tmp_path / "page.tar.gz"
    path.write_text("<!doctype html>")

    with pytest.raises(ModelError, match=r"page\.tar\.gz: can't be unpacked"):
        unpack(path)


@pytest.mark.shared_data
def test_the_real_mobilenet_v2_unpacks_to_a_feature_extractor(cache, shared_models):
    path = shared_models / "mobilenet_v2_100_224-feature_vector.tar.gz"

    module = open_module(resolve(str(path), "features"))

    assert (module.kind, module.output_size, module.image_size) == ("features", 1280, 224)
