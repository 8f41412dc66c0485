"""SIGTERM ends a run as Ctrl-C does, and no child process outlives its parent."""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Exit code after SIGTERM, as shells have it: 128 and the signal's number.
TERMINATED = 128 + signal.SIGTERM
#: Variable by which a child process of ours gets its parent's process id.
PARENT = "TLBENCH_PARENT"
#: Seconds in which a child process must end after it was asked to.
GRACE_S = 5.0
#: Seconds after which an interruption that a destructor swallowed comes again.
AGAIN_S = 0.02
#: Seconds between looks at a child that has a limit.
LOOK_S = 1.0
#: Of Linux: the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


class Terminated(KeyboardInterrupt):
    """SIGTERM; what cleans up after Ctrl-C also does so after this."""

    def __init__(self) -> None:
        # Native code may keep nothing but the text.
        super().__init__("KeyboardInterrupt by SIGTERM")


@contextmanager
def terminable() -> Iterator[None]:
    """Raise ``Terminated`` on SIGTERM during the block, and lose no Ctrl-C either.

    Only the first signal counts: some programs send it twice, and the second one would disturb
    the work of ending. A handler that somebody else set stays.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    before = sys.unraisablehook
    sys.unraisablehook = lambda lost: _raise_again(lost) or before(lost)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.unraisablehook = before


def _raise_again(lost: sys.UnraisableHookArgs) -> bool:
    """Whether an interruption was raised in a destructor, where Python drops it: it comes again.

    A thread sends it a moment later, since the destructor, and this function, must have ended.
    """
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        return False
    number = signal.SIGINT
    if isinstance(lost.exc_value, Terminated):
        number = signal.SIGTERM
        signal.signal(number, _terminate)
    threading.Timer(AGAIN_S, _send, [number]).start()
    return True


def _send(number: signal.Signals) -> None:
    """Send a signal to the main thread, which ends what it waits for."""
    if sys.platform == "win32":
        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _terminate(number: int, frame: object) -> None:
    del number, frame
    signal.signal(signal.SIGTERM, _ignore)  # unlike SIG_IGN, children don't inherit it
    raise Terminated


def _ignore(number: int, frame: object) -> None:
    del number, frame


def was_terminated() -> bool:
    """Whether SIGTERM has come in the present block of ``terminable``.

    Some libraries, such as Ray, make a plain KeyboardInterrupt of what is raised then.
    """
    return signal.getsignal(signal.SIGTERM) is _ignore


def is_interruption(error: BaseException) -> bool:
    """Whether an error may be what native code made of an interruption.

    If a signal comes while native code calls Python, it gets the interruption, and may raise an
    error of its own: any one after SIGTERM, and after Ctrl-C one that names KeyboardInterrupt.
    """
    return was_terminated() or KeyboardInterrupt.__name__ in str(error)


def end_with_parent() -> None:
    """Let this process get SIGTERM when the process that started it by ``run_child`` ends.

    It is for Linux; elsewhere, and in a process that wasn't started so, nothing happens.
    """
    parent = os.environ.pop(PARENT, None)
    if parent is None or sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:  # it ended before
        os.kill(os.getpid(), signal.SIGTERM)


def run_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str] = os.environ,
    limit_s: float | None = None,
    **options: Any,  # noqa: ANN401 - of Popen
) -> tuple[int, str]:
    """Run a Python program of ours to its end; returns its exit code and what it printed.

    If this process is interrupted, the child is asked to end, and ended if it doesn't.

    Raises:
        TimeoutExpired: It took longer than the limit in seconds, and was ended.
    """
    with subprocess.Popen(  # noqa: S603 - our own command
        command,
        env={**env, PARENT: str(os.getpid())},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **options,
    ) as process:
        try:
            output = _output(process, limit_s)
        except BaseException as error:
            _end(process, asked=type(error) is KeyboardInterrupt)
            raise
    return process.returncode, output


def _output(process: subprocess.Popen[str], limit_s: float | None) -> str:
    """What a child prints until its end, within a limit if there is one."""
    if limit_s is None:
        return process.communicate()[0]
    end = monotonic() + limit_s
    while True:
        try:
            # In steps: a Ray task is interrupted without a signal, so that a long wait would go on.
            return process.communicate(timeout=max(0.0, min(LOOK_S, end - monotonic())))[0]
        except subprocess.TimeoutExpired:
            if monotonic() >= end:
                raise


def _end(process: subprocess.Popen[str], *, asked: bool) -> None:
    """End a child; one that was ``asked`` already, as by a terminal's Ctrl-C, first gets time."""
    for end in (*[None] * asked, process.terminate, process.kill):
        if end is not None:
            end()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return
