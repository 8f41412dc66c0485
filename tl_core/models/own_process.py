"""Call a function in a process of its own, within limits.

What strangers made can run for ever, take all memory, or end its process. There that costs a
message.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from signal import Signals
from time import monotonic, sleep
from typing import Any

import psutil

from tl_core.errors import ModelError
from tl_core.limits import Limits, limits, set_limits
from tl_core.storage import temporary_dir

#: Seconds between two looks at the process.
_LOOK_S = 0.02
#: Imports from where this process does, whatever the working folder has.
_CODE = (
    "import json, sys; task = json.loads(sys.argv[1]); sys.path[:] = task.pop('path'); "
    "from tl_core.models.own_process import serve; serve(**task)"
)


class ProcessError(Exception):
    """What went wrong with the process, in a few words."""


def in_own_process(function: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
    """Call a function of this library in another process, which has no GPU and no terminal.

    Args:
        function: Its module and name, such as ``tl_core.models.keras_files:export``.
        arguments: JSON values.

    Returns:
        What it returned, a JSON value.

    Raises:
        ModelError: The function raised it.
        ProcessError: It takes more than ``limits().model_seconds`` or ``model_bytes``, or ends its
            process.
    """
    with temporary_dir() as temporary:
        answer, log = temporary / "answer", temporary / "log"
        call = {"function": function, "answer": str(answer), "arguments": arguments}
        task = {"path": sys.path, "most": asdict(limits()), **call}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        with log.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, and code of this module
                [sys.executable, "-c", _CODE, json.dumps(task)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=os.environ | quiet,
            )
            try:
                _watch(process)
            finally:
                process.kill()
                process.wait()
        if not answer.is_file():
            raise ProcessError(_ending(process.returncode, log))
        content = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in content:
            raise ModelError(content["error"])
        return content["value"]


def export_with_keras(function: str, name: str, folder: Path, **arguments: object) -> None:
    """Write a model of Keras into an empty folder by a function of this library.

    Keras builds whatever a file describes, and its decoder of HDF5 never ends for some files.

    Args:
        function: As for ``in_own_process``; it takes ``name``, ``folder`` and ``arguments``.
        name: The model's, for the function and for messages.
        folder: For the function.
        arguments: JSON values.

    Raises:
        ModelError: Of the function, or Keras is beyond the limits, or ends its process.
    """
    try:
        in_own_process(function, name=name, folder=str(folder), **arguments)
    except ProcessError as error:
        raise ModelError(
            f"{name}: Keras, in a process of its own, failed: {error}. Expected a model that loads "
            "within the limits. Copy or save it again, or export it as a SavedModel where it was "
            "made: model.export(folder)"
        ) from error


def serve(function: str, answer: str, most: dict[str, Any], arguments: dict[str, Any]) -> None:
    """What runs in the process: write what the function returned, or its ModelError, to a file."""
    # Where memory is short, this process is ended, not another one.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    set_limits(Limits(**most))
    module, name = function.split(":")
    try:
        content = {"value": getattr(import_module(module), name)(**arguments)}
    except ModelError as error:
        content = {"error": str(error)}
    Path(answer).write_text(json.dumps(content), encoding="utf-8")


def _watch(process: subprocess.Popen[bytes]) -> None:
    """Wait for the process to end; ProcessError if it is beyond a limit."""
    most = limits()
    room = min(most.model_bytes, psutil.virtual_memory().available)
    deadline = monotonic() + most.model_seconds
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        if monotonic() > deadline:
            raise ProcessError(f"no answer within {most.model_seconds} s (limit model_seconds)")
        with suppress(psutil.Error):  # it has just ended
            if watched.memory_info().rss > room:
                raise ProcessError(
                    f"it takes more than {room / 1e9:.1f} GB of memory (limit model_bytes)"
                )
        sleep(_LOOK_S)


def _ending(code: int, log: Path) -> str:
    """How a process ended that left no answer."""
    if code < 0:
        return f"its process was ended by signal {-code} ({Signals(-code).name})"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"its process ended with code {code} ({last[:200]})"
