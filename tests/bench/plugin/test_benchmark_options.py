"""A run of the suite has one clock and one plan, whatever pytest-benchmark is asked for."""

import pytest

# Kept loaded: pytester forgets what a run imports, and compiled packages can't be imported twice.
import tlbench.plugin.session
import tlbench.plugin.stored_gate
import tlbench.suite.conftest
import tlbench.suite.extra  # noqa: F401 - for its imports
from tlbench.gate.arm.overrides import OVERRIDDEN
from tlbench.plugin.benchmark_options import REFUSED, UNUSED
from tlbench.suite.session import TURNS


def refusal(pytester, *arguments):
    """Why a session with these arguments doesn't begin."""
    with pytest.raises(pytest.UsageError) as error:
        pytester.parseconfigure(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def configured(pytester):
    """The configuration of a session that begins, until the test's end."""
    begun = []

    def configure(*arguments):
        begun.append(pytester.parseconfigure(*arguments))
        return begun[-1]

    yield configure
    for each in begun:
        each._ensure_unconfigure()


def header(config):
    """The lines at the start of a session."""
    several = config.hook.pytest_report_header(config=config, start_path=config.rootpath)
    return [line for each in several for line in ([each] if isinstance(each, str) else each)]


#: Options with which rows would be wrong or absent, by how they are given.
CLOCKS = {
    "--benchmark-timer": "--benchmark-timer=time.process_time",
    "--benchmark-cprofile": "--benchmark-cprofile=tottime",
    "--benchmark-disable-gc": "--benchmark-disable-gc",
    "--benchmark-disable": "--benchmark-disable",
    "--benchmark-skip": "--benchmark-skip",
}


@pytest.mark.parametrize("flag", CLOCKS)
def test_an_option_with_which_rows_would_be_wrong_is_refused_with_the_reason(pytester, flag):
    line = refusal(pytester, "--benchmark", CLOCKS[flag])
    assert line == f"{flag} with --benchmark: {REFUSED[flag][2]}; leave it out"


def test_each_refused_option_is_tried():
    assert set(CLOCKS) == set(REFUSED)


@pytest.mark.parametrize(
    "options",
    [
        ("--benchmark-timer=time.perf_counter",),
        ("--benchmark-disable", "--benchmark-enable"),
        ("--benchmark-only",),
        ("--benchmark-only", "--isolate"),
    ],
    ids=" ".join,
)
def test_options_that_do_no_harm_are_taken(configured, options):
    session = configured("--benchmark", *options)._benchmarksession
    assert [session.disabled, session.skip, session.only] == [False] * 3


def test_options_about_rounds_are_said_to_have_no_effect(configured):
    newer = ("--benchmark-precision", "--benchmark-confidence")  # than some versions
    flags = [flag for flag in UNUSED if flag not in newer]
    values = ("7", "0.1", "0.1", "7", "on", "7")
    given = [f"{flag}={value}" for flag, value in zip(flags, values, strict=True)]
    (line,) = (
        each for each in header(configured("--benchmark", *given)) if "without effect" in each
    )
    assert line == f"tlbench plans the rounds, see --budget; without effect: {', '.join(flags)}"


def test_what_a_projects_ini_file_says_of_rounds_does_not_count(pytester, configured):
    pytester.makeini("[pytest]\naddopts = --benchmark-disable --benchmark-min-rounds=9\n")
    assert not any("without effect" in line for line in header(configured("--benchmark")))


def test_in_an_arm_of_a_gate_the_gates_own_rules_hold(pytester):
    """Its table honours a clock and overrides all else that is refused here."""
    assert set(REFUSED) - set(OVERRIDDEN) == {"--benchmark-timer", "--benchmark-disable-gc"}
    config = pytester.parseconfig("--benchmark", "--benchmark-timer=time.process_time")
    config.pluginmanager.register(object(), TURNS)
    config._do_configure()
    assert str(config.option.benchmark_timer) == "time.process_time"
    config._ensure_unconfigure()


#: Ini settings and options, with what the error says.
BAD_SETTINGS = [
    ("budget", "nan", "--budget nan: expected a number from 0.001 to 31,536,000"),
    ("budget", "inf", "--budget inf: expected"),
    ("budget", "0", "--budget 0: expected"),
    ("budget", "9" * 400, "...: expected a number from"),
    ("threads", "1000000", "--threads 1000000: expected a whole number from 1 to"),
    ("image_size", "100000", "--image-size 100000: expected a whole number from 1 to 4,096"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD_SETTINGS)
@pytest.mark.parametrize("by", ["option", "setting"])
def test_settings_have_the_options_ranges(pytester, by, name, value, message):
    if by == "setting":
        pytester.makeini(f"[pytest]\ntlbench_{name} = {value}\n")
    option = [f"--{name.replace('_', '-')}={value}"] if by == "option" else []
    assert message in refusal(pytester, "--benchmark", *option)


@pytest.mark.parametrize("value", ["0", "1e-300", "nan", "2", "5%%", "9" * 400])
def test_a_stored_gates_tolerance_has_a_range(pytester, value, make_run):
    from tlbench.gate.baseline import Baseline, write_baseline

    runs = tuple(make_run({"a": [1.0 + number]}) for number in range(3))
    write_baseline(pytester.path / "b.json", Baseline((), runs))
    line = refusal(pytester, "--gate=b.json", f"--tolerance={value}")
    assert "expected a share such as 5% or 0.05, from 0.01 % to 100 %" in line
    assert len(line) < 150


@pytest.mark.parametrize("place", ["/proc/x", "taken"])
def test_where_results_go_is_tried_before_anything_is_measured(pytester, place):
    pytester.path.joinpath("taken").touch()
    line = refusal(pytester, "--benchmark", f"--results={place}")
    assert line.startswith("--results ")
    assert place in line
    assert line.endswith("; name another")
