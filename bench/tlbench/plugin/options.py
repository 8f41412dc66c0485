"""Command-line options that never conflict with another plugin's.

pytest registers a plugin's options in every session of the environment, and two options of one name
end the session. So our options are registered late, when the options of all plugins and initial
conftests are known. Only those that the session needs are registered: the typed ones, the suite's
in a run of the suite, and all for ``--help``. A name that another plugin has is left to it. Every
option has a second name that begins with ``--tlbench``.
"""

from __future__ import annotations

from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tlbench.suite.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


class Flag(NamedTuple):
    """An option.

    Attributes:
        name: With underscores; the ini setting is ``tlbench_`` and this name.
        help: What it is or does.
        metavar: Stands for its value in the help; None for an option without a value.
        const: What an option without a value stores.
        dest: Where the value is stored after ``tlbench_``, if not under the name.
        ini: Whether there is an ini setting.
        repeatable: Whether it may be given several times; the values are joined by commas.
    """

    name: str
    help: str
    metavar: str | None = None
    const: bool = True
    dest: str | None = None
    ini: bool = True
    repeatable: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """As typed: the short name, and the name that no other plugin has."""
        name = self.name.replace("_", "-")
        return f"--{name}", "--tlbench" if name == "benchmark" else f"--tlbench-{name}"


#: Options whose short name belongs to another plugin in this session.
LEFT_OUT = pytest.StashKey[list[Flag]]()
BENCHMARK = Flag("benchmark", "run the benchmark suite (with --help: list its options)", ini=False)
SUITE = (
    Flag("workload", "quick, tutorial or full (default: quick)", "NAME"),
    *(Flag(each.name, each.help, each.metavar, repeatable=each.repeatable) for each in OPTIONS),
    Flag("download", "allow data sets to be downloaded", ini=False),
    Flag("isolate", "run each benchmark in a fresh process (default with --gate)", ini=False),
    Flag("no_isolate", "run all benchmarks in one process", const=False, dest="isolate", ini=False),
    Flag("ray", "measure scaling on this Ray cluster: HOST:PORT, auto or local", "ADDRESS"),
    Flag("budget", "planned duration of the whole run", "SECONDS"),
    Flag("results", "folder for result files (default: results)", "DIR"),
)
GATE = (
    Flag("gate", "fail benchmarks that are slower than in this baseline file", "BASELINE"),
    Flag("tolerance", "slowdown that --gate allows (default: 5%)", "SHARE"),
    Flag("accuracy_tolerance", "loss of accuracy that --gate allows (default: 1%)", "SHARE"),
    Flag("allow_changed", "versions and settings that may differ: packages.numpy,...", "NAMES"),
    Flag("allow_new", "skip benchmarks that the baseline lacks"),
)
DESCRIBE = Flag("describe_machine", "add this machine to pytest-benchmark's files", ini=False)
ALWAYS = (BENCHMARK, *GATE, DESCRIBE)


def add_settings(parser: pytest.Parser) -> None:
    """Register the ini settings; all their names begin with ``tlbench_``."""
    for flag in (*SUITE, *GATE):
        if not flag.ini:
            continue
        if flag.metavar:
            parser.addini(f"tlbench_{flag.name}", flag.help, default="")
        else:
            parser.addini(f"tlbench_{flag.name}", flag.help, "bool", default=False)


def taken(parser: pytest.Parser) -> set[str]:
    """All option names that are registered."""
    groups = parser._groups  # noqa: SLF001 - there is no public way to ask
    return {name for group in groups for option in group.options for name in option.names()}


def expand_files(args: list[str]) -> None:
    """Put the lines of argument files, such as ``@arguments.txt``, in their place."""
    for index, arg in reversed(list(enumerate(args))):
        if arg.startswith("@") and (path := Path(arg[1:])).is_file():
            args[index : index + 1] = path.read_text(encoding="utf-8").splitlines()


def typed(args: Sequence[str]) -> dict[str, Flag]:
    """Options of ``ALWAYS`` that are in the arguments, by the typed name."""
    names = {arg.partition("=")[0] for arg in args}
    return {name: flag for flag in ALWAYS for name in flag.names if name in names}


def split(args: Sequence[str], valued: dict[str, bool]) -> tuple[list[str], list[str]]:
    """Split arguments into those of some options, each followed by its value, and all others.

    Args:
        args: As typed.
        valued: Names of the options, and whether they take a value.
    """
    chosen: list[str] = []
    rest: list[str] = []
    is_value = False
    for arg in args:
        name, equals, _ = arg.partition("=")
        ours = is_value or name in valued
        (chosen if ours else rest).append(arg)
        is_value = not is_value and not equals and valued.get(name, False)
    return chosen, rest


def valued(flags: Iterable[Flag], others: Container[str]) -> dict[str, bool]:
    """Whether each of our names takes a value, without the names of other plugins."""
    return {name: bool(flag.metavar) for flag in flags for name in flag.names if name not in others}


def register(parser: pytest.Parser, flags: Iterable[Flag]) -> list[Flag]:
    """Add options under their free names; returns the options whose short name isn't free."""
    others = taken(parser)
    group = parser.getgroup("tlbench", "transfer learning benchmark, and gate")
    left_out = []
    for flag in flags:
        if flag.names[0] in others:
            left_out.append(flag)
        action: dict[str, Any] = {"action": "store_const", "const": flag.const}
        if flag.metavar:
            action = {"metavar": flag.metavar, "action": "append" if flag.repeatable else "store"}
        about = flag.help.replace("%", "%%")
        for name in flag.names:
            if name not in others:
                group.addoption(
                    name,
                    dest=f"tlbench_{flag.dest or flag.name}",
                    help=about,
                    **action,
                )
                about = SUPPRESS  # of the second name
    return left_out


def option(config: pytest.Config, name: str) -> Any:  # noqa: ANN401 - text, or what a flag stores
    """An option's value; None where it wasn't given."""
    value = getattr(config.option, f"tlbench_{name}", None)
    return ",".join(value) if isinstance(value, list) else value


def setting(config: pytest.Config, name: str) -> Any:  # noqa: ANN401 - text or bool
    """An option's value, or else its ini setting's."""
    return option(config, name) or config.getini(f"tlbench_{name}")
