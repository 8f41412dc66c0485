"""What a node says to the driver."""

from __future__ import annotations

from typing import Literal

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message.

    Attributes:
        state: ``begun``: the node's CPUs are ours. ``measured``: a run is done. ``failed``: the
            node is given up; nothing follows.
        problem: Why, in one line.
        output: The last lines of the suite's output.
        name: Name of the result file.
        content: The result file. A run that failed may have one, too.
    """

    state: Literal["begun", "measured", "failed"]
    problem: str = ""
    output: str = ""
    name: str = ""
    content: bytes = b""


def decoded(data: object) -> Message:
    """The message that a node sent; one that isn't a message is a failure of the node."""
    try:
        return msgspec.json.decode(data if isinstance(data, bytes) else b"", type=Message)
    except (ValueError, RecursionError) as error:
        return Message(state="failed", problem=f"it sent something that is no message ({error})")
