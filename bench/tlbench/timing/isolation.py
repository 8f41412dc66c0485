"""``--isolate``: each benchmark in a fresh process.

None inherits another's memory, caches, threads or compiled graphs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.suite.options import OPTIONS

if TYPE_CHECKING:
    from tlbench.suite.session import Suite

#: Lines of a failed process's output that the report shows.
SHOWN_LINES = 60


class IsolatedError(Exception):
    """The benchmark failed in its own process; the message is what that printed last."""


class IsolatedItem(pytest.Item):
    """Stands for a benchmark test: runs it in a process of its own and takes over its rows."""

    inner: pytest.Item
    suite: Suite

    @classmethod
    def of(cls, inner: pytest.Item, suite: Suite) -> IsolatedItem:
        """An item that runs ``inner`` elsewhere, with its name and markers."""
        assert inner.parent is not None  # noqa: S101 - a collected test has a module
        item: IsolatedItem = cls.from_parent(inner.parent, name=inner.name)
        item.inner, item.suite = inner, suite
        for marker in inner.iter_markers():
            item.add_marker(getattr(pytest.mark, marker.name)(*marker.args, **marker.kwargs))
        return item

    def runtest(self) -> None:
        """Run the process, and keep the rows that it wrote.

        Raises:
            IsolatedError: It failed, or wrote none.
        """
        with tempfile.TemporaryDirectory(prefix="tlbench-") as folder:
            done = subprocess.run(  # noqa: S603 - our own command
                command(self.suite, self.inner, Path(folder)),
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            self.suite.left -= 1
            files = list(Path(folder).rglob("*.json"))
            if done.returncode != 0 or not files:
                raise IsolatedError("\n".join(done.stdout.splitlines()[-SHOWN_LINES:]))
            run = json.loads(files[0].read_text(encoding="utf-8"))
        self.suite.isolated += run["benchmarks"]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """What the process printed, in place of a traceback through this module."""
        if isinstance(excinfo.value, IsolatedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the benchmark test stands."""
        return self.inner.path, None, self.name


def command(suite: Suite, inner: pytest.Item, folder: Path) -> list[str]:
    """The command that runs one benchmark test in a fresh process with the same options."""
    workload = suite.workload
    given = {option.flag: getattr(workload, option.name) for option in OPTIONS}
    options = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    if suite.budget_s is not None:
        left = suite.budget_s - (perf_counter() - suite.started)
        options.append(f"--budget={max(1.0, left / max(1, suite.left)):.1f}")
    if suite.download:
        options.append("--download")
    # Judged here, not there; and settings or PYTEST_ADDOPTS that ask for isolation count here only.
    options += ["--no-isolate", "--gate=", "-o", "tlbench_gate="]
    return [
        sys.executable, "-m", "pytest", "--benchmark", f"--workload={workload.name}", *options,
        f"--results={folder}", "-p", "no:cacheprovider", f"{inner.path}::{inner.name}",
    ]  # fmt: skip
