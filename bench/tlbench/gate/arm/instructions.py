"""Count instructions of a benchmark's calls, in a process that runs under valgrind's callgrind.

A program sends requests to valgrind by instructions that have no effect elsewhere (valgrind.h,
"client requests"). They are written into a page of memory, because an arm may have no compiler.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import platform
import time
from typing import TYPE_CHECKING, Any

from .profiled import as_timed, timed_calls

if TYPE_CHECKING:
    from collections.abc import Callable

#: By processor, a C function: pointer to request and its arguments -> valgrind's answer, or 0.
CODE = {
    # mov rax, rdi; xor edx, edx; rol rdi by 3, 13, 61, 51; xchg rbx, rbx; mov rax, rdx; ret
    "x86_64": "4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3",
    # mov x4, x0; mov x3, 0; ror x12, x12 by 3, 13, 51, 61; orr x10, x10, x10; mov x0, x3; ret
    "aarch64": "e40300aa 030080d2 8c0dcc93 8c35cc93 8ccdcc93 8cf5cc93 4a010aaa e00303aa c0035fd6",
}
#: Requests: of valgrind, and of callgrind.
RUNNING_ON_VALGRIND = 0x1001
CALLGRIND = ord("C") << 24 | ord("T") << 16
ZERO, DUMP_AT, START, STOP = (CALLGRIND + number for number in (1, 3, 4, 5))
#: Names of counts in callgrind's files, also known to ``tlbench.gate.instructions``.
CALLS, NONE = (ctypes.create_string_buffer(name) for name in (b"calls", b"none"))
#: Seconds of other threads that don't count: the clocks of processes are coarse.
TICK_S = 0.02


def count_calls(
    fixture: Any,  # noqa: ANN401 - pytest-benchmark's
    target: Callable[..., Any],
    arguments: Callable[[], tuple[Any, Any]],
    teardown: Callable[..., Any] | None,
    order: dict[str, Any],
) -> dict[str, Any]:
    """Count ``parts`` of ``iterations`` calls, after as many to warm up, into files of callgrind.

    Nothing is counted if other threads and processes do more than a share ``others`` of the work.

    Returns:
        This process's id, and the share of other threads and processes.
    """
    request = ClientRequests(CODE[platform.machine()])
    if not request(RUNNING_ON_VALGRIND):
        raise RuntimeError("this interpreter isn't the program that valgrind started")

    def run(count: Callable[..., None]) -> None:
        for _ in range(order["parts"]):
            args, kwargs = arguments()
            count(target, args, kwargs, order["iterations"])
            if teardown:
                teardown(*args, **kwargs)

    def counted(*what: Any) -> None:  # noqa: ANN401
        request(START)
        request(ZERO)  # after a start, callgrind's counts are only partly zero
        timed_calls(*what)
        request(DUMP_AT, ctypes.addressof(CALLS if what[-1] else NONE))
        request(STOP)

    with as_timed(fixture):
        before = _clocks()
        run(timed_calls)
        others = _others(before, _clocks())
        if others <= order["others"]:
            gc.collect()
            run(counted)
            counted(target, (), {}, 0)  # instructions of each part that aren't those of the calls
    return {"pid": os.getpid(), "others": others}


class ClientRequests:
    """Send requests to valgrind.

    Raises:
        OSError: The system allows no page that is writable and executable.
    """

    def __init__(self, code: str) -> None:
        everything = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=everything)
        self._page.write(bytes.fromhex(code))
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._function = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p)(address)

    def __call__(self, number: int, argument: int = 0) -> int:
        """Valgrind's answer, or 0 outside valgrind."""
        values = (ctypes.c_size_t * 6)(number, argument)
        return int(self._function(ctypes.addressof(values)))


def _clocks() -> tuple[float, float, float]:
    """Seconds of this thread, of the whole process, and of processes that it waited for."""
    times = os.times()
    return time.thread_time(), time.process_time(), times.children_user + times.children_system


def _others(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """The share of the work between two readings that other threads and processes did."""
    spent = (end - start for start, end in zip(before, after))  # noqa: B905 - Python 3.9
    thread, process, children = spent
    others = process - thread + children
    return others / (thread + others) if others > TICK_S else 0.0
