"""Run a model once in a process of its own, within limits, before this process loads it.

A graph can run for ever, take all memory, or end its process. There that costs a message.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from signal import Signals
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import psutil

from tl_core.errors import ModelError
from tl_core.limits import limits
from tl_core.storage import cache_dir, temporary_dir, tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.settings import Kind

#: Raised when the trial changes, so that models are tried again.
TRIAL_VERSION = 1
#: Seconds between two looks at the process.
_LOOK_S = 0.02
#: Imports from where this process does, whatever the working folder has.
_CODE = (
    "import json, sys; task = json.loads(sys.argv[1]); sys.path[:] = task.pop('path'); "
    "from tl_core.models.trial_process import run; run(**task)"
)


class Reading(NamedTuple):
    """How a model is read: arguments of ``open_module``."""

    kind: Kind = "features"
    input_range: str | None = None
    output: str | None = None
    image_size: int | None = None


def check_answers(folder: Path, name: str, reading: Reading) -> None:
    """Load a SavedModel folder and run it once in another process, unless that went well before.

    Models that this library converted are not tried.

    Raises:
        ModelError: It takes more than ``limits().model_seconds`` or ``model_bytes``, ends its
            process, or fails in a way for which there is no message.
    """
    if folder.resolve().is_relative_to((cache_dir() / "models").resolve()):
        return
    mark = _mark(folder, reading)
    if mark.exists():
        return
    how = reading._asdict()
    problem = _problem({"folder": str(folder.absolute()), "name": name, "reading": how})
    if problem:
        raise ModelError(
            f"{name}: its first images, in a process of their own, failed: {problem}. Expected an "
            "image model that answers a few images. Don't use this model; or set trust if you know "
            "who made it"
        )
    _touch(mark)


def mark_as_tried(folder: Path) -> None:
    """Note that a folder holds a model of features that runs; it isn't tried then."""
    _touch(_mark(folder, Reading()))


def _mark(folder: Path, reading: Reading) -> Path:
    text = json.dumps([TRIAL_VERSION, tree_digest(folder), reading.kind, reading.output])
    return cache_dir() / "tried" / hashlib.sha256(text.encode()).hexdigest()


def _touch(mark: Path) -> None:
    with suppress(OSError):  # it only saves time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _problem(task: dict[str, object]) -> str | None:
    """What went wrong, in a few words; None if the model answered."""
    with temporary_dir() as temporary:
        answer, log = temporary / "answer", temporary / "log"
        text = json.dumps({"path": sys.path, "answer": str(answer), **task})
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        with log.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, and code of this module
                [sys.executable, "-c", _CODE, text],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=os.environ | quiet,
            )
            try:
                beyond = _watched(process)
            finally:
                process.kill()
                process.wait()
        if beyond:
            return beyond
        if answer.is_file():
            problem: str | None = json.loads(answer.read_text(encoding="utf-8"))
            return problem
        return _ending(process.returncode, log)


def _watched(process: subprocess.Popen[bytes]) -> str | None:
    """Wait for the process to end; the limit that it is beyond, if any."""
    most = limits()
    room = min(most.model_bytes, psutil.virtual_memory().available)
    deadline = monotonic() + most.model_seconds
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        if monotonic() > deadline:
            return f"no answer within {most.model_seconds} s (limit model_seconds)"
        with suppress(psutil.Error):  # it has just ended
            if watched.memory_info().rss > room:
                return f"it takes more than {room / 1e9:.1f} GB of memory (limit model_bytes)"
        sleep(_LOOK_S)
    return None


def _ending(code: int, log: Path) -> str:
    """How a process ended that left no answer."""
    if code < 0:
        return f"its process was ended by signal {-code} ({Signals(-code).name})"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"its process ended with code {code} ({last[:200]})"
