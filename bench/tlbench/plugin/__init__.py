"""The pytest plugin: ``pytest --benchmark`` runs the suite; plain ``pytest`` never does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlbench.errors import OptionError
from tlbench.suite.options import OPTIONS, check_names, workload_from
from tlbench.suite.session import Suite, gated
from tlbench.suite.workloads import QUICK, WORKLOADS

if TYPE_CHECKING:
    from tlbench.suite.workloads import Workload

SUITE = Path(__file__).parents[1] / "suite"
#: pytest-benchmark's options that ask for its own table or files: then it isn't silenced.
_ITS_OUTPUT = ("save", "autosave", "json", "compare", "histogram", "csv", "verbose", "cprofile")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite; each is an ini setting too."""
    group = parser.getgroup("tlbench", "transfer learning benchmark")
    group.addoption("--benchmark", action="store_true", help="run the benchmark suite")
    group.addoption(
        "--workload", metavar="NAME", help=f"{', '.join(WORKLOADS)} (default: {QUICK.name})"
    )
    parser.addini("tlbench_workload", f"--workload, default {QUICK.name}", default=QUICK.name)
    for option in OPTIONS:
        group.addoption(
            option.flag, dest=f"tlbench_{option.name}", metavar=option.metavar, help=option.help
        )
        parser.addini(option.ini, f"{option.flag}: {option.help}", default="")
    group.addoption(
        "--download",
        dest="tlbench_download",
        action="store_true",
        help="allow data sets to be downloaded",
    )
    for flag, on in (("--isolate", True), ("--no-isolate", False)):
        group.addoption(
            flag,
            dest="tlbench_isolate",
            action="store_const",
            const=on,
            help=f"each benchmark in {'a fresh' if on else 'one'} process"
            + (" (default with --gate)" if on else ""),
        )
    group.addoption(
        "--budget", metavar="SECONDS", help="plan the rounds so that the run takes this"
    )
    parser.addini("tlbench_budget", "--budget", default="")
    group.addoption("--results", metavar="DIR", help="where results are kept (default: results)")
    parser.addini("tlbench_results", "--results", default="results")
    _add_gate_options(group, parser)


def _add_gate_options(group: pytest.OptionGroup, parser: pytest.Parser) -> None:
    """Options that count for anybody's pytest-benchmark tests."""
    for flag, metavar, about in (
        ("--gate", "BASELINE", "fail benchmarks that became slower than tlbench baseline's file"),
        ("--tolerance", "SHARE", "slowdown that --gate allows, such as 5% (default)"),
        ("--accuracy-tolerance", "SHARE", "loss of accuracy that --gate allows (default: 1%)"),
        ("--allow-changed", "NAMES", "versions and settings that may differ: packages.numpy,..."),
    ):
        name = "tlbench_" + flag.removeprefix("--").replace("-", "_")
        group.addoption(flag, dest=name, metavar=metavar, help=about)
        parser.addini(name, f"{flag}: {about}", default="")
    about = "benchmarks that the baseline lacks are not judged, rather than failed"
    group.addoption("--allow-new", dest="tlbench_allow_new", action="store_true", help=about)
    parser.addini("tlbench_allow_new", f"--allow-new: {about}", type="bool", default=False)
    group.addoption(
        "--describe-machine",
        dest="tlbench_describe",
        action="store_true",
        help="describe this machine in pytest-benchmark's files, as a baseline needs it",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Find the root folder and the first conftest again, now that the options are known.

    pytest looks for the root before it loads plugins, and takes the ``PATH`` of ``--data PATH``
    for a test path then: its ini file would be looked for, and its cache written, among the data.
    And it would load the conftest of ``testpaths``, of tests that a benchmark run doesn't run and
    whose packages may not be installed.
    """
    known = early_config.known_args_namespace
    if not known.benchmark and not known.tlbench_gate:
        return
    # Not pytest's public interface: where a later one differs, ``--data=PATH`` still works.
    from _pytest.config.findpaths import determine_setup

    root, ini, values, ignored = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=known.file_or_dir,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=early_config.invocation_params.dir,
    )
    early_config._rootpath, early_config._inipath = root, ini  # noqa: SLF001
    early_config._inicfg, early_config._ignored_config_files = values, ignored  # noqa: SLF001
    early_config._inicache.clear()  # noqa: SLF001
    if known.benchmark:
        known.file_or_dir = known.file_or_dir or [str(SUITE)]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Point pytest at the suite when asked to benchmark."""
    config.addinivalue_line("markers", "stage(name, track=None): what a benchmark test measures")
    config.addinivalue_line(
        "markers", "tolerance(share, accuracy=share): what --gate allows this benchmark to lose"
    )
    asked = config.getoption("--benchmark") or gated(config)
    if asked and config.getoption("dist", "no") != "no":  # pytest-xdist's workers
        raise pytest.UsageError("benchmarks beside each other measure each other; give -n 0")
    if gated(config) or config.getoption("tlbench_describe"):
        _register_gate(config)
    if not config.getoption("--benchmark"):
        return
    workload = _workload(config)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
        config.args_source = pytest.Config.ArgsSource.ARGS
    if not any(config.getoption(f"benchmark_{name}", None) for name in _ITS_OUTPUT):
        config.option.benchmark_quiet = True
    config.pluginmanager.register(Suite(config, workload), "tlbench-suite")


def _register_gate(config: pytest.Config) -> None:
    """Plugins that describe the machine and judge against a baseline."""
    from tlbench.plugin.machine import Described

    described = Described()
    if not config.getoption("--benchmark"):  # the suite describes its machine itself
        config.pluginmanager.register(described, "tlbench-machine")
    if not gated(config):
        return
    from tlbench.plugin.stored_gate import StoredGate

    config.pluginmanager.register(StoredGate(config, described), "tlbench-gate")


def _workload(config: pytest.Config) -> Workload:
    """The workload that options and ini settings ask for; a bad one is a usage error."""
    given = {o.name: config.getoption(f"tlbench_{o.name}") or config.getini(o.ini) for o in OPTIONS}
    name = config.getoption("--workload") or config.getini("tlbench_workload")
    try:
        workload = workload_from(name, {key: text for key, text in given.items() if text})
        check_names(workload)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error
    return workload


@pytest.fixture(scope="session")
def tlbench_suite(pytestconfig: pytest.Config) -> Suite:
    """The benchmark run that a benchmark test belongs to; absent without ``--benchmark``."""
    suite = pytestconfig.pluginmanager.getplugin("tlbench-suite")
    if not isinstance(suite, Suite):
        pytest.skip("benchmarks run only with pytest --benchmark")
    return suite
