"""For a profile: a benchmark's calls for some seconds, seen from outside or by cProfile.

A sampler outside takes as the benchmark's what stands below ``timed_calls`` of this file in a
stack; its name and the file's are known to ``tlbench.gate.profile_growth``.
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

#: Linux: option of prctl that lets another process than a parent trace this one, and any process.
SET_TRACER, ANY_TRACER = 0x59616D61, ctypes.c_ulong(-1)

#: Times as long as calls are wanted that all may take, with what is done untimed.
UNTIMED = 3


@contextlib.contextmanager
def as_timed(fixture: Any) -> Iterator[None]:  # noqa: ANN401 - pytest-benchmark's
    """In the block garbage is collected, and nothing else watches, as in a timed round."""
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
    """Let the sampler look, which is a sibling of this process and not its parent.

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
    """Call the target for so many seconds, and at least once, by cProfile if asked for.

    What is done untimed between calls may take twice as long beside.

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
    """File, line, name and own seconds; those that aren't written in Python have no file."""
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
