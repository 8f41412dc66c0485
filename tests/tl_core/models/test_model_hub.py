"""Models by URL, from a server on this machine that answers as Hub and Kaggle do."""

import hashlib
import shutil
import socket
import sys

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models import open_module, resolve
from tl_core.models.hub import cache_entry, cached_urls, fetch
from tl_core.models.savedmodel import fault

PATH = "/google/tiny/1"
RED = np.float32([[[[1, 0, 0]]]])


def test_a_url_becomes_a_module_that_computes_what_the_server_s_does(
    cache, server, tiny_module, pack
):
    url = server.serve(PATH, server.answer(pack()))

    module = open_module(resolve(url, "features"), url)

    expected = open_module(tiny_module)(RED)
    np.testing.assert_array_equal(module(RED), expected)
    assert module.path.is_relative_to(cache / "hub")


def test_the_compressed_form_is_asked_for_and_keeps_the_rest_of_the_query(cache, server, pack):
    fetch(server.serve(PATH, server.answer(pack())) + "?token=7")

    assert server.requests == [(PATH, {"token": ["7"], "tf-hub-format": ["compressed"]})]


def test_what_a_killed_download_left_is_gone_after_the_next_one(cache, server, pack):
    url = server.serve(PATH, server.answer(pack()))
    entry = cache_entry(url)
    entry.parent.mkdir(parents=True)
    entry.with_name(f".{entry.name}.tar.gz").write_bytes(b"half")

    fetch(url)

    assert {path.suffix for path in entry.parent.iterdir()} == {"", ".txt"}


def test_the_second_call_is_answered_from_the_cache(cache, server, pack):
    url = server.serve(PATH, server.answer(pack()))

    assert fetch(url) == fetch(url)
    assert len(server.requests) == 1


def test_a_module_needs_no_tensorflow_hub_and_is_listed(cache, server, pack, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)  # as if it couldn't be imported
    url = server.serve(PATH, server.answer(pack()))

    assert fetch(url) == fetch(url)
    assert cached_urls() == [url]


def test_tensorflow_hub_s_own_cache_is_used(cache, server, pack, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache))
    url = server.serve(PATH, server.answer(pack()))
    theirs = pytest.importorskip("tensorflow_hub").resolve(url)

    assert str(fetch(url)) == theirs
    assert len(server.requests) == 1


def test_a_redirect_is_followed(cache, server, pack):
    server.serve("/bucket/tiny.tar.gz", server.answer(pack()))
    url = server.serve(PATH, server.answer(status=302, headers={"Location": "/bucket/tiny.tar.gz"}))

    assert fault(fetch(url)) is None


def test_a_module_below_the_archive_s_root_is_found(cache, server, pack):
    url = server.serve(PATH, server.answer(pack(below="some/folder")))

    assert (fetch(url) / "saved_model.pb").is_file()


def test_the_client_s_own_cache_folder_is_respected(cache, server, pack, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "theirs"))

    folder = fetch(server.serve(PATH, server.answer(pack())))

    assert folder.parent == tmp_path / "theirs"
    assert not (cache / "hub").exists()


def _delete_graph(entry):
    (entry / "saved_model.pb").unlink()


def _delete_variables(entry):
    shutil.rmtree(entry / "variables")


def _delete_data(entry):
    next((entry / "variables").glob("*.data-*")).unlink()


def _delete_index(entry):
    (entry / "variables" / "variables.index").unlink()


def _truncate_data(entry):
    data = next((entry / "variables").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:-1])


def _truncate_graph(entry):
    graph = entry / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-100])


def _delete_all_files(entry):
    for path in entry.rglob("*"):
        if path.is_file():
            path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _delete_graph,
        _delete_variables,
        _delete_data,
        _delete_index,
        _truncate_data,
        _truncate_graph,
        _delete_all_files,
    ],
)
def test_a_broken_cache_entry_is_fetched_again_once(cache, server, tiny_module, pack, damage):
    url = server.serve(PATH, server.answer(pack()))
    damage(fetch(url))

    folder = fetch(url)

    np.testing.assert_array_equal(open_module(folder)(RED), open_module(tiny_module)(RED))
    assert len(server.requests) == 2


def test_a_module_without_variables_is_an_error_and_leaves_no_entry(cache, server, pack):
    url = server.serve(PATH, server.answer(pack(without="variables")))

    with pytest.raises(ModelError, match=r"broken SavedModel.*variables\.index is missing"):
        fetch(url)

    assert not list((cache / "hub").glob("[!.]*"))  # the lock stays


@pytest.mark.parametrize("omitted", [0.9, 0.5, 0.1], ids=lambda part: f"{part:.0%}")
def test_a_cut_off_download_is_an_error_and_leaves_no_entry(cache, server, pack, omitted):
    body = pack()
    url = server.serve(PATH, server.answer(body, omit=int(len(body) * omitted)))

    with pytest.raises(ModelError, match=f"{PATH}.*connection was cut; try again"):
        fetch(url)

    assert not list((cache / "hub").glob("[!.]*"))


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_url_and_status_and_says_what_to_do(cache, server, status):
    url = server.serve(PATH, server.answer(status=status))

    with pytest.raises(ModelError, match=f"{PATH}.*: HTTP {status} .*pass that file as the model"):
        fetch(url)

    assert not list((cache / "hub").glob("[!.]*"))


def test_a_page_instead_of_an_archive_is_an_error(cache, server):
    url = server.serve(PATH, server.answer(b"<!doctype html><title>Sign in</title>"))

    with pytest.raises(ModelError, match=r"expected a whole \.tar\.gz"):
        fetch(url)


def test_an_unreachable_server_is_an_error_that_says_how_to_go_on(cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/model"

    with pytest.raises(ModelError, match=r"could not be reached.*pass that file as the model"):
        fetch(url)


def test_a_silent_server_is_given_up(cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("tl_core.models.hub.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/model"
        with pytest.raises(ModelError, match="timed out"):
            fetch(url)


def test_a_cache_folder_that_can_t_be_made_is_an_error(cache, server, pack, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "file" / "hub"))

    with pytest.raises(ModelError, match="TFHUB_CACHE_DIR"):
        fetch(server.serve(PATH, server.answer(pack())))


def test_a_pinned_url_is_downloaded_once_and_is_the_archive_of_that_sha256(cache, server, pack):
    body = pack()
    pin = hashlib.sha256(body).hexdigest()
    url = server.serve(PATH, server.answer(body))
    (cache.parent / "same.tar.gz").write_bytes(body)

    folder = resolve(f"{url}#sha256={pin.upper()}", "features")

    assert folder == resolve(f"{url}#sha256={pin}", "features")
    assert folder == resolve(str(cache.parent / "same.tar.gz"), "features")
    assert len(server.requests) == 1


def test_a_url_of_another_sha256_is_an_error_with_both_and_leaves_nothing(cache, server, pack):
    body = pack()
    url = server.serve(PATH, server.answer(body))
    resolve(url, "features")  # what was cached without a pin proves nothing

    with pytest.raises(ModelError) as caught:
        resolve(f"{url}#sha256={'0' * 64}", "features")

    message = f"{url}: sha256 {hashlib.sha256(body).hexdigest()}, expected {'0' * 64}"
    assert message in str(caught.value)
    assert not list((cache / "archives").glob("[!.]*"))  # the lock stays


def test_a_model_comes_by_https_alone_except_from_this_machine(cache):
    with pytest.raises(ModelError, match="expected an address that starts with https://"):
        resolve("http://models.example.com/model/1", "features")


def test_a_model_above_the_limit_on_downloads_is_an_error(cache, server, pack, limited):
    limited(download_bytes=1000)

    with pytest.raises(ModelError, match=r"expected at most 1,000 \(limit download_bytes\)"):
        fetch(server.serve(PATH, server.answer(pack())))

    assert not list((cache / "hub").glob("[!.]*"))


@pytest.mark.shared_data
def test_the_real_mobilenet_v2_comes_by_its_url(cache, server, shared_models):
    archive = shared_models / "mobilenet_v2_100_224-classification.tar.gz"
    url = server.serve("/google/imagenet/mobilenet_v2/5", server.answer(archive.read_bytes()))

    module = open_module(resolve(url, "logits"), url)

    assert (module.kind, module.output_size, module.image_size) == ("logits", 1001, 224)
