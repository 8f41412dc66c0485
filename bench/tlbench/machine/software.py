"""Versions and settings that change how fast the same hardware computes."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlbench.machine.cpu import Cpu

#: Packages whose versions change speed or results; the last line's are optional engines.
PACKAGES = (
    *("tensorflow", "tensorflow-hub", "tf-keras", "keras", "numpy", "scipy", "pillow", "numba"),
    *("simplejpeg", "scikit-learn", "scikit-image"),
    *("ai-edge-litert", "onnxruntime", "onnxruntime-gpu", "openvino"),
)

#: Environment variables that change speed. Not CUDA_VISIBLE_DEVICES, which a run on the CPU sets by
#: itself; every row names its device.
SETTINGS = (
    *("OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "KMP_BLOCKTIME"),
    *("OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_NUM_THREADS"),
    *("BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "ONEDNN_MAX_CPU_ISA"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_XLA_FLAGS", "XLA_FLAGS"),
    "NVIDIA_TF32_OVERRIDE",
)

#: Instruction sets with which TensorFlow on Linux turns oneDNN on by itself
#: (``DefaultOneDnnPolicy`` in its core/util/port.cc); beside them, Arm's Neoverse V1.
ONEDNN_SETS = frozenset(
    ("avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16")
)


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str | None]:
    """Installed versions without importing anything; None for what isn't installed."""
    return {name: _version(name) for name in names}


def settings(environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """The variables of ``SETTINGS`` as set, with a person's folders cut out; None where unset."""
    return {name: _without_folders(environ.get(name)) for name in SETTINGS}


def onednn(cpu: Cpu, environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Whether TensorFlow uses oneDNN's kernels: on or off, and what decided that.

    TensorFlow reads its switch when first imported, and ignores other words than these four.
    """
    if _version("tensorflow") is None:
        return {"onednn": None, "onednn_source": None}
    word = environ.get("TF_ENABLE_ONEDNN_OPTS", "")
    switch = {"0": "off", "false": "off", "1": "on", "true": "on"}.get(word.lower())
    if switch:
        return {"onednn": switch, "onednn_source": f"TF_ENABLE_ONEDNN_OPTS={word}"}
    return {"onednn": "on" if _on_by_default(cpu) else "off", "onednn_source": "default"}


def blas() -> dict[str, str] | None:
    """The BLAS that NumPy has really loaded, and its kernels' name; None where unknown.

    Its number of threads isn't in here: it follows from the CPUs and the settings.
    """
    numpy: Any = importlib.import_module("numpy")  # loads its BLAS
    threadpoolctl = importlib.import_module("threadpoolctl")
    loaded = [lib for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"]
    # SciPy may bring one of its own: NumPy's lies in its wheel's folder, else there is only one.
    beside = Path(numpy.__file__).parent.with_name("numpy.libs")
    loaded.sort(key=lambda lib: Path(lib["filepath"]).parent != beside)
    if not loaded:
        config = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"library": str(config["name"])} if config.get("found") else None
    names = {"internal_api": "library", "version": "version", "architecture": "kernels"}
    names["threading_layer"] = "threading"
    return {ours: str(loaded[0][name]) for name, ours in names.items() if loaded[0].get(name)}


def cuda_build() -> dict[str, str | None]:
    """CUDA and cuDNN versions that TensorFlow was built for, read without importing it."""
    try:
        installed = metadata.distribution("tensorflow")
        path = installed.locate_file("tensorflow/python/platform/build_info.py")
        text = Path(str(path)).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError):
        text = ""
    versions = dict(re.findall(r"'(cuda_version|cudnn_version)', '([^']*)'", text))
    return {"cuda": versions.get("cuda_version"), "cudnn": versions.get("cudnn_version")}


def tensorflow_threads() -> dict[str, int]:
    """TensorFlow's own thread settings where it already runs; 0 is its word for all CPUs."""
    config: Any = getattr(sys.modules.get("tensorflow"), "config", None)
    threading = getattr(config, "threading", None)
    if threading is None:
        return {}
    return {
        "tensorflow_intra_threads": threading.get_intra_op_parallelism_threads(),
        "tensorflow_inter_threads": threading.get_inter_op_parallelism_threads(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _on_by_default(cpu: Cpu) -> bool:
    if platform.system() == "Linux":
        return bool(ONEDNN_SETS & set(cpu.instruction_sets or ())) or cpu.model == "Neoverse V1"
    return platform.system() == "Windows" and platform.machine() in {"AMD64", "x86_64"}


def _without_folders(text: str | None) -> str | None:
    return None if text is None else re.sub(r"(?<![\w])[~/\\][^\s,:=]*[/\\]", "", text)
