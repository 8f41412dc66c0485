"""For a profile: a benchmark's calls for some seconds, sampled from outside or by cProfile.

For a sampler outside, the benchmark's functions are those that ``timed_calls`` of this file calls.
``tlbench.gate.profile_growth`` knows this function's name and the file's.
"""

from __future__ import annotations

import contextlib
import cProfile
import ctypes
import gc
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .instrumentation import paused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Linux: option of prctl that allows other processes than a parent to trace this one; its value.
SET_TRACER, ANY_TRACER = 0x59616D61, ctypes.c_ulong(-1)

#: Most time of calls and untimed work together, as a multiple of the wanted time of calls.
UNTIMED = 3


@contextlib.contextmanager
def as_timed(fixture: Any) -> Iterator[None]:  # noqa: ANN401 - pytest-benchmark's
    """Set garbage collection and pause other tools during the block, as in a timed round."""
    collecting = gc.isenabled()
    gc.collect()
    if fixture._disable_gc:  # noqa: SLF001
        gc.disable()
    try:
        with paused():
            yield
    finally:
        if collecting:
            gc.enable()


def allow_tracing(*_: Any) -> dict[str, Any]:  # noqa: ANN401
    """Allow tracing by the sampler, which isn't the parent of this process.

    Returns:
        This process's id.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SET_TRACER, ANY_TRACER, 0, 0, 0)
    return {"pid": os.getpid()}


def calls_for(
    fixture: Any,  # noqa: ANN401
    target: Callable[..., Any],
    arguments: Callable[[], tuple[Any, Any]],
    teardown: Callable[..., Any] | None,
    order: dict[str, Any],
) -> dict[str, Any]:
    """Call the target for ``seconds``, and at least once; under cProfile if the order says so.

    Untimed work between calls may take twice as long in addition.

    Returns:
        The target's name; by cProfile, file, line, name and own seconds of each function.
    """
    profiler = cProfile.Profile() if order["cprofile"] else None
    begin, spent = perf_counter(), 0.0
    with as_timed(fixture):
        while spent < order["seconds"] and perf_counter() - begin < UNTIMED * order["seconds"]:
            args, kwargs = arguments()
            start = perf_counter()
            if profiler:
                profiler.enable()
            timed_calls(target, args, kwargs, order["iterations"])
            if profiler:
                profiler.disable()
            spent += perf_counter() - start
            if teardown:
                teardown(*args, **kwargs)
    name = getattr(target, "__qualname__", type(target).__qualname__)
    return {"target": name, "functions": _functions(profiler) if profiler else []}


def timed_calls(
    target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], iterations: int
) -> None:
    """Call the target; nothing else is called here."""
    for _ in range(iterations):
        target(*args, **kwargs)


def _functions(profiler: cProfile.Profile) -> list[tuple[str, int, str, float]]:
    """File, line, name and own seconds; a function that isn't written in Python has no file."""
    functions = []
    for entry in profiler.getstats():
        code = entry.code
        if isinstance(code, str):
            if "_lsprof" not in code:
                functions.append(("", 0, code.strip("<>"), entry.inlinetime))
        elif code.co_filename != __file__:
            name = getattr(code, "co_qualname", code.co_name)
            functions.append((code.co_filename, code.co_firstlineno, name, entry.inlinetime))
    return functions
