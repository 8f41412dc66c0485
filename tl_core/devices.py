"""Select devices and threads. A missing device is an error, never a fallback."""

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

#: Threads of TensorFlow if it is loaded later; None for its default.
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
        spec: ``cpu``; ``gpu``, all GPUs with one replica of the network on each; or ``gpu:N``, only
            GPU number N. If TensorFlow hasn't started, ``cpu`` also hides the GPUs from it, so that
            it takes none of their memory.

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
            "the driver, and check `nvidia-smi`. If that lists the GPU, add the folders "
            "nvidia/*/lib of the environment's packages to LD_LIBRARY_PATH. Or use the device cpu"
        )
    if number is not None and number >= len(physical):
        raise DeviceError(f"device {spec!r}: this machine has gpu:0 to gpu:{len(physical) - 1}")
    _show_gpus(spec, physical)
    _grow_memory(physical)
    chosen = range(len(physical)) if number is None else [number]
    return tuple(f"GPU:{i}" for i in chosen)


def gpu_names(spec: str) -> list[str]:
    """TensorFlow's names of this machine's GPUs; none for ``cpu``."""
    if spec == "cpu":
        return []
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [details(gpu).get("device_name", "") for gpu in tf.config.list_physical_devices("GPU")]


def load_libraries() -> list[Path]:
    """Load the libraries that TensorFlow wouldn't find; it finds a library that is already loaded.

    Returns the files that were loaded; none if NVIDIA's packages aren't installed.
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
            f"device {spec!r}: TensorFlow started without GPUs in this process, since the device "
            "cpu was selected first; start a new process for the GPU"
        ) from error


def _grow_memory(physical: list[object]) -> None:
    """Let TensorFlow take GPU memory as needed, so that its peak is that of the work."""
    import tensorflow as tf

    for gpu in physical:
        if tf.config.experimental.get_memory_growth(gpu):
            continue
        try:
            tf.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's order
        except RuntimeError as error:
            raise DeviceError(
                f"{gpu}: memory growth can't be set after TensorFlow has started ({error}); select "
                "the device before anything else uses TensorFlow"
            ) from error


def usable_cpus() -> int:
    """Number of CPUs that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags() -> str:
    """Digest of the CPU's name and instruction sets, on which results can depend."""
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

    ``ready_tensorflow`` then sets the threads; None is TensorFlow's default. Numbers below 1 are a
    DeviceError.
    """
    check_threads(threads)
    token = _LATER.set((threads,))
    try:
        yield
    finally:
        _LATER.reset(token)


def ready_tensorflow() -> None:
    """Apply the settings of ``tensorflow_later``; called before TensorFlow converts anything."""
    later = _LATER.get()
    if later is None:
        return
    select_devices("cpu")
    if later[0] is not None:
        # If it runs already: cached results don't depend on threads.
        with suppress(DeviceError):
            set_threads(later[0])


def set_threads(threads: int) -> None:
    """Set the threads of one TensorFlow operation, or check them if TensorFlow runs already.

    Args:
        threads: At least 1. Operations run one after the other (inter-op 1), since these networks
            are chains: a second pool would not help. Both numbers take precedence over
            ``TF_NUM_INTRAOP_THREADS`` and ``TF_NUM_INTEROP_THREADS`` in the environment.

    Raises:
        DeviceError: Below 1, or TensorFlow already runs with other numbers.
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
                f"threads per operation and {running[1]} parallel operations, expected "
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
    """The variable's number as TensorFlow reads it; 0, one per CPU, if it isn't a number."""
    value = os.environ.get(variable, "").strip()
    return max(int(value), 0) if re.fullmatch(r"[+-]?\d+", value) else 0
