"""Where a network runs. A device that isn't there is an error, never a fallback."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: TensorFlow's threads should something need it, or None for its default.
_LATER: ContextVar[tuple[int | None] | None] = ContextVar("later", default=None)
#: Of the libraries that TensorFlow opens by name: the one that isn't on the search path of the file
#: that opens it, as packages install it (TensorFlow 2.21: libtensorflow_framework.so's RUNPATH
#: lacks nvidia/cusolver/lib). Without it TensorFlow uses no GPU at all.
CUSOLVER = "nvidia/cusolver/lib/libcusolver.so.*"


@dataclass(frozen=True)
class Devices:
    """A device specification (``cpu``, ``gpu`` or ``gpu:N``), resolved.

    ``names`` are TensorFlow's logical devices, one replica of the network each.
    """

    spec: str
    names: tuple[str, ...]


def select_devices(spec: str = "cpu") -> Devices:
    """Resolve a device specification.

    Args:
        spec: ``cpu``, which also hides GPUs from TensorFlow where it doesn't run yet, so that it
            takes none of their memory; ``gpu``, all GPUs with one replica of the network on each;
            or ``gpu:N``, only GPU number N.

    Raises:
        DeviceError: The specification isn't one of these, the machine has no such GPU, or GPUs
            were hidden before.
    """
    match = re.fullmatch(r"cpu|gpu(?::(\d+))?", spec)
    if match is None:
        raise DeviceError(f"device {spec!r}: expected cpu, gpu (all of them) or gpu:N")
    if spec != "cpu":
        return Devices(spec, _gpus(spec, None if match[1] is None else int(match[1])))
    import tensorflow as tf

    # Where TensorFlow runs already it has taken the GPUs; networks and trainers name their device.
    with suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    return Devices(spec, ("CPU:0",))


def _gpus(spec: str, number: int | None) -> tuple[str, ...]:
    load_libraries()
    import tensorflow as tf

    physical = tf.config.list_physical_devices("GPU")
    if not physical:
        raise DeviceError(
            f"device {spec!r}: TensorFlow sees no GPU on this machine. Install the [gpu] extra and "
            "the driver, look at `nvidia-smi`; if these are there, put the folders nvidia/*/lib of "
            "the environment's packages into LD_LIBRARY_PATH; or use the device cpu"
        )
    if number is not None and number >= len(physical):
        raise DeviceError(f"device {spec!r}: this machine has {len(physical)} GPU(s), from gpu:0")
    _show_gpus(spec, physical)
    _grow_memory(physical)
    chosen = range(len(physical)) if number is None else [number]
    return tuple(f"GPU:{i}" for i in chosen)


def gpu_names(spec: str) -> list[str]:
    """What the GPUs of this machine are called, which TensorFlow has to say; none for ``cpu``."""
    if spec == "cpu":
        return []
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [details(gpu).get("device_name", "") for gpu in tf.config.list_physical_devices("GPU")]


def load_libraries() -> list[Path]:
    """Load what TensorFlow would look for in vain; a library that is loaded already is found.

    Returns the files that were loaded; none where NVIDIA's packages aren't installed.
    """
    loaded = []
    for folder in dict.fromkeys(sys.path):
        for path in sorted(Path(folder).glob(CUSOLVER)):
            with suppress(OSError):  # TensorFlow says what it lacks
                ctypes.CDLL(str(path))
                loaded.append(path)
    return loaded


def _show_gpus(spec: str, physical: list[object]) -> None:
    """Undo what ``select_devices("cpu")`` did for a network that was opened before."""
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU") == physical:
        return
    try:
        tf.config.set_visible_devices(physical, "GPU")
    except RuntimeError as error:
        raise DeviceError(
            f"device {spec!r}: GPUs were hidden when TensorFlow started in this process, as the "
            "device cpu does; start a new process for the GPU"
        ) from error


def _grow_memory(physical: list[object]) -> None:
    """Let TensorFlow take GPU memory as needed, so that its peak means something."""
    import tensorflow as tf

    for gpu in physical:
        if tf.config.experimental.get_memory_growth(gpu):
            continue
        try:
            tf.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's order
        except RuntimeError as error:
            raise DeviceError(
                f"{gpu}: memory growth can't be set once TensorFlow runs ({error}); select the "
                "device before anything else uses TensorFlow"
            ) from error


def usable_cpus() -> int:
    """CPUs that this process may run on, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags() -> str:
    """Digest of the CPU's name and instruction sets: what differs in it computes differently."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    identity = {line for line in lines if line.startswith(("model name", "flags", "Features"))}
    text = "\n".join(sorted(identity)) or f"{platform.machine()} {platform.processor()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_threads(threads: int | None) -> None:
    """Refuse numbers below 1 with a DeviceError."""
    if threads is not None and threads < 1:
        raise DeviceError(f"{threads} threads: expected at least 1")


@contextmanager
def tensorflow_later(threads: int | None) -> Iterator[None]:
    """Defer loading TensorFlow until something has to be converted.

    ``ready_tensorflow`` then sets the threads, at least 1, else DeviceError; None: its default.
    """
    check_threads(threads)
    token = _LATER.set((threads,))
    try:
        yield
    finally:
        _LATER.reset(token)


def ready_tensorflow() -> None:
    """Set TensorFlow up as ``tensorflow_later`` said; called before it makes what is cached."""
    later = _LATER.get()
    if later is None:
        return
    select_devices("cpu")
    if later[0] is not None:
        # Where it runs already: what is cached doesn't depend on threads.
        with suppress(DeviceError):
            set_threads(later[0])


def set_threads(threads: int) -> None:
    """Set the threads that one TensorFlow operation may use, or check them where it runs already.

    Args:
        threads: At least 1. Operations run one after the other (inter-op 1), since the networks
            here are chains: a second pool would only take turns with the first. Both numbers win
            over ``TF_NUM_INTRAOP_THREADS`` and ``TF_NUM_INTEROP_THREADS`` in the environment.

    Raises:
        DeviceError: Below 1, or TensorFlow already runs with other numbers, be they set, from the
            environment, or as many as CPUs.
    """
    check_threads(threads)
    import tensorflow as tf

    threading = tf.config.threading
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        running = _running_threads()
        if running != (threads, 1):
            raise DeviceError(
                f"{threads} threads: TensorFlow already runs in this process with {running[0]} "
                f"threads per operation and {running[1]} for operations side by side, expected "
                f"{threads} and 1; set the threads before anything else uses TensorFlow, or start "
                "a new process"
            ) from error


def _running_threads() -> tuple[int, int]:
    """Intra-op and inter-op threads of the running TensorFlow, which reports 0 unless set."""
    import tensorflow as tf

    intra = tf.config.threading.get_intra_op_parallelism_threads()
    inter = tf.config.threading.get_inter_op_parallelism_threads()
    return (
        intra or _threads_from("TF_NUM_INTRAOP_THREADS") or usable_cpus(),
        inter or _threads_from("TF_NUM_INTEROP_THREADS") or usable_cpus(),
    )


def _threads_from(variable: str) -> int:
    """The variable's number as TensorFlow reads it: 0, as many as CPUs, where it is none."""
    value = os.environ.get(variable, "").strip()
    return max(int(value), 0) if re.fullmatch(r"[+-]?\d+", value) else 0
