"""How ``tlbench`` behaves as a whole: commands loaded when called, errors of one line."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from tlbench.errors import InputError
from tlbench.home import ensure_home
from tlbench.interruption import (
    TERMINATED,
    Terminated,
    is_interruption,
    terminable,
    was_terminated,
)
from tlbench.terminal import guarded, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.shell_completion import CompletionItem

#: Exit codes that scripts rely on: bad options or input; nothing measured or comparable.
USAGE, NOTHING = 2, 4
#: Exit code after Ctrl-C, as shells have it: 128 and the signal's number.
INTERRUPTED = 130
#: What to do about some of the system's errors, after the error itself.
ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "; free space there, or name another place"),
    errno.EROFS: "; name a place that can be written",
}
#: Variable by which a shell asks for completions, of which click prints bytes.
COMPLETION = "_TLBENCH_COMPLETE"
#: What newer versions of click raise for a group without a command: its text is the whole help.
_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


class Failure(click.ClickException):
    """The end of a command: one line on stderr, what a program printed below, and an exit code."""

    def __init__(self, message: str, exit_code: int, output: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # one class for all codes
        self.output = output

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - as click has it
        """Print it; the program's lines are indented, so that none looks like one of ours."""
        del file
        say(f"Error: {self.message}", *(f"  {line}" for line in self.output.splitlines()))


class Interrupted(Failure):
    """Ctrl-C, or SIGTERM if that is being handled: one line on stderr, exit code 130 or 143."""

    def __init__(self, message: str = "interrupted") -> None:
        terminated = isinstance(sys.exception(), Terminated) or was_terminated()
        super().__init__(message, TERMINATED if terminated else INTERRUPTED)

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - as click has it
        """Print it; on a terminal below the ``^C`` that is shown there."""
        del file
        say(*[""] * (sys.stderr.isatty() and self.exit_code == INTERRUPTED), self.message)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Bad input ends in one line, not in a traceback.

    A closed pipe, as by ``head``, is not an error: click ends without a message.
    """
    try:
        yield
    except InputError as error:
        raise Failure(str(error), USAGE) from error
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError) as error:
        advice = ADVICE.get(getattr(error, "errno", None) or 0, "")
        raise Failure(f"a file can't be read or written: {error}{advice}", USAGE) from error
    except MemoryError as error:
        hint = "take fewer or smaller images, or a smaller batch size"
        raise Failure(
            f"not enough memory{f' ({error})' if str(error) else ''}: {hint}", USAGE
        ) from error


def count(n: int, thing: str, things: str = "") -> str:
    """A number of things, such as ``1 run`` or ``1,234 runs``."""
    return f"{n:,} {thing if n == 1 else things or f'{thing}s'}"


class CommandLine(click.Group):
    """Commands that are loaded when called; every error is one line with a hint.

    Args:
        short_helps: What each command does, by name: all that ``--help`` and completion need. The
            command is the object of that name in the module of that name in ``tlbench.cli``.
        attributes: Of ``click.Group``.
    """

    def __init__(self, *, short_helps: Mapping[str, str], **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        self.short_helps = short_helps

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        del ctx
        return sorted(self.short_helps)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        del ctx
        if cmd_name not in self.short_helps:
            return None
        command: click.Command = getattr(import_module(f"tlbench.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' part of the help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self.short_helps.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options that begin so."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.short_helps[name]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # noqa: ANN401
        """Run a command and end the process, as click does; see ``click.Group.main``."""
        if len(args) < 2:  # however it was started, such as by python -m
            extra.setdefault("prog_name", self.name)
        if not standalone_mode or COMPLETION in os.environ:
            return super().main(*args, standalone_mode=standalone_mode, **extra)  # type: ignore[call-overload]
        ensure_home()
        with guarded(), terminable():
            code = self._run(*args, **extra)
        sys.exit(code)

    def _run(self, *args: Any, **extra: Any) -> int:  # noqa: ANN401
        """Run a command, print its error, and return its exit code."""
        try:
            with one_line_errors():
                # What a command returns isn't a code, but click passes --help's through here.
                result = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.ClickException as error:
            _show(error)
            return error.exit_code
        except click.Abort:
            return INTERRUPTED
        return result if isinstance(result, int) else 0

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command that was named."""
        try:
            result = super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None
        except click.ClickException:
            raise
        except Exception as error:
            if is_interruption(error):
                raise Interrupted from None
            raise
        if was_terminated():  # and something went on
            raise Interrupted
        return result

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name, or an error that names the closest."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            close = get_close_matches(name, names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Expected {', '.join(names)}."
            raise click.UsageError(f"No such command '{name}'. {hint}", ctx)
        return super().resolve_command(ctx, args)


def _show(error: click.ClickException) -> None:
    """Print an error; a usage error in one line, not in click's three."""
    with suppress(OSError):
        _drop_unwritten()
        if not isinstance(error, click.UsageError) or isinstance(error, _HELP):
            error.show()
            return
        path = error.ctx.command_path if error.ctx else "tlbench"
        message = error.format_message()
        stop = "" if message.endswith((".", "?", "!")) else "."
        say(f"Error: {message}{stop} See '{path} --help'.")


def _drop_unwritten() -> None:
    """After a full disk, drop unwritten text; Python would try, and fail, again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
