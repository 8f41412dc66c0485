"""Options of the plugin yield to everybody else's, and exist only in sessions that type them."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

# Kept loaded: pytester forgets what a run imports, and compiled packages can't be imported twice.
import tlbench.plugin.session
import tlbench.plugin.stored_gate
import tlbench.suite.extra  # noqa: F401 - for its imports
from tl_core.limits import Limits, limits, set_limits
from tlbench.plugin.options import ALWAYS, OPTIONS, SUITE
from tlbench.suite.session import FOLDER

NAMES = [flag.names[0] for flag in (*ALWAYS, *SUITE)]
THEIRS = """
def pytest_addoption(parser):
    for name in {names}:
        parser.addoption(name, action="store", default="cpu")
"""
#: Settings that would keep the suite from running, or make it another one.
INI = """
[pytest]
addopts = --run-slow --device theirs --allow-changed theirs
    -n 2 -x -k sort -m "not slow" --lf --import-mode=importlib --doctest-modules
    --ignore-glob=*suite* -p no:benchmark --strict-config --benchmark-skip --setup-show tests
    --benchmark-json own.json --benchmark-autosave --tolerance 9%
python_files = bench_*.py
python_functions = bench_*
python_classes = Bench*
norecursedirs = bench suite site-packages
testpaths = tests
usefixtures = clean_db
filterwarnings = error
minversion = 6.0
cache_dir = /proc/none
log_cli = true
pythonpath = tests
tlbench_train_size = 70
"""


def run(pytester, *arguments):
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_of_a_conftest_is_theirs(pytester, name):
    pytester.makeconftest(f"def pytest_addoption(parser): parser.addoption('{name}')")
    pytester.makepyfile(f"def test_a(request): assert request.config.getoption('{name}') == 'me'")
    for arguments in ((f"{name}=me",), (name, "me")):
        run(pytester, *arguments).assert_outcomes(passed=1)


def test_options_of_a_conftest_that_is_loaded_late_are_theirs(pytester):
    """It is found while tests are collected, when our options would long be registered."""
    pytester.mkdir("sub").joinpath("conftest.py").write_text(THEIRS.format(names=NAMES))
    pytester.mkdir("sub/inner").joinpath("test_a.py").write_text("def test_a(): pass")
    run(pytester).assert_outcomes(passed=1)


def test_a_plain_session_has_none_of_ours(pytester):
    config = pytester.parseconfigure()
    assert not [name for name in vars(config.option) if name.startswith("tlbench")]
    assert not [line for line in config.getini("markers") if "tlbench" in line or "gate" in line]
    for name in NAMES:
        with pytest.raises(ValueError, match="no option named"):
            config.getoption(name)


@pytest.mark.parametrize("name", ["stage", "tolerance"])
def test_a_strangers_own_markers_mean_nothing_to_us(pytester, monkeypatch, name):
    # pytest remembers markers of all sessions of this process, those of other tests too.
    monkeypatch.setattr(pytest.mark, "_markers", set())
    pytester.makepyfile(f"import pytest\n@pytest.mark.{name}(1, unit='s')\ndef test_a(): pass")
    assert f"'{name}' not found" in run(pytester, "--strict-markers").stdout.str()
    done = run(pytester, "--strict-markers", "-o", f"markers={name}: theirs")
    done.assert_outcomes(passed=1)


@pytest.mark.parametrize("arguments", [(), ("--benchmark",)])
def test_help_works_and_lists_what_there_is(pytester, arguments):
    done = run(pytester, *arguments, "--help")
    assert done.ret == 0
    text = done.stdout.str()
    assert "slowdown that --gate allows (default: 5%)" in text
    assert ("--train-size=N" in text) == bool(arguments)
    assert "--tlbench-train-size" not in text


def test_help_texts_have_at_most_12_words():
    for flag in (*ALWAYS, *SUITE):
        assert len(flag.help.split()) <= 12, flag.name


def test_every_option_of_the_suite_is_one_of_pytest():
    assert {option.name for option in OPTIONS} <= {flag.name for flag in SUITE}


def test_limits_are_repeatable_and_an_ini_setting(pytester):
    arguments = ("--tlbench", "--limit=picture-pixels=9", "--limit", "model-bytes=1e9")
    before = limits()
    try:
        config = pytester.parseconfigure(*arguments)
        suite = config.pluginmanager.getplugin("tlbench-suite").suite
        assert suite.workload.limit == "picture-pixels=9,model-bytes=1e9"
        assert limits() == Limits(picture_pixels=9, model_bytes=10**9)
        assert "--tlbench-limit=picture-pixels=9,model-bytes=1e9" in suite.command(
            SimpleNamespace(path=pytester.path, name="test_a"), pytester.path
        )
        config = pytester.parseconfigure("--tlbench", "-o", "tlbench_limit=picture-pixels=8")
        assert limits() == Limits(picture_pixels=8)
    finally:
        set_limits(before)


def test_where_a_plugin_has_ours_the_other_names_work_and_the_header_says_so(pytester):
    pytester.makepyfile(theirs=THEIRS.format(names=[n for n in NAMES if n != "--isolate"]))
    pytester.syspathinsert()
    arguments = ("-p", "theirs", "--tlbench", "--workers=theirs", "--tlbench-workers=1")
    config = pytester.parseconfigure(*arguments, "--isolate")
    assert config.getoption("--workers") == "theirs"
    assert config.pluginmanager.getplugin("tlbench-suite").suite.workload.workers == 1
    header = config.hook.pytest_report_header(config=config, start_path=pytester.path)
    lines = [line for each in header for line in ([each] if isinstance(each, str) else each)]
    assert "tlbench: --workers is another plugin's or conftest's; use --tlbench-workers" in lines
    assert not any("--isolate" in line or "--gate" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"), [(("--gate", "me"), True), (("--tolerance", "1"), False), ((), False)]
)
def test_outside_our_sessions_only_a_gate_that_is_not_ours_is_said(pytester, arguments, said):
    pytester.makeconftest(THEIRS.format(names=["--gate", "--tolerance"]))
    pytester.makepyfile("def test_a(): pass")
    done = run(pytester, *arguments)
    done.assert_outcomes(passed=1)
    line = "tlbench: --gate is another plugin's or conftest's; use --tlbench-gate"
    assert (line in done.outlines) == said
    assert done.stdout.str().count("tlbench: ") == said


def test_a_gate_by_its_other_name_gates_where_the_short_one_is_theirs(pytester):
    pytester.makeconftest(THEIRS.format(names=["--gate"]))
    pytester.makepyfile("def test_a(): pass")
    done = run(pytester, "--gate=me", "--tlbench-gate=none.json")
    assert done.ret == 4
    assert "none.json: not a readable baseline" in done.stderr.str()


def test_an_argument_file_counts_as_typed(pytester):
    pytester.path.joinpath("arguments").write_text("--gate\nnone.json\n")
    assert "none.json: not a readable baseline" in run(pytester, "@arguments").stderr.str()


@pytest.fixture
def project(pytester):
    """A project whose settings and conftest would break the suite's run."""
    pytester.makeini(INI)
    theirs = THEIRS.replace("name,", "'--allow-changed',")
    pytester.makeconftest("import a_package_that_is_not_there" + theirs)
    pytester.mkdir("tests").joinpath("conftest.py").write_text("import nor_this")
    return pytester


def test_a_run_of_the_suite_takes_nothing_from_a_projects_ini_file(project):
    path = list(sys.path)
    config = project.parseconfigure("--benchmark")
    option = config.option
    assert config.args == [str(FOLDER)]
    # Where the environment lies in the project, its conftest lies above the suite.
    assert config.known_args_namespace.confcutdir == str(FOLDER)
    assert (option.keyword, option.markexpr, option.lf, option.maxfail) == ("", "", False, None)
    assert (option.importmode, option.doctestmodules) == ("prepend", False)
    assert (option.ignore_glob, option.setupshow, option.benchmark_skip) == (None, False, False)
    assert config.getini("python_files") == ["test_*.py", "*_test.py"]
    assert config.getini("python_functions") == ["test"]
    assert config.getini("python_classes") == ["Test"]
    assert "suite" not in config.getini("norecursedirs")
    assert config.getini("usefixtures") == config.getini("filterwarnings") == []
    assert config.getini("cache_dir") == ".pytest_cache"
    assert not config.getini("log_cli")
    assert [each for each in sys.path if each not in path] == []
    # What it does take: settings and options of ours, and where pytest-benchmark's files go.
    assert config.getini("tlbench_train_size") == "70"
    assert option.tlbench_tolerance == "9%"
    assert option.tlbench_device is option.tlbench_allow_changed is None
    assert option.benchmark_json.name == "own.json"
    assert option.benchmark_autosave


def test_a_project_whose_addopts_ask_for_the_suite_says_how(pytester):
    pytester.makeini("[pytest]\naddopts = --benchmark -k resize --train-size 9\n")
    config = pytester.parseconfigure()
    assert (config.option.keyword, config.option.tlbench_train_size) == ("resize", "9")


def test_what_is_typed_counts(project, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k resize")
    config = project.parseconfigure("--benchmark", "-x", "-q", "-o", "console_output_style=count")
    assert (config.option.keyword, config.option.maxfail, config.option.verbose) == (
        "resize",
        1,
        -1,
    )
    assert config.getini("console_output_style") == "count"


def test_an_ini_file_beside_the_data_is_not_used(project, tmp_path_factory):
    photos = tmp_path_factory.mktemp("photos")
    photos.joinpath("pytest.ini").write_text("[pytest]\ntlbench_train_size = 8\n")
    for arguments in (("--data", str(photos)), ("--tlbench-data", str(photos))):
        config = project.parseconfigure("--benchmark", *arguments)
        assert config.rootpath == project.path
        assert config.getini("tlbench_train_size") == "70"


def test_the_suite_is_collected_whole_in_such_a_project(project):
    command = [sys.executable, "-m", "pytest", "--benchmark", "--collect-only", "-q"]
    done = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 tests collected" in done.stdout
    assert "warning" not in done.stdout


def test_without_the_extra_the_suite_says_what_to_install(pytester, monkeypatch):
    monkeypatch.setattr("tlbench.suite.extra.find_spec", lambda name: None)
    done = run(pytester, "--benchmark", "--collect-only")
    assert done.ret == 4
    (line,) = filter(None, done.errlines)
    assert line == "ERROR: pytest --benchmark needs TensorFlow: pip install 'tlbench[suite]'"
    assert run(pytester, "--benchmark", "--help").ret == 0


def test_without_pytest_benchmark_there_is_one_line(pytester):
    done = run(pytester, "--benchmark", "-p", "no:benchmark")
    assert done.ret == 4
    assert "tlbench needs the plugin pytest-benchmark" in done.stderr.str()


def test_an_option_that_a_conftest_only_may_define_is_not_guessed(pytester):
    pytester.makeconftest(
        "def pytest_addoption(parser):\n    if False: parser.addoption('--benchmark')"
    )
    done = run(pytester, "--benchmark", "--collect-only")
    assert done.ret == 4
    assert "--benchmark: conftest.py defines it in other sessions; use --tlbench" in str(
        done.stderr
    )
    assert run(pytester, "--tlbench", "--collect-only").ret == 0
