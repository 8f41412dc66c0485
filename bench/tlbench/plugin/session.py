"""Sessions that ask for the suite or a gate: how they are parsed, and what they register."""

from __future__ import annotations

import contextlib
import copy
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.errors import InputError, OptionError
from tlbench.escapes import printable
from tlbench.home import ensure_home
from tlbench.interruption import (
    TERMINATED,
    Terminated,
    end_with_parent,
    terminable,
    was_terminated,
)
from tlbench.numbers import SECONDS
from tlbench.plugin import options
from tlbench.plugin.benchmark_options import check_benchmark_options, note_unused
from tlbench.plugin.machine import Described
from tlbench.runs.files import check_folder
from tlbench.suite.hooks import SuiteHooks
from tlbench.suite.limit_option import apply_limits
from tlbench.suite.options import OPTIONS, check_names, workload_from
from tlbench.suite.session import FOLDER, SUITE, TURNS, Suite
from tlbench.suite.workloads import QUICK
from tlbench.terminal import take_any_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path
#: pytest-benchmark's options that ask for files, and whether they take a value: they count in a run
#: of the suite even where an ini file asks for them.
_FILES = {
    "--benchmark-json": True,
    "--benchmark-save": True,
    "--benchmark-storage": True,
    "--benchmark-autosave": False,
    "--benchmark-save-data": False,
}
#: Its options that ask for its own table or files: then it isn't silenced.
_ITS_OUTPUT = ("save", "autosave", "json", "compare", "histogram", "csv", "verbose", "cprofile")


def asks_for_suite(config: pytest.Config, parser: pytest.Parser, typed: Iterable[str]) -> bool:
    """Whether the suite is to be run: ``--benchmark`` was typed and is nobody else's option.

    Conftests aren't loaded in a run of the suite, whose environment may lack what they need. So
    their text is searched for an option of that name.
    """
    short, long = options.BENCHMARK.names
    return long in typed or (short in typed and short not in _others(config, parser))


def _others(config: pytest.Config, parser: pytest.Parser) -> set[str]:
    """Option names that plugins have, or that a first conftest will define."""
    texts = [_text(path) for path in _first_conftests(config)]
    names = [name for flag in options.ALWAYS for name in flag.names]
    defined = r"addoption\([^)]*[\"']{}[\"']"
    return options.taken(parser) | {
        name for name in names if any(re.search(defined.format(name), text) for text in texts)
    }


def _first_conftests(config: pytest.Config) -> set[Path]:
    """Where the conftests may lie that pytest loads before it parses the command line."""
    known, here = config.known_args_namespace, config.invocation_params.dir
    starts = known.file_or_dir or config.getini("testpaths")
    folders = {here, *(here / str(start).partition("::")[0] for start in starts)}
    above = {each for folder in folders for each in folder.parents}
    inside = {each for each in above if each.is_relative_to(config.rootpath)}
    tests = (path for folder in folders for path in folder.glob("test*/conftest.py"))
    return {*tests, *(folder / "conftest.py" for folder in folders | inside)}


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return ""


def parse_again(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Find the root folder and the first tests again, now that our options are known.

    pytest looks for both before it loads plugins, and takes the ``PATH`` of ``--data PATH`` for a
    test path then: its ini file would be used, its conftest loaded, and a cache written there.
    """
    # Not pytest's public interface: where a later one differs, ``--data=PATH`` still works.
    from _pytest.config.findpaths import determine_setup

    flags = (*options.ALWAYS, *options.SUITE)
    _, rest = options.split(args, options.valued(flags, options.taken(parser)))
    known = parser.parse_known_args(rest, namespace=copy.copy(config.option))
    root, ini, values, ignored = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=known.file_or_dir,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=config.invocation_params.dir,
    )
    known.confcutdir = known.confcutdir or str(ini.parent if ini else root)
    config.known_args_namespace = known
    config._rootpath, config._inipath = root, ini  # noqa: SLF001
    config._ignored_config_files = ignored  # noqa: SLF001
    settings = _settings(config)
    settings.clear()
    settings.update(values)
    config._inicache.clear()  # noqa: SLF001


def _settings(config: pytest.Config) -> dict[str, Any]:
    """What the ini file and ``-o`` say; its name was another one in pytest 9.0."""
    settings: dict[str, Any] = vars(config)["_inicfg" if hasattr(config, "_inicfg") else "inicfg"]
    return settings


def keep_own_rules(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Let nothing but what was typed, and settings of ours, decide how the suite runs.

    A project's ini file is about the project's own tests. Of its ``addopts`` only the gate's
    options and those that ask for files count, unless they ask for the suite themselves.

    Raises:
        UsageError: The extra that the suite needs isn't installed.
    """
    if not config.known_args_namespace.help:
        _check_installed()
    for path in config.getini("pythonpath"):
        with contextlib.suppress(ValueError):
            sys.path.remove(str(path))
    addopts = config.getini("addopts")
    by_hand = args[len(addopts) :]
    if not set(options.BENCHMARK.names) & set(addopts):
        ours = options.valued(options.ALWAYS, _others(config, parser))
        allowed, dropped = options.split(addopts, _FILES | ours)
        if "no:benchmark" in dropped:
            config.pluginmanager.consider_pluginarg("benchmark")
        args[:] = [*allowed, *by_hand]
    note_unused(config, args)
    parse_again(config, parser, args)
    known = config.known_args_namespace
    overridden = {text.partition("=")[0] for text in known.override_ini or ()}
    settings = _settings(config)
    for name in settings.keys() - overridden:
        if not name.startswith("tlbench_"):
            del settings[name]
    config._inicache.clear()  # noqa: SLF001
    known.confcutdir = str(FOLDER)
    if not known.file_or_dir:
        known.file_or_dir = [str(FOLDER)]
        args.insert(0, str(FOLDER))


def _check_installed() -> None:
    from tlbench.suite.extra import check_installed

    try:
        check_installed("pytest --benchmark")
    except InputError as error:
        raise pytest.UsageError(printable(str(error))) from error


def begin(config: pytest.Config) -> None:
    """Register the plugins that run the suite, judge, and describe the machine.

    Raises:
        UsageError: Bad options, or a plugin that is needed or in the way.
    """
    runs_suite = options.option(config, "benchmark")
    gated = bool(options.setting(config, "gate"))
    if not hasattr(config.option, "benchmark_quiet"):
        raise pytest.UsageError("tlbench needs the plugin pytest-benchmark: don't disable it")
    if (runs_suite or gated) and config.getoption("dist", "no") != "no":  # pytest-xdist's workers
        raise pytest.UsageError("benchmarks beside each other measure each other; give -n 0")
    config.addinivalue_line(
        "markers", "tolerance(share, accuracy=share): what --gate allows this benchmark to lose"
    )
    ensure_home()
    take_any_text()
    config.pluginmanager.register(Interruption(config), "tlbench-interruption")
    if runs_suite and not config.pluginmanager.has_plugin(TURNS):
        check_benchmark_options(config)
    described = Described()
    if not runs_suite:  # which describes its machine itself
        config.pluginmanager.register(described, "tlbench-machine")
    if gated:
        from tlbench.plugin.stored_gate import StoredGate

        config.pluginmanager.register(StoredGate(config, described), "tlbench-gate")
    if runs_suite:
        if not any(config.getoption(f"benchmark_{name}", None) for name in _ITS_OUTPUT):
            config.option.benchmark_quiet = True
        suite = _suite(config, gated=gated)
        if not config.option.collectonly:
            _check_results(suite.results)
        config.pluginmanager.register(SuiteHooks(suite), SUITE)


def _check_results(folder: Path) -> None:
    """Find out before anything is measured whether results can be written."""
    try:
        check_folder(folder)
    except OSError as error:
        message = f"--results {folder}: {error.strerror}; name another"
        raise pytest.UsageError(printable(message)) from error


class Interruption:
    """The plugin that lets SIGTERM end a session as Ctrl-C does, with exit code 143."""

    def __init__(self, config: pytest.Config) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(terminable())
            config.add_cleanup(stack.pop_all().close)
        end_with_parent()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """End the session also where native code made a test's error of SIGTERM."""
        result = yield
        if was_terminated():
            raise Terminated
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Set the exit code last; pytest doesn't expect interruptions while results are written."""
        try:
            yield
        except KeyboardInterrupt:
            code = TERMINATED if was_terminated() else pytest.ExitCode.INTERRUPTED
            pytest.exit("interrupted", code)
        if was_terminated():
            session.exitstatus = TERMINATED

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_unconfigure(self) -> Iterator[None]:
        """End with the session's exit code: all is done, and pytest would print a traceback."""
        with contextlib.suppress(KeyboardInterrupt):
            yield


def _suite(config: pytest.Config, *, gated: bool) -> Suite:
    """What options and ini settings ask for; what can't be is a usage error."""
    values = {each.name: options.setting(config, each.name) for each in OPTIONS}
    isolate, budget = options.option(config, "isolate"), options.setting(config, "budget")
    ray = options.setting(config, "ray") or None
    try:
        workload = workload_from(
            options.setting(config, "workload") or QUICK.name,
            {name: text for name, text in values.items() if text},
        )
        check_names(workload)
        apply_limits(workload.limit)
        if ray is not None:
            from tlbench.suite.worker_scaling import check_cluster

            check_cluster(ray)
        return Suite(
            config,
            workload,
            config.invocation_params.dir / (options.setting(config, "results") or "results"),
            budget_s=SECONDS.parse("--budget", budget) if budget else None,
            isolate=gated if isolate is None else isolate,
            download=bool(options.option(config, "download")),
            ray=ray,
        )
    except OptionError as error:
        raise pytest.UsageError(printable(str(error))) from error
