"""What the machine can do at most: matrix multiplies and memory bandwidth.

Speeds of networks are shown as a share of the matrix-multiply peak. NumPy's BLAS and TensorFlow
have kernels of their own, and either may be the faster one (an ``OPENBLAS_CORETYPE`` for an older
CPU slows NumPy's), so both are measured and the larger counts.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import psutil

from tlbench.machine.cpu import allowed_cpus, last_level_cache
from tlbench.machine.software import blas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Seconds that one probe repeats its work.
BUDGET_S = 0.8
#: Sides of the matrices that are tried: the largest of which one product takes at most
#: ``LONGEST_S`` seconds, for small ones don't reach the peak of many cores.
SIDES = (512, 1024, 2048, 4096)
LONGEST_S = 0.15
#: Repetitions at least, however slow.
FEWEST = 3
#: Bytes of one copied array at least, and times the last-level cache.
COPY_BYTES = 128 * 2**20
COPY_CACHES = 4
#: Share of the free memory that a probe may take.
COPY_MEMORY = 0.25
#: CPUs per thread that a probe has to get; starting and ending threads costs some.
BUSY_ENOUGH = 0.8
#: Seconds to wait for another process that imports TensorFlow.
PATIENCE_S = 120

Kind = Literal["matmul", "bandwidth"]
#: Of rates by kind.
UNITS: dict[Kind, str] = {"matmul": "GFLOP/s", "bandwidth": "GB/s"}


class ProbeError(RuntimeError):
    """A probe ran with another number of threads than expected, or failed."""


@dataclass(frozen=True)
class Probe:
    """A measured rate.

    Attributes:
        kind: ``matmul`` (float32, GFLOP/s, two operations for each multiply-add) or ``bandwidth``
            (a copy, GB/s of 1e9 bytes, read and written ones counted).
        by: Whose kernels, such as ``numpy (openblas Haswell)``.
        threads: Threads that were set, and checked.
        best, median, n: Of all repetitions, and how many these were.
        cpus_busy: CPU seconds per second of this process meanwhile: fewer than the threads where
            others had the CPUs.
        size: Side of the matrices, or bytes of one array.
    """

    kind: Kind
    by: str
    threads: int
    best: float
    median: float
    n: int
    cpus_busy: float
    size: int

    @property
    def unit(self) -> str:
        """Of ``best`` and ``median``."""
        return UNITS[self.kind]

    @property
    def disturbed(self) -> bool:
        """Whether others had so much of the CPUs that the rate is too low."""
        return self.cpus_busy < BUSY_ENOUGH * self.threads


def run_probes(threads: Iterable[int] | None = None) -> tuple[Probe, ...]:
    """All probes, at each number of threads; None is one, and all CPUs that may be used."""
    kinds = (matmul_numpy, matmul_tensorflow, bandwidth)
    counts = threads or dict.fromkeys((1, len(allowed_cpus())))
    probes = (kind(count) for count in counts for kind in kinds)
    return tuple(probe for probe in probes if probe is not None)


def peak(probes: Sequence[Probe], threads: int) -> Probe | None:
    """The fastest matrix multiply at this number of threads; None where there was none."""
    fitting = (each for each in probes if (each.kind, each.threads) == ("matmul", threads))
    return max(fitting, key=lambda probe: probe.best, default=None)


def probes_json(probes: Sequence[Probe]) -> list[dict[str, Any]]:
    """Probes for JSON, each with its unit and whether others disturbed it."""
    return [asdict(p) | {"unit": p.unit, "disturbed": p.disturbed} for p in probes]


def matmul_numpy(threads: int) -> Probe:
    """Peak float32 matrix multiply through NumPy; ProbeError where BLAS has other threads."""
    threadpoolctl = importlib.import_module("threadpoolctl")
    library = blas() or {}
    with threadpoolctl.threadpool_limits(threads, user_api="blas"):
        for lib in threadpoolctl.threadpool_info():
            if lib["user_api"] == "blas" and lib["num_threads"] != threads:
                raise ProbeError(
                    f"NumPy's BLAS runs {lib['num_threads']} threads, expected {threads}"
                )
        words = " ".join(library[key] for key in ("library", "kernels") if key in library)
        return matmul(_numpy_product, f"numpy ({words})" if words else "numpy", threads)


def matmul_tensorflow(threads: int) -> Probe | None:
    """Peak float32 matrix multiply through TensorFlow; None where that isn't installed.

    In another process, which costs an import: a running TensorFlow can't change its threads.
    ProbeError where that fails.
    """
    if find_spec("tensorflow") is None:
        return None
    arguments = ["tlbench.machine.probe_tensorflow", str(threads)]
    measured = in_process(
        arguments, "matrix multiply through TensorFlow", CUDA_VISIBLE_DEVICES="-1"
    )
    return Probe(**measured)


def in_process(
    arguments: Sequence[str], what: str, *, patience_s: float = PATIENCE_S, **environ: str
) -> Any:  # noqa: ANN401 - JSON
    """What a module prints as JSON, in its last line, in a process of its own.

    ``what`` it measures is said in the ProbeError that is raised where it fails, with its reason.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own modules
            [sys.executable, "-P", "-m", *arguments],  # not from the working folder
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environ,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"{what}: no result after {patience_s:.0f} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ProbeError(f"{what}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def matmul(product: Callable[[int], Callable[[], object]], by: str, threads: int) -> Probe:
    """Measure matrix multiplies by some kernels that use so many threads.

    ``product`` makes, from a side, what multiplies two square float32 matrices of it, and has done
    so when it returns.
    """
    side, work = SIDES[0], product(SIDES[0])
    work()  # starts threads, and touches memory
    seconds = min(timed(work) for _ in range(FEWEST))
    for larger in SIDES[1:]:
        if seconds * (larger / side) ** 3 <= LONGEST_S:
            work = product(larger)
            side, seconds = larger, seconds * (larger / side) ** 3
    return _probe("matmul", work, 2 * side**3, by=by, threads=threads, size=side)


def bandwidth(threads: int, size: int | None = None) -> Probe:
    """Memory bandwidth of copies between two arrays much larger than the caches, a part per thread.

    A store may first load what it overwrites; that isn't counted. ``size`` is bytes of one array;
    None takes four times the last-level cache, and at least 128 MiB.
    """
    wanted = size or max(COPY_BYTES, COPY_CACHES * (last_level_cache() or 0))
    most = int(psutil.virtual_memory().available * COPY_MEMORY / 2)
    count = min(wanted, most) // 8
    source, target = np.ones(count), np.zeros(count)
    edges = [count * part // threads for part in range(threads + 1)]
    parts = [slice(*pair) for pair in pairwise(edges)]
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            # NumPy frees the interpreter's lock while it copies.
            list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))

        copy()
        return _probe("bandwidth", copy, 16 * count, by="numpy", threads=threads, size=8 * count)


def _probe(
    kind: Kind, work: Callable[[], object], amount: int, *, by: str, threads: int, size: int
) -> Probe:
    """Repeat work of an amount (operations or bytes) for a second at most."""
    start, busy = perf_counter(), process_time()
    seconds = repeated_seconds(work)
    cpus_busy = (process_time() - busy) / (perf_counter() - start)
    return Probe(
        kind=kind,
        by=by,
        threads=threads,
        best=amount / min(seconds) / 1e9,
        median=amount / median(seconds) / 1e9,
        n=len(seconds),
        cpus_busy=cpus_busy,
        size=size,
    )


def repeated_seconds(work: Callable[[], object]) -> list[float]:
    """Seconds of each repetition of work, for ``BUDGET_S`` together, or ``FEWEST`` times."""
    seconds: list[float] = []
    start = perf_counter()
    while len(seconds) < FEWEST or perf_counter() - start + min(seconds) < BUDGET_S:
        seconds.append(timed(work))
    return seconds


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def _numpy_product(side: int) -> Callable[[], object]:
    left = np.random.default_rng(0).random((side, side), np.float32)
    out = np.empty_like(left)
    return lambda: np.matmul(left, left, out=out)
