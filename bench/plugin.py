"""The pytest plugin: ``pytest --benchmark`` runs the suite; plain ``pytest`` never does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.config.findpaths import determine_setup

from bench.options import OPTIONS, OptionError, workload_from
from bench.workloads import QUICK, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.terminal import TerminalReporter

SUITE = Path(__file__).parent / "suite"
#: What the suite's benchmarks are called, wherever the package is installed.
SUITE_NAME = "bench/suite/"
#: Version of our part of a result file.
FORMAT = 1
#: The order in which a job's stages happen, and in which they are measured and shown.
STAGES = ("resize", "extract", "train", "evaluate", "classify", "pipeline")
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
    group.addoption("--results", metavar="DIR", help="where results are kept (default: results)")
    parser.addini("tlbench_results", "--results", default="results")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Find the root folder again, now that the suite's options are known.

    pytest looks for it before it loads plugins, and takes the ``PATH`` of ``--data PATH`` for a
    test path then: its ini file would be looked for, and its cache written, among the data.
    """
    known = early_config.known_args_namespace
    if not known.benchmark:
        return
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


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Point pytest at the suite when asked to benchmark."""
    config.addinivalue_line("markers", "stage(name, track=None): what a benchmark test measures")
    if not config.getoption("--benchmark"):
        return
    workload = _workload(config)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
        config.args_source = pytest.Config.ArgsSource.ARGS
    if not any(config.getoption(f"benchmark_{name}", None) for name in _ITS_OUTPUT):
        config.option.benchmark_quiet = True
    config.pluginmanager.register(Suite(config, workload), "tlbench-suite")


def _workload(config: pytest.Config) -> Any:  # noqa: ANN401 - Workload
    """The workload that options and ini settings ask for; a bad one is a usage error."""
    given = {o.name: config.getoption(f"tlbench_{o.name}") or config.getini(o.ini) for o in OPTIONS}
    name = config.getoption("--workload") or config.getini("tlbench_workload")
    try:
        return workload_from(name, {key: text for key, text in given.items() if text})
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error


class Suite:
    """One benchmark run: what the benchmark tests share, and what is written at the end.

    Args:
        config: pytest's configuration.
        workload: What is run.

    Attributes:
        results: Folder for result files.
        not_measured: Reason by test, for the table: what is missing is said, not left out.
    """

    def __init__(self, config: pytest.Config, workload: Any) -> None:  # noqa: ANN401 - Workload
        self.config = config
        self.workload = workload
        chosen = config.getoption("--results") or config.getini("tlbench_results")
        self.results = config.invocation_params.dir / chosen
        self.download = bool(config.getoption("tlbench_download"))
        self.written: Path | None = None
        self.not_measured: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print lines past pytest's capturing."""
        reporter: TerminalReporter = self.config.pluginmanager.getplugin("terminalreporter")
        reporter.ensure_newline()
        reporter.write_line(text)

    def pytest_report_header(self) -> list[str]:
        """The job, before anything runs."""
        from bench.telling.plan import describe

        return describe(self.workload)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Import TensorFlow while output is captured, before progress bars are let through."""
        from bench.quiet import import_tensorflow

        if session.items and not self.config.getoption("collectonly"):
            import_tensorflow(self.workload.device)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run the stages in the order of the job."""
        items.sort(key=lambda item: STAGES.index(_stage(item)) if _stage(item) else len(STAGES))

    # Last of the wrappers, so that pytest's capturing has begun when this lets output through.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let progress bars reach the terminal while models load."""
        with self._uncaptured(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let progress bars reach the terminal while stages run."""
        with self._uncaptured(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A benchmark whose check failed keeps no timing, in whatever file is written."""
        report = yield
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if report.failed and benchmark is not None:
            benchmark.has_error = True
        if not report.passed and _stage(item):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "check failed"
            self.not_measured[item.name] = str(reason).removeprefix("Skipped: ")
        return report

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Add our fingerprint to pytest-benchmark's description of the machine."""
        from bench.measure.machine import fingerprint

        machine_info["tlbench"] = fingerprint()

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Say in every file what it lacks, so that nobody takes it for a whole run."""
        output_json["tlbench"] = {"version": FORMAT, "not_measured": self.not_measured}

    def pytest_keyboard_interrupt(self) -> None:
        """Drop the rounds of the benchmark that was interrupted, before any file is written."""
        for benchmark in self._session.benchmarks:
            # Its row is filled last, when every check has passed.
            if benchmark.fullname.startswith(SUITE_NAME) and "stage" not in benchmark.extra_info:
                benchmark.fixture.has_error = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the result file, if anything was measured."""
        from bench.records.write import write_results

        if any(not benchmark.has_error for benchmark in self._session.benchmarks):
            self.written = write_results(self._session, self.workload, self.results)

    @property
    def _session(self) -> Any:  # noqa: ANN401 - pytest-benchmark's session
        return self.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """The table, and where the results are."""
        from bench.records.read import read_rows
        from bench.telling.table import result_table

        terminalreporter.section("benchmark", sep="-")
        rows = read_rows(self.written) if self.written else []
        for line in result_table(rows, self.not_measured):
            terminalreporter.write_line(line)
        kept = f"results: {self.written}" if self.written else "results: nothing was measured"
        terminalreporter.write_line(kept)

    def _uncaptured(self, item: pytest.Item) -> contextlib.AbstractContextManager[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None or not _stage(item):
            return contextlib.nullcontext()
        disabled: contextlib.AbstractContextManager[None] = capture.global_and_fixture_disabled()
        return disabled


def _stage(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("stage")
    return str(marker.args[0]) if marker else None


@pytest.fixture(scope="session")
def tlbench_suite(pytestconfig: pytest.Config) -> Suite:
    """The benchmark run that a benchmark test belongs to; absent without ``--benchmark``."""
    suite = pytestconfig.pluginmanager.getplugin("tlbench-suite")
    if not isinstance(suite, Suite):
        pytest.skip("benchmarks run only with pytest --benchmark")
    return suite
