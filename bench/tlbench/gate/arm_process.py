"""One arm's process: its start, its messages, and its certain end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tlbench.gate.arm_setup import ReadyArm

#: Name by which an arm imports the copy of ``tlbench.gate.arm``, from a folder of its own.
PLUGIN = "tlbench_arm"
#: Prefixes of variables that are removed: they make a process measure coverage, leave benchmarks to
#: pytest-codspeed, or be a worker of pytest-xdist.
OTHERS = ("CODSPEED_ENV", "COVERAGE_PROCESS_", "COV_CORE_", "PYTEST_XDIST_")
#: What to do, by a text in pytest's last output.
HINTS = {
    "tlbench[suite]": "only the built-in suite needs this: name your benchmark files after --",
}
#: Lines of a dead process's output that an error shows.
SHOWN_LINES = 15
#: Seconds in which a process must end after it was asked to.
GRACE_S = 5.0
#: Seconds between checks that a silent process is alive: its children may hold its pipe open.
LOOK_S = 1.0
#: Smallest limits in seconds of a round, and of all else, however small the budget is.
LEAST_ROUND_S, LEAST_REST_S = 60.0, 120.0
#: Share of the budget that a round may take. Six pairs have at least 24 rounds.
ROUND_SHARE = 0.1
#: What pytest-timeout prints before it ends a process by its method ``thread``.
TIMEOUT = re.compile(r"(?m)^\++ Timeout \++$")


def limits(budget_s: float, slower: float = 1.0) -> dict[str, float]:
    """Seconds that a process may be silent: in a round, and in all the rest.

    Anything that takes longer can't be judged within the budget. ``slower`` is a factor for
    processes that are known to be slow.
    """
    return {
        "round": slower * max(LEAST_ROUND_S, ROUND_SHARE * budget_s),
        "rest": slower * max(LEAST_REST_S, budget_s),
    }


class ArmDied(Exception):  # noqa: N818 - the name is the event
    """An arm's process ended before its work was done; the message has its last output."""


class ArmProcess:
    """A pytest process of one arm. Every round of its benchmarks waits for an order of the gate.

    ``plugin`` is the folder with the package ``tlbench_arm``; ``log`` gets the process's output.
    ``environ`` are variables of this pair, the same for both arms; ``prefix`` is a command that
    runs the interpreter, such as valgrind.

    Attributes:
        took_s: Seconds of the longest round of the present benchmark, and of the longest rest.
    """

    def __init__(
        self,
        arm: ReadyArm,
        arguments: Sequence[str],
        plugin: Path,
        log: Path,
        *,
        environ: Mapping[str, str],
        limits: Mapping[str, float],
        prefix: Sequence[str] = (),
    ) -> None:
        self.arm, self.log, self.limits = arm, log, limits
        self.took_s = {"round": 0.0, "rest": 0.0}
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        path = os.pathsep.join(filter(None, (str(plugin), arm.environ.get("PYTHONPATH"))))
        # Of equal length in both arms: the stack's start depends on it.
        pipes = f"{theirs_in:03},{theirs_out:03}"
        variables = {**environ, **arm.environ, "PYTHONPATH": path, "TLBENCH_ARM": pipes}
        for name in [name for name in variables if name.startswith(OTHERS)]:
            del variables[name]
        command = [*prefix, str(arm.python), "-m", "pytest", "-p", PLUGIN]
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
        self._in, self._heard = os.fdopen(ours_in, "rb", buffering=0), b""
        self._out = os.fdopen(ours_out, "w", encoding="utf-8")

    def hear(self, *events: str) -> dict[str, Any]:
        """Wait for the next message, which must be of one of these kinds.

        If ``died`` is one of them, it stands for a process that ended, and says how. A process
        that is silent for too long is ended.

        Raises:
            ArmDied: The process ended instead, or sent something else.
        """
        kind, start = "round" if "round" in events else "rest", monotonic()
        text = self._line(self.limits[kind])
        if not text:
            return self._died(kind if text is None else None, events)
        message: dict[str, Any] = json.loads(text)
        if message["event"] == "ready":  # both sides prepared at once
            self.took_s = {"round": 0.0, "rest": message["took_s"]}
        else:
            self.took_s[kind] = max(self.took_s[kind], monotonic() - start)
        if message["event"] in events:
            return message
        if message["event"] == "finished":
            raise ArmDied(self._last_output())
        expected = " or ".join(events)
        raise ArmDied(f"{self.arm.label}: sent {message['event']}, expected {expected}")

    def _line(self, limit_s: float) -> bytes | None:
        """The next line; empty if the process ended, None if it takes longer than the limit."""
        end, ready = monotonic() + limit_s, select.poll()
        ready.register(self._in, select.POLLIN)
        while b"\n" not in self._heard:
            alive, left_s = self._process.poll() is None, end - monotonic()
            if ready.poll(1000 * max(0.0, min(left_s, LOOK_S)) if alive else 0):
                text = os.read(self._in.fileno(), 2**16)
                if not text:
                    return b""
                self._heard += text
            elif not alive:
                return b""
            elif left_s <= 0:
                return None
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _died(self, silent: str | None, events: Sequence[str]) -> dict[str, Any]:
        """The message for a process that ended, or is ended because it was silent for too long."""
        if silent:
            self.close()
        if "died" not in events:
            raise ArmDied(self._last_output())
        if silent:
            limit_s = self.took_s[silent] = self.limits[silent]
            message = f"stopped after {limit_s:.0f} s"
            return {"event": "died", "outcome": "hung", "message": message, "silent": silent}
        self._wait()
        return {"event": "died", "outcome": "died", "message": self._ending()}

    def tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        """Send a message; if the process has ended, the next ``hear`` says so."""
        if self._out.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def close(self) -> None:
        """End the process and all that it started."""
        for pipe in (self._out, self._in):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        # Its group is signalled even if the process has ended: its children may be alive.
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

    def _output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _last_output(self) -> str:
        self._wait()
        lines = self._output().splitlines()
        output = "\n".join(lines[-SHOWN_LINES:]) or "it printed nothing"
        output += "".join(f"\n{hint}" for said, hint in HINTS.items() if said in output)
        return f"{self.arm.label}: pytest ended early (exit {self._process.returncode}):\n{output}"

    def _ending(self) -> str:
        """How the process ended: the signal, or the exit code."""
        code = self._process.returncode
        if TIMEOUT.search(self._output()):
            return "was ended by pytest-timeout"
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}" + " (out of memory?)" * (-code == signal.SIGKILL)
