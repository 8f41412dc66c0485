"""The connection to the gate."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from typing import Any

#: Exit code if the gate has ended.
ORPHANED = 70
#: Of Linux: the signal that a process gets when its parent ends.
PARENT_DEATH = 1


class Line:
    """Messages to and from the gate, over pipes with descriptors to read and to write: ``"3,4"``.

    The gate's first message is ``settings``; it is sent before this process starts to read.
    """

    def __init__(self, descriptors: str) -> None:
        if sys.platform == "linux":  # elsewhere, only once it asks for the next order
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
        read, write = (int(each) for each in descriptors.split(","))
        for each in (read, write):  # so that this process's end closes them, not its children's
            os.set_inheritable(each, False)  # noqa: FBT003 - its signature
        self._in = os.fdopen(read, encoding="utf-8")
        self._out = os.fdopen(write, "w", encoding="utf-8")
        self.settings = self.hear()

    def tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        """Send a message; end this process if the gate has ended."""
        try:
            self._out.write(json.dumps(message, default=str) + "\n")
            self._out.flush()
        except BrokenPipeError:
            os._exit(ORPHANED)

    def hear(self) -> dict[str, Any]:
        """Wait for a message; end this process if the gate has ended."""
        text = self._in.readline()
        if not text:
            os._exit(ORPHANED)
        message: dict[str, Any] = json.loads(text)
        return message
