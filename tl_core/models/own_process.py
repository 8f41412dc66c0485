"""Call a function in another process, within limits.

A stranger's file can run for ever, take all memory or crash. In another process, that is an error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

import psutil

from tl_core.errors import ModelError, TransferLearningError, line_of
from tl_core.limits import Limits, limits, set_limits
from tl_core.storage import says_full

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two looks at the process.
_LOOK_S = 0.02
#: Imports from where this process does: with ``-P``, whatever the working folder has.
_CODE = (
    "import json, sys; task = json.loads(sys.argv[1]); sys.path[:] = task.pop('path'); "
    "from tl_core.models.own_process import serve; serve(**task)"
)
#: Of Linux: the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


class ProcessError(Exception):
    """What went wrong in the process, or how it ended."""


def in_own_process(function: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
    """Call a function of this library in another process, which has no GPU and no terminal.

    On Linux, the process ends with this one, even if this one is killed.

    Args:
        function: Its module and name, such as ``tl_core.models.keras_files:export``.
        arguments: JSON values.

    Returns:
        What it returned, a JSON value.

    Raises:
        ModelError, OSError: The function raised it.
        ProcessError: The function raised another error, takes more than ``limits().model_seconds``
            or ``model_bytes``, or ends its process.
    """
    call = {"function": function, "arguments": arguments, "most": asdict(limits())}
    task = json.dumps({"path": sys.path, "parent": os.getpid(), **call})
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603 - this interpreter, and code of this module
            [sys.executable, "-P", "-c", _CODE, task],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | quiet,
        ) as process,
    ):
        try:
            output = _output(process)
        finally:
            process.kill()
        try:
            answer = json.loads(output)
        except ValueError:  # it ended before
            raise ProcessError(_ending(process.wait(), log)) from None
    return _value(answer)


def _value(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """What a function returned; or what it raised is raised again."""
    if "model_error" in answer:
        raise ModelError(answer["model_error"])
    if "os_error" in answer:
        raise OSError(*answer["os_error"])
    if "error" in answer:
        raise ProcessError(answer["error"])
    return answer["value"]


def export_with_keras(
    function: str, name: str, folder: Path, how: Mapping[str, object], prefix: str = ""
) -> None:
    """Write a model of Keras into an empty folder by a function of this library.

    Keras builds whatever a file describes, and its decoder of HDF5 never ends for some files.

    Args:
        function: As for ``in_own_process``; it takes ``name``, ``folder`` and what ``how`` has.
        name: The model's path.
        folder: Where to write.
        how: Further arguments, JSON values.
        prefix: Of the model's name in messages.

    Raises:
        ModelError: Of the function, or Keras is beyond the limits, or ends its process.
        OSError, ProcessError: The folder can't be written.
    """
    try:
        in_own_process(function, name=name, folder=str(folder), **how)
    except ProcessError as error:
        if says_full(error):
            raise
        raise ModelError(
            f"{prefix}{name}: Keras can't convert it in another process ({line_of(error)}); "
            "expected a model that needs less than the limits. Raise the limit if you know who "
            "made the model, or copy or save it again"
        ) from error


def serve(function: str, parent: int, most: dict[str, Any], arguments: dict[str, Any]) -> None:
    """What runs in the process: print what the function returned or raised, as JSON."""
    _end_with(parent)
    # Where memory is short, this process is ended, not another one.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stdout:
        os.dup2(2, 1)  # what others print goes to the log
        set_limits(Limits(**most))
        json.dump(_answer(function, arguments), stdout)


def _answer(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What ``_value`` takes."""
    module, name = function.split(":")
    try:
        return {"value": getattr(import_module(module), name)(**arguments)}
    except TransferLearningError as error:
        return {"model_error": str(error)}
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        if isinstance(error, OSError) and error.errno is not None:
            return {"os_error": [error.errno, error.strerror, error.filename]}
        return {"error": str(error) or type(error).__name__}


def _end_with(parent: int) -> None:
    """Let this process be killed when its parent ends, whatever it does then."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def _output(process: subprocess.Popen[bytes]) -> bytes:
    """What the process prints until its end; ProcessError if it is beyond a limit."""
    most = limits()
    free = psutil.virtual_memory().available
    room, bound = min((most.model_bytes, "limit model_bytes"), (free, "what is free"))
    deadline = monotonic() + most.model_seconds
    watched = psutil.Process(process.pid)
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_LOOK_S)[0]
        if monotonic() > deadline:
            raise ProcessError(f"no answer within {most.model_seconds} s (limit model_seconds)")
        with suppress(psutil.Error):  # it has just ended
            if watched.memory_info().rss > room:
                raise ProcessError(f"it takes more than {room / 1e9:.1f} GB of memory ({bound})")


def _ending(code: int, log: IO[bytes]) -> str:
    """How a process ended that gave no answer."""
    if code < 0:
        return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"its process ended with code {code} ({last[:200]})"
