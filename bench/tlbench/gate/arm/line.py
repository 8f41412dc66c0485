"""The line to the gate."""

from __future__ import annotations

import json
import os
from typing import Any

#: Exit status where the gate is gone.
ORPHANED = 70


class Line:
    """Messages to and from the gate: descriptors of pipes to read from and to write to, ``"3,4"``.

    The gate's first message, which is there from the start, is ``settings``.
    """

    def __init__(self, descriptors: str) -> None:
        read, write = (int(each) for each in descriptors.split(","))
        for each in (read, write):  # the end of this process is to be seen while its children live
            os.set_inheritable(each, False)  # noqa: FBT003 - its signature
        self._in = os.fdopen(read, encoding="utf-8")
        self._out = os.fdopen(write, "w", encoding="utf-8")
        self.settings = self.hear()

    def tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        """Send a message; where the gate is gone, end at once."""
        try:
            self._out.write(json.dumps(message, default=str) + "\n")
            self._out.flush()
        except BrokenPipeError:
            os._exit(ORPHANED)

    def hear(self) -> dict[str, Any]:
        """Wait for a message; where the gate is gone, end at once."""
        text = self._in.readline()
        if not text:
            os._exit(ORPHANED)
        message: dict[str, Any] = json.loads(text)
        return message
