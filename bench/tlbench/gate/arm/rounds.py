"""A round: parts of several calls each, and their lower decile."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from .instrumentation import paused
from .processors import on_processor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def steady_memory() -> Iterator[None]:
    """Exclude present objects from garbage collection, so that all rounds begin alike."""
    freeze = getattr(gc, "freeze", None)  # CPython has it
    if freeze is None:
        yield
        return
    gc.collect()
    freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def timed_round(
    fixture: Any,  # noqa: ANN401 - pytest-benchmark's
    target: Callable[..., Any],
    arguments: Callable[[], tuple[Any, Any]],
    teardown: Callable[..., Any] | None,
    order: dict[str, Any],
) -> tuple[float, Any]:
    """Seconds per call, and what the last call returned.

    The lower decile of the parts counts, because disturbances only add time. ``arguments`` makes
    the arguments of a part, and ``teardown`` gets them after it, both untimed. The order may name a
    processor to run on.
    """
    seconds, result = [], None
    gc.collect()
    with paused(), on_processor(order.get("processor")):
        for _ in range(order["parts"]):
            args, kwargs = arguments()
            part, result = _timed(fixture, target, args, kwargs, order["iterations"])
            seconds.append(part)
            if teardown:
                teardown(*args, **kwargs)
    decile = quantiles(seconds, n=10, method="inclusive")[0] if len(seconds) > 1 else seconds[0]
    return decile / order["iterations"], result


def _timed(
    fixture: Any,  # noqa: ANN401
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    iterations: int,
) -> tuple[float, Any]:
    """Seconds of the calls, and what the last returned; the fixture may turn collection off."""
    timer, collecting = fixture._timer, gc.isenabled()  # noqa: SLF001
    if fixture._disable_gc:  # noqa: SLF001
        gc.disable()
    try:
        calls = range(iterations - 1)
        start = timer()
        for _ in calls:
            target(*args, **kwargs)
        result = target(*args, **kwargs)
        return timer() - start, result
    finally:
        if collecting:
            gc.enable()
