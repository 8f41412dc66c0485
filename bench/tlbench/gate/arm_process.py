"""One arm's process: its start, its messages, and its certain end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tlbench.gate.arm_setup import ReadyArm

#: Name under which an arm imports ``tlbench.gate.arm``, from a folder where nothing else lies.
PLUGIN = "tlbench_arm"
#: How variables begin that make a process measure coverage, or a worker of pytest-xdist.
OTHERS = ("COVERAGE_PROCESS_", "COV_CORE_", "PYTEST_XDIST_")
#: What to do about what pytest printed last.
HINTS = {
    "file or directory not found": "expected files and folders that both sides have: name a folder "
    "instead",
    "tlbench[suite]": "that is for the built-in suite: name benchmark files of your own after --",
}
#: Lines of a dead process's output that an error shows.
SHOWN_LINES = 15
#: Seconds that a process has to end after it was asked to.
GRACE_S = 5.0


class ArmDied(Exception):  # noqa: N818 - the name is the event
    """An arm's process ended before its work was done; the message has what it printed last."""


class ArmProcess:
    """A pytest process of one arm, in whose benchmarks every round waits for its turn.

    ``plugin`` is the folder with the package ``tlbench_arm``; ``log`` takes what the process
    prints. ``environ`` are variables of this pair, the same for both arms.
    """

    def __init__(
        self,
        arm: ReadyArm,
        arguments: Sequence[str],
        plugin: Path,
        log: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.arm, self.log = arm, log
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        path = os.pathsep.join(filter(None, (str(plugin), arm.environ.get("PYTHONPATH"))))
        # Of one length for both arms, as where the stack begins depends on it.
        pipes = f"{theirs_in:03},{theirs_out:03}"
        variables = {**environ, **arm.environ, "PYTHONPATH": path, "TLBENCH_ARM": pipes}
        for name in [name for name in variables if name.startswith(OTHERS)]:
            del variables[name]
        command = [str(arm.python), "-m", "pytest", "-p", PLUGIN]
        try:
            with log.open("w") as output:
                self._process = subprocess.Popen(  # noqa: S603 - the user's own environment
                    [*command, *arguments, *arm.options],  # of an option, the last one counts
                    cwd=arm.folder,
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs_in, theirs_out),
                    start_new_session=True,
                )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._in = os.fdopen(ours_in, encoding="utf-8")
        self._out = os.fdopen(ours_out, "w", encoding="utf-8")

    def hear(self, *events: str) -> dict[str, Any]:
        """Wait for the next message, which must be of one of these kinds.

        Where ``died`` is one of them, a process that ended sends it, with how it ended.

        Raises:
            ArmDied: The process ended instead, or sent something else.
        """
        text = self._in.readline()
        if not text and "died" in events:
            self._wait()
            return {"event": "died", "message": _ending(self._process.returncode)}
        message: dict[str, Any] = json.loads(text) if text else {"event": "finished"}
        if message["event"] in events:
            return message
        if message["event"] == "finished":
            raise ArmDied(self._last_output())
        expected = " or ".join(events)
        raise ArmDied(f"{self.arm.label}: sent {message['event']}, expected {expected}")

    def tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        """Send a message; that a process has ended is seen when it is heard next."""
        with contextlib.suppress(BrokenPipeError):
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def close(self) -> None:
        """End the process and all that it started."""
        for pipe in (self._out, self._in):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        # Its group is signalled even when it has ended: its children may not have.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)

    def _wait(self) -> None:
        """Wait for the end of a process that is ending by itself, and end what it started."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        self.close()

    def _last_output(self) -> str:
        self._wait()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        output = "\n".join(lines[-SHOWN_LINES:]) or "it printed nothing"
        output += "".join(f"\n{hint}" for said, hint in HINTS.items() if said in output)
        return f"{self.arm.label}: pytest ended early (exit {self._process.returncode}):\n{output}"


def _ending(code: int | None) -> str:
    """How a process ended: the signal, or the exit code."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"the process was ended by {signal.Signals(-code).name}"
        return f"the process was ended by signal {-code}"
    return f"the process ended with exit code {code}"
