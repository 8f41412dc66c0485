"""How ``tlbench`` behaves as a whole: errors of one line, closest matches, completion."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tl_core.errors import TransferLearningError
from tlbench.errors import OptionError
from tlbench.runs.read import ResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

#: Exit code of bad options and bad input, which scripts rely on.
USAGE = 2
#: Exit code after Ctrl-C, as shells have it: 128 and the signal's number.
INTERRUPTED = 130
#: Shells that completion is there for.
SHELLS = ("bash", "zsh", "fish")
#: What ``--device`` is completed to; machines with more GPUs have more numbers.
DEVICES = ("cpu", "gpu", "gpu:0")
#: What newer versions of click raise for a group without a command: its text is the whole help.
_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


class BadInput(click.ClickException):
    """Bad input: one line on stderr, exit code 2."""

    exit_code = USAGE


class Interrupted(click.ClickException):
    """Ctrl-C: one line on stderr, exit code 130."""

    exit_code = INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted")

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - as click has it
        """Print it; on a terminal below the ``^C`` that is shown there."""
        del file
        click.echo("\n" * sys.stderr.isatty() + self.message, err=True)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Bad input ends in one line, not in a traceback.

    A reader that has seen enough, such as ``head``, is no error: click ends quietly.
    """
    try:
        yield
    except (OptionError, TransferLearningError, ResultError) as error:
        raise BadInput(str(error)) from error
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError) as error:
        raise BadInput(f"a file can't be read or written: {error}") from error


class CommandLine(click.Group):
    """A group of commands whose every error is one line with a hint."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # noqa: ANN401
        """Run a command and end the process, as click does; see ``click.Group.main``."""
        if len(args) < 2:  # however it was started, such as by python -m
            extra.setdefault("prog_name", self.name)
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        code = 0
        try:
            with one_line_errors():
                # What a command returns isn't a code, but click passes --help's through here.
                result = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
            code = result if isinstance(result, int) else 0
        except click.ClickException as error:
            code = error.exit_code
            _tell(error)
        except click.Abort:
            code = INTERRUPTED
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name, or an error that names the closest."""
        name = args[0]
        unknown = self.get_command(ctx, name) is None and not name.startswith("-")
        if unknown and not ctx.resilient_parsing:
            names = self.list_commands(ctx)
            close = get_close_matches(name, names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(names)}."
            raise click.UsageError(f"No such command '{name}'. {hint}", ctx)
        return super().resolve_command(ctx, args)


def _tell(error: click.ClickException) -> None:
    """Print an error; a usage error in a line, where click prints three."""
    with suppress(OSError):
        _drop_unwritten()
        if not isinstance(error, click.UsageError) or isinstance(error, _HELP):
            error.show()
            return
        path = error.ctx.command_path if error.ctx else "tlbench"
        click.echo(f"Error: {error.format_message()} See '{path} --help'.", err=True)


def _drop_unwritten() -> None:
    """After a full disk: what can't be written would be tried again, and told of, at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def completing(name: str) -> Complete | None:
    """How values of one of the suite's options are completed; None where they aren't known.

    Args:
        name: The option's, with underscores.
    """
    values = {
        "engine": _engines,
        "precision": _precisions,
        "data": _data,
        "device": lambda: DEVICES,
        "model": _models,
    }.get(name)
    if values is None:
        return None
    # A value may also be a folder, or a file.
    otherwise = {"data": "dir", "model": "file"}.get(name)

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, parameter
        found = [CompletionItem(each) for each in values() if each.startswith(incomplete)]
        if found or otherwise is None:
            return found
        return [CompletionItem(incomplete, type=otherwise)]

    return complete


def completion_script(command: click.Command, shell: str) -> str:
    """The script that teaches a shell to complete ``tlbench``.

    Args:
        command: The whole command line.
        shell: One of ``SHELLS``.
    """
    from click.shell_completion import get_completion_class

    known = get_completion_class(shell)
    if known is None:
        raise BadInput(f"{shell}: expected one of {', '.join(SHELLS)}")
    return known(command, {}, "tlbench", "_TLBENCH_COMPLETE").source()


def _engines() -> Sequence[str]:
    from tl_core.engines.names import engine_names

    return engine_names()


def _precisions() -> Sequence[str]:
    from tl_core.engines.protocol import PRECISIONS

    return PRECISIONS


def _data() -> Sequence[str]:
    from tl_core.data import data_names

    return data_names()


def _models() -> Sequence[str]:
    from tl_core.extractor import DEFAULT_MODEL

    return (DEFAULT_MODEL, "https://", "keras:")
