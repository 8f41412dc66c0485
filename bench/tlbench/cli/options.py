"""Options that several commands have, with the same names and meanings."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tlbench.errors import InputError
from tlbench.suite.limit_option import apply_limits
from tlbench.suite.options import OPTIONS, check_names, known_values, workload_from
from tlbench.suite.workloads import QUICK, WORKLOADS
from tlbench.terminal import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tlbench.numbers import Numbers
    from tlbench.suite.options import Option
    from tlbench.suite.workloads import Workload

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
    Decorator = Callable[[Callable[..., None]], Callable[..., None]]

#: Options that say how the network is run.
NETWORK = (
    *("model", "input_range", "layer", "trust"),
    *("engine", "precision", "device", "threads", "workers", "chunk"),
)
#: Options whose value may also be a folder, or a file.
_PATHS = {"data": "dir", "model": "file"}


class NumberType(click.ParamType):  # type: ignore[type-arg] # only newer versions have one
    """The numbers of a range: the text of a value becomes a number, or an OptionError."""

    name = "number"

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def convert(
        self,
        value: Any,  # noqa: ANN401 - text, or a default
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - int or float
        """The number."""
        del ctx
        return self.numbers.parse(param.opts[0] if param else "value", value)


class NumberOption(click.Option):
    """An option whose help says which numbers it takes; None is for text."""

    def __init__(self, *args: Any, numbers: Numbers | None, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **attributes)
        self.numbers = numbers

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option, and its help with the range."""
        record = super().get_help_record(ctx)
        if record is None or self.numbers is None:
            return record
        return record[0], f"{record[1]}  [{self.numbers.bounds}]"


def suite_options(*names: str) -> Decorator:
    """The suite's options of these names, or all without one, checked as pytest does.

    The command gets those that the user set as ``suite``, texts by name.
    """
    chosen = [option for option in OPTIONS if option.name in names or not names]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_suite(**values: Any) -> None:  # noqa: ANN401 - click's values
            texts = {option.name: values.pop(option.name) for option in chosen}
            command(
                suite={name: text for name, text in texts.items() if text is not None}, **values
            )

        decorated: Callable[..., None] = with_suite
        for option in reversed(chosen):
            decorated = _with_option(decorated, option)
        return decorated

    return decorate


def _with_option(command: Callable[..., None], option: Option) -> Callable[..., None]:
    def checked(
        ctx: click.Context, parameter: click.Parameter, value: str | tuple[str, ...] | None
    ) -> str | None:
        del ctx, parameter
        text = (",".join(value) or None) if isinstance(value, tuple) else value
        if text is not None:
            option.parse(text)
        return text

    return click.option(
        option.flag,
        option.name,
        cls=NumberOption,
        numbers=option.numbers,
        metavar=option.metavar,
        multiple=option.repeatable,
        help=option.help,
        callback=checked,
        shell_complete=complete(option.name),
    )(command)


def own_images(suite: Mapping[str, str]) -> Workload:
    """The quick workload for other images than its own, with the sizes that are set, else all.

    The limits that are set hold from now on.

    Raises:
        OptionError: An unknown engine or device.
    """
    workload = workload_from(QUICK.name, dict(suite))
    check_names(workload)
    apply_limits(workload.limit)
    sizes = ("image_size", "train_size", "test_size")
    unlimited: dict[str, Any] = {name: None for name in sizes if name not in suite}
    return dataclasses.replace(workload, **unlimited)


def pytest_command(
    *builtin: str, workload: str | None = None, suite_only: bool = False
) -> Decorator:
    """What pytest runs: the arguments after ``--``, else the built-in suite with its options.

    The command gets it as ``command``, a tuple of arguments of pytest.

    Args:
        builtin: Arguments of the built-in suite.
        workload: The default workload; None leaves that to pytest.
        suite_only: Whether it is always the built-in suite, with the arguments as well.
    """
    default = workload

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.argument("arguments", nargs=-1, metavar="[-- PYTEST ARGUMENTS]")
        @click.option(
            "--workload",
            type=click.Choice(list(WORKLOADS)),
            show_default=QUICK.name,
            help="workload of the built-in suite",
        )
        @suite_options()
        @functools.wraps(function)
        def with_command(
            *,
            arguments: tuple[str, ...],
            workload: str | None,
            suite: dict[str, str],
            **values: Any,  # noqa: ANN401 - click's values
        ) -> None:
            name = workload or (None if arguments else default)
            options = _of_suite(suite, name)
            if suite_only:
                arguments = (*builtin, *arguments)
            _check_mixed(options, arguments)
            function(command=(*(arguments or builtin), *options), **values)

        return with_command

    return decorate


def _of_suite(suite: Mapping[str, str], workload: str | None) -> list[str]:
    """The built-in suite's options, as pytest takes them."""
    options = [f"{each.flag}={suite[each.name]}" for each in OPTIONS if each.name in suite]
    return options + ([f"--workload={workload}"] if workload else [])


def _check_mixed(options: Sequence[str], arguments: Sequence[str]) -> None:
    """Options of the built-in suite are refused if other tests are run."""
    if options and arguments and "--benchmark" not in arguments:
        raise InputError(
            f"{options[0]}: an option of the built-in suite, but {arguments[0]} is run; "
            "put pytest's options after --"
        )


def complete(name: str) -> Complete:
    """The shell completion of the values of one of the suite's options."""

    def items(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, parameter
        known = [each for each in known_values(name) if each.startswith(incomplete)]
        if known or name not in _PATHS:
            return [CompletionItem(each) for each in known]
        return [CompletionItem(incomplete, type=_PATHS[name])]

    return items


def file_option(flag: str, about: str) -> Decorator:
    """An option that names a file to be written."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(flag, type=path, metavar="FILE", help=about)


def number_option(
    flag: str,
    about: str,
    numbers: Numbers,
    *,
    default: float | None = None,
    name: str | None = None,
    metavar: str = "N",
) -> Decorator:
    """An option that takes a number, passed as ``name`` where it differs from the flag's."""
    return click.option(
        *filter(None, (flag, name)),
        cls=NumberOption,
        numbers=numbers,
        type=NumberType(numbers),
        default=default,
        show_default=default is not None,
        metavar=metavar,
        help=about,
    )


def explain_option(about: str, lines: Callable[[], Iterable[str]]) -> Decorator:
    """An option that prints lines and ends the command, whatever the other options are."""

    def explain(ctx: click.Context, parameter: click.Parameter, chosen: bool) -> None:  # noqa: FBT001 - click's
        del parameter
        if chosen and not ctx.resilient_parsing:
            show(lines())
            ctx.exit()

    return click.option(
        "--explain",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=explain,
        help=f"print {about}, and exit",
    )


#: The same in every command that has it.
json_option = click.option("--json", "as_json", is_flag=True, help="print JSON")


def results_option(about: str) -> Decorator:
    """``--results``, a folder, which needn't exist."""
    return click.option(
        "--results",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("results"),
        show_default=True,
        metavar="DIR",
        help=about,
    )


def output_option(*, required: bool) -> Decorator:
    """``-o``, the file to write; None where it isn't required and not there."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        required=required,
        metavar="FILE",
        help="file to write",
    )
