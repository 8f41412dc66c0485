"""A benchmark test in a fresh process: it inherits no memory, cache, thread or compiled graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.cache import temporary_folder
from tlbench.interruption import run_child
from tlbench.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Lines of a failed process's output that the report shows.
SHOWN_LINES = 60


class IsolatedError(Exception):
    """The benchmark failed in its own process; the message is what that printed last."""


class IsolatedItem(pytest.Item):
    """Stands for a benchmark test: runs it in a process of its own and takes over its rows.

    Attributes:
        command: Given the test and a folder, the command that runs it and writes
            pytest-benchmark's JSON into the folder.
        rows: What such processes measured, as pytest-benchmark writes it; this one's are added.
    """

    inner: pytest.Item
    command: Callable[[pytest.Item, Path], list[str]]
    rows: list[dict[str, Any]]

    @classmethod
    def of(
        cls,
        inner: pytest.Item,
        command: Callable[[pytest.Item, Path], list[str]],
        rows: list[dict[str, Any]],
    ) -> IsolatedItem:
        """An item that runs ``inner`` elsewhere, with its name and markers."""
        assert inner.parent is not None  # noqa: S101 - a collected test has a module
        item: IsolatedItem = cls.from_parent(inner.parent, name=inner.name)
        item.inner, item.command, item.rows = inner, command, rows
        for marker in inner.iter_markers():
            item.add_marker(getattr(pytest.mark, marker.name)(*marker.args, **marker.kwargs))
        return item

    def runtest(self) -> None:
        """Run the process, and add the rows that it wrote; IsolatedError where there are none."""
        with temporary_folder() as folder:
            status, output = run_child(self.command(self.inner, folder))
            files = list(folder.rglob("*.json"))
            if status != 0 or not files:
                raise IsolatedError("\n".join(output.splitlines()[-SHOWN_LINES:]))
            self.rows += json.loads(files[0].read_text(encoding="utf-8"))["benchmarks"]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """What the process printed, or a full disk's error, in place of a traceback."""
        if isinstance(excinfo.value, IsolatedError | OSError):
            return visible(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the benchmark test stands."""
        return self.inner.path, None, self.name
