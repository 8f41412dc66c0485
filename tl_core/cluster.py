"""Connect to a Ray cluster, or start one on this machine for as long as it is needed.

Ray is imported where it is used: it is the extra ``[ray]``.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tl_core.devices import usable_cpus
from tl_core.errors import ClusterError, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The address that stands for a cluster of this machine alone, which ends with its user.
LOCAL = "local"
#: The address that stands for the cluster that runs on this machine.
AUTO = "auto"
#: Seconds in which the head node must take a connection.
CONNECT_S = 10.0
#: Bytes of the shared object store of a local cluster: only counts and names pass through it.
STORE_BYTES = 100_000_000
#: No usage report; no warning of a default that will change, which doesn't matter here.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
#: Variables by which a user has chosen how clusters know their users.
_TOKENS = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}


@dataclass(frozen=True)
class Node:
    """A machine of a cluster: Ray's identifier, its host name, and its CPUs and GPUs for tasks."""

    id: str
    host: str
    cpus: int
    gpus: int


def check_ray() -> None:
    """ClusterError, which says what to install, where Ray is absent. Nothing is imported."""
    if find_spec("ray") is None:
        raise ClusterError("a cluster needs Ray, which isn't installed: pip install 'tlbench[ray]'")


def check_address(address: str) -> None:
    """ClusterError where Ray is absent, or nothing answers at the address. Nothing is imported."""
    check_ray()
    _check_answers(address)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module ``ray``, connected during the block.

    What this process is connected to already is used, and stays connected.

    Args:
        address: ``local`` starts a cluster of this machine's usable CPUs and ends it after the
            block; ``auto`` is the one that runs on this machine; else ``HOST:PORT`` of the head
            node.

    Raises:
        ClusterError: Ray isn't installed, nothing answers at the address, or the cluster refuses
            this process, such as one with another version of Python.
    """
    check_ray()
    _check_answers(address)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address == LOCAL and "ray" not in sys.modules and not _TOKENS & set(os.environ):
        # Other users of this machine can't use it; Ray would keep a token in the home folder. A
        # process that has used Ray before goes on as it began.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    import ray

    if ray.is_initialized():
        yield ray
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        _silence()
        ray.init(**_arguments(address))
    except Exception as error:  # Ray's errors have many types
        ray.shutdown()
        raise ClusterError(
            f"cluster {address}: can't be used ({line_of(error)}); expected {LOCAL}, {AUTO} or "
            "HOST:PORT of a running Ray cluster with this version of Python and Ray. To start "
            "one: ray start --head"
        ) from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets another one
        yield ray
    finally:
        ray.shutdown()


def nodes(ray: Any) -> list[Node]:  # noqa: ANN401 - a module
    """The living nodes that run tasks, by host name and identifier."""
    living = []
    for each in ray.nodes():
        has = each["Resources"]
        if each["Alive"] and has.get("CPU"):
            host = each["NodeManagerHostname"]
            living.append(Node(each["NodeID"], host, int(has["CPU"]), int(has.get("GPU", 0))))
    return sorted(living, key=lambda node: (node.host, node.id))


def _silence() -> None:
    """Keep Ray from printing on stdout, which is for results, that a worker died."""
    from ray._private import worker

    # Not Ray's public interface, which has nothing for this.
    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False  # noqa: SLF001


def _arguments(address: str) -> dict[str, Any]:
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    if address != LOCAL:
        return {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    # Nobody else can reach a cluster of this address.
    own = {"num_cpus": usable_cpus(), "_node_ip_address": "127.0.0.1"}
    return {"address": LOCAL, "object_store_memory": STORE_BYTES, **own, **quiet}


def _check_answers(address: str) -> None:
    """Refuse an address where nothing listens: Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if address in (LOCAL, AUTO):
        return
    if not colon or not port.isdecimal():
        raise ClusterError(
            f"cluster address {address!r}: expected {LOCAL}, {AUTO} or HOST:PORT, such as "
            "10.0.0.1:6379"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"cluster {address}: nothing answers there ({line_of(error)}); start its head node by "
            f"ray start --head, or check the address"
        ) from error
