"""The one door to the terminal, for commands and the pytest plugin.

Names of files, classes and benchmarks, arguments, and what other programs print may hold sequences
that a terminal obeys: they rename its window, move the cursor, hide text or change its order. So
every line that ``show``, ``say`` and ``report`` print has such characters as escapes, and only then
gets its colours. ``guarded`` does the same to whatever else a command prints: warnings, tracebacks,
help texts, progress bars. Characters that a terminal's encoding lacks get a substitute.
"""

from __future__ import annotations

import codecs
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from tlbench.escapes import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pytest
    from _pytest.terminal import TerminalReporter

#: What stands for characters that a terminal lacks; others become escapes.
SUBSTITUTES = {
    **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
    "×": "x",
    "…": "...",
    "→": "->",
    "≠": "!=",
    "µ": "u",
    "°": "deg ",
    "–": "-",
    "’": "'",
}
#: Name of the error handler of text streams that puts them in.
SUBSTITUTE = "tlbench.substitute"
#: What a guarded stream lets through: nothing; a progress bar's way back to the start of its line;
#: pytest's colours, and its own way back.
_NOTHING = re.compile(r"((?!))")
_BARS = re.compile(r"(\A[\r\b]+)")
_PYTEST = re.compile(r"(\A(?:\x1b\[[\d;]*m)*\r|\x1b\[[\d;]*m)")


def show(lines: Iterable[str], colours: Mapping[str, str] | None = None) -> None:
    """Print lines on stdout; words have colours if it is a terminal that takes them."""
    shown = [printable(line) for line in lines]
    stream = _behind(sys.stdout)
    _write(stream, coloured(shown, colours, stream) if colours and stream else shown)


def say(*lines: str) -> None:
    """Print lines on stderr: progress, problems, errors."""
    _write(_behind(sys.stderr), map(printable, lines))


def show_json(value: object) -> None:
    """Print JSON on stdout, in ASCII."""
    import json

    show(json.dumps(value, indent=1).splitlines())


def report(
    reporter: TerminalReporter, lines: Iterable[str], title: str | None = None, **markup: bool
) -> None:
    """Print lines in pytest's report, below a title if there is one, in one of its markups."""
    reporter.ensure_newline()
    if title is not None:
        reporter.section(printable(title), sep="-")
    for line in lines:
        reporter.write_line(printable(line), **markup)


def visible(text: str) -> str:
    """Lines of another program as they can be shown."""
    return printable(text, keep="\n\t")


def coloured(lines: Iterable[str], colours: Mapping[str, str], stream: TextIO) -> list[str]:
    """Lines whose words have colours, if the stream is a terminal that takes them.

    A word has its colour where it ends a line or stands before a comma.
    """
    from rich.console import Console
    from rich.text import Text

    text = Text("\n".join(lines))
    for word, colour in colours.items():
        text.highlight_regex(rf"(?m)(?<= ){word}(?=, |$)", colour)
    console = Console(file=stream, legacy_windows=False)
    with console.capture() as capture:
        console.print(text, soft_wrap=True, end="")
    return capture.get().split("\n")


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr during the block."""
    take_any_text()
    before = sys.stdout, sys.stderr
    ours = tuple(cast("TextIO", _Guarded(each)) if each else each for each in before)
    sys.stdout, sys.stderr = ours
    try:
        yield
    finally:
        # After a closed pipe, click has put something else there.
        if sys.stdout is ours[0]:
            sys.stdout = before[0]
        if sys.stderr is ours[1]:
            sys.stderr = before[1]


def guard_report(config: pytest.Config) -> None:
    """Guard all that pytest prints: a failed check's text may have names from files."""
    writer: Any = config.get_terminal_writer()
    # Not pytest's public interface: without it, what pytest prints is as in other sessions.
    if hasattr(writer, "_file"):
        writer._file = _Guarded(writer._file, _PYTEST)  # noqa: SLF001


def bars() -> TextIO:
    """Stderr for progress bars."""
    stream: TextIO = getattr(sys.stderr, "bars", sys.stderr)
    return stream


def take_any_text() -> None:
    """Let stdout and stderr write substitutes where they would fail."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # not every stream has an encoding
            cast("Any", stream).reconfigure(errors=SUBSTITUTE)


class _Guarded:
    """A text stream that lets ``passes`` through, and shows other control characters as escapes."""

    def __init__(self, stream: TextIO, passes: re.Pattern[str] = _NOTHING) -> None:
        self.stream, self._passes = stream, passes

    def write(self, text: str) -> int:
        """Write text as it can be shown."""
        # Every second part passes.
        parts = enumerate(self._passes.split(text))
        self.stream.write("".join(part if i % 2 else visible(part) for i, part in parts))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    @property
    def bars(self) -> _Guarded:
        """The same stream for progress bars."""
        return _Guarded(self.stream, _BARS)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of any stream
        if name == "buffer":  # bytes would go past the guard
            raise AttributeError(name)
        return getattr(self.stream, name)


def _behind(stream: TextIO | None) -> TextIO | None:
    return stream.stream if isinstance(stream, _Guarded) else stream


def _write(stream: TextIO | None, lines: Iterable[str]) -> None:
    if stream is not None:  # as it is where the program was started with a closed one
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    shown = (SUBSTITUTES.get(each) or each.encode("unicode_escape").decode() for each in text)
    return "".join(shown), error.end


codecs.register_error(SUBSTITUTE, _substitute)
