"""Numbers that people write: what is out of range is one line that says the range."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.errors import OptionError
from tlbench.gate.arms import ArmError, parse_arm
from tlbench.gate.verdict import Tolerances, parse_tolerances
from tlbench.numbers import Numbers
from tlbench.suite.arm_options import ARM_OPTIONS
from tlbench.suite.options import OPTIONS, workload_from

#: Texts that no option with a number takes.
NO_NUMBERS = {
    "nothing": "",
    "a word": "many",
    "26 digits": "9" * 26,
    "5,000 digits": "9" * 5000,
    "below": "-1",
    "not a number": "nan",
    "infinite": "inf",
    "minus infinite": "-inf",
    "too large a float": "1e999",
    "a control character": "1\x1b[31m",
    "two lines": "1\n2",
}
NUMBERED = [option for option in OPTIONS if isinstance(option.numbers, Numbers)]


@pytest.mark.parametrize("option", NUMBERED, ids=lambda option: option.name)
@pytest.mark.parametrize("text", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_an_option_of_the_suite_states_its_range(option, text):
    """As pytest's command line, its ini settings and tlbench read it."""
    with pytest.raises(OptionError) as error:
        workload_from("quick", {option.name: text})
    message = str(error.value)
    assert message.startswith(f"{option.flag} ")
    assert message.endswith(f": expected {option.numbers}")
    assert message.isprintable()
    assert len(message) < 150


@pytest.mark.parametrize("option", NUMBERED, ids=lambda option: option.name)
def test_the_ends_of_a_range_belong_to_it(option):
    numbers = option.numbers
    for end, beyond in ((numbers.least, -1), (numbers.most, 1)):
        assert option.parse(str(end)) == end
        with pytest.raises(OptionError):
            option.parse(str(end + beyond))


@pytest.mark.parametrize("option", NUMBERED, ids=lambda option: option.name)
@pytest.mark.parametrize("text", ["99999999999999999999999999", "nan", "-1"])
def test_an_arm_takes_the_same_numbers(option, text):
    with pytest.raises(ArmError, match=re.escape(f"expected {option.numbers}")):
        parse_arm(f"{option.name}={text}", ARM_OPTIONS)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (Numbers(1, 4096), "a whole number from 1 to 4,096"),
        (Numbers(0.001, 31_536_000.0), "a number from 0.001 to 31,536,000"),
        (Numbers(0.0, 1.0), "a number from 0 to 1"),
    ],
)
def test_a_range_is_said_in_words(numbers, text):
    assert str(numbers) == text


#: Options of commands, each with a value out of its range.
BAD_VALUES = [
    ("train", "--epochs", "0", "1 to 100,000"),
    ("train", "--epochs", "9" * 26, "1 to 100,000"),
    ("train", "--fine-tune", "-1", "0 to 100,000"),
    ("train", "--seed", "4294967296", "0 to 4,294,967,295"),
    ("train", "--seed", "1.5", "0 to 4,294,967,295"),
    ("train", "--min-accuracy", "nan", "0 to 1"),
    ("train", "--min-accuracy", "inf", "0 to 1"),
    ("train", "--min-accuracy", "1.01", "0 to 1"),
    ("train", "--image-size", "100000", "1 to 4,096"),
    ("train", "--threads", "1000000", "1 to "),
    ("train", "--batch-size", "0", "1 to 65,536"),
    ("train", "--train-size", "9" * 26, "1 to 1,000,000,000"),
    ("classify", "--top", "0", "1 to 1,000,000,000"),
    ("classify", "--image-size", "4097", "1 to 4,096"),
    ("select", "--budget", "nan", "0.001 to 31,536,000"),
    ("select", "--budget", "inf", "0.001 to 31,536,000"),
    ("select", "--budget", "0", "0.001 to 31,536,000"),
    ("select", "--accuracy-margin", "nan", "0 to 0.999"),
    ("select", "--accuracy-margin", "1", "0 to 0.999"),
    ("select", "--image-size", "0", "1 to 4,096"),
    ("select", "--image-size", "9" * 26, "1 to 4,096"),
    ("select", "--seed", "-1", "0 to 4,294,967,295"),
    ("gate", "--budget", "nan", "0.001 to 31,536,000"),
    ("gate", "--budget", "1e-300", "0.001 to 31,536,000"),
    ("gate", "--budget", "1e300", "0.001 to 31,536,000"),
    ("gate", "--aa", "0", "1 to 10,000"),
    ("gate", "--seed", "9" * 26, "0 to 4,294,967,295"),
    ("gate", "--price-per-hour", "1e-9", "1e-06 to 1,000,000,000"),
    ("gate", "--tolerance", "nan", "a share such as 5%"),
    ("gate", "--tolerance", "0", "from 0.01 % to 100 %"),
    ("gate", "--tolerance", "1e-300", "from 0.01 % to 100 %"),
    ("gate", "--tolerance", "test_a=0%", "from 0.01 % to 100 %"),
    ("gate", "--accuracy-tolerance", "nan", "a share such as 5%"),
    ("gate", "--accuracy-tolerance", "9" * 26, "a share such as 5%"),
    ("bisect", "--budget", "inf", "0.001 to 31,536,000"),
    ("bisect", "--seed", "-1", "0 to 4,294,967,295"),
    ("baseline", "--runs", "0", "1 to 10,000"),
    ("baseline", "--runs", "9" * 26, "1 to 10,000"),
    ("predict", "--top", "1e3", "1 to 1,000,000,000"),
]
#: What these commands need beside the option.
NEEDED = {
    "train": ["digits"],
    "select": ["digits"],
    "gate": ["--base", "ref=main"],
    "bisect": ["--good", "v1"],
    "baseline": ["-o", "b.json"],
    "predict": ["model", "pictures"],
    "classify": [],
}


@pytest.mark.parametrize("case", BAD_VALUES, ids=lambda case: " ".join(case[:3])[:40])
def test_a_value_out_of_range_is_one_line_and_nothing_is_begun(case, tmp_path, monkeypatch):
    command, flag, value, expected = case
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [command, *NEEDED[command], flag, value])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr
    assert value.removeprefix("test_a=")[:40] in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "marker", [{"args": [0], "kwargs": {}}, {"args": ["1e-300"], "kwargs": {}}]
)
def test_a_marker_takes_no_smaller_tolerance(marker):
    with pytest.raises(OptionError, match=r"from 0\.01 % to 100 %"):
        Tolerances().of("a.py::test_a", marker)


def test_no_loss_of_accuracy_is_a_tolerance():
    assert parse_tolerances([], "0").accuracy == 0
    assert Tolerances().of("a", {"args": [], "kwargs": {"accuracy": 0}}).accuracy == 0


#: Commands that take long, with a place where nothing can be written.
NO_PLACES = [
    ("train", "digits", "--save", "/proc/x"),
    ("train", "digits", "--report", "/proc/x/page.html"),
    ("select", "digits", "--picture", "/proc/x/choice.svg"),
    ("gate", "--base", "ref=main", "--save", "/proc/x/gate.json"),
    ("gate", "--base", "ref=main", "--junit", "/proc/x/gate.xml"),
    ("gate", "--base", "ref=main", "--markdown", "/proc/x/gate.md"),
    ("baseline", "-o", "/proc/x/b.json"),
]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, where nothing can be made")
@pytest.mark.parametrize("arguments", NO_PLACES, ids=lambda each: " ".join(each[::2]))
def test_where_files_go_is_tried_before_anything_is_measured(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("subprocess.run", None)
    monkeypatch.setattr("subprocess.Popen", None)
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "a file can't be read or written" in done.stderr
    assert "/proc/x" in done.stderr
