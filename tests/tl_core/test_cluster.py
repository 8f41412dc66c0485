"""A cluster that isn't there is one line, which says what to do."""

import socket

import pytest

from tl_core import cluster
from tl_core.errors import ClusterError


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "cluster address 'nowhere': expected local, auto or HOST:P"),
        ("127.0.0.1:x", "cluster address '127.0.0.1:x': expected"),
        ("127.0.0.1:PORT", "nothing answers there .* start its head node by ray start"),
        ("127.0.0.1:99999", "nothing answers there"),
    ],
)
def test_an_address_where_nothing_answers(address, message):
    address = address.replace("PORT", str(closed_port()))
    with pytest.raises(ClusterError, match=message), cluster.connected(address):
        pass


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'tlbench\[ray\]'"):
        cluster.check_ray()
