"""``tlbench`` as a whole: the same options everywhere, one line where something is wrong."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tl_core.data import data_names
from tlbench.cli.completion import SHELLS
from tlbench.cli.main import SHORT_HELPS, main
from tlbench.suite.options import OPTIONS

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results"
COMMANDS = {name: main.get_command(click.Context(main), name) for name in SHORT_HELPS}
ENGINES = ["tensorflow", "tensorflow-xla", "litert", "onnxruntime", "openvino", "tutorial", "auto"]
#: Those whose answer is a program for a shell.
NO_JSON = {"completion", "report"}
#: What takes long to import.
HEAVY = (
    "tensorflow", "scipy.stats", "matplotlib", "sklearn", "skimage", "numba", "jinja2", "ruptures",
    "openvino", "onnxruntime",
)  # fmt: skip
#: What the list of commands does without.
UNNEEDED = {"numpy", "rich", "msgspec", "tl_core", "json", "tempfile", "importlib.metadata"}
OF_HELP = [
    "tlbench.cli", "tlbench.cli.command_line", "tlbench.cli.main",
    "tlbench.errors", "tlbench.escapes", "tlbench.home", "tlbench.interruption",
    "tlbench.terminal",
]  # fmt: skip
MOST_WORDS = 12
SUITE = {option.name for option in OPTIONS}
#: What a command gets as one value, by the value's name.
GROUPS = {
    "chosen": {"names", "results", "engines", "thread_counts"},
    "command": {"arguments", "workload"},
    "prices": {"named", "file"},
    "suite": set(),
}
START = "import sys; from tlbench.cli.main import main; "


def tlbench(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def fresh(*arguments, code=START + "main(sys.argv[1:])", **options):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, timeout=120, check=False,
        **({"capture_output": True} | options),
    )  # fmt: skip


def completed(arguments, incomplete):
    shell = ShellComplete(main, {}, "tlbench", "_TLBENCH_COMPLETE")
    return [each.value for each in shell.get_completions(list(arguments), incomplete)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_names_it(name):
    done = tlbench(name, "--help")
    assert done.exit_code == 0
    (example,) = re.findall(r"Example: (.+)", done.output)
    assert f"tlbench {name}" in example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_an_example_exists(name):
    command = COMMANDS[name]
    known = {flag for each in command.params for flag in each.opts}
    own = command.epilog.partition(" -- ")[0]
    assert set(re.findall(r"(?<!\S)--?[a-z-]+", own)) <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_a_commands_own_help_begins_with(name):
    first = COMMANDS[name].help.partition("\n")[0]
    assert SHORT_HELPS[name] == first
    assert len(first.split()) <= MOST_WORDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_in_a_few_words_what_it_does(name):
    helps = {
        each.name: each.help for each in COMMANDS[name].params if isinstance(each, click.Option)
    }
    assert [name for name, text in helps.items() if not text] == []
    assert [text for text in helps.values() if len(text.split()) > MOST_WORDS] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_parameters_are_its_functions(name):
    command = COMMANDS[name]
    passed = {each.name for each in command.params if each.expose_value}
    signature = set(inspect.signature(command.callback).parameters) - {"ctx"}
    expected = set().union(*(GROUPS.get(each, {each}) for each in signature))
    assert passed - SUITE == expected - SUITE


def test_the_list_of_commands_imports_little_more_than_click():
    code = START + (
        "\ntry:\n    main(['--help'])\nfinally:\n"
        "    print(*(name for name in sys.modules if name.startswith('tlbench.')), file=sys.stderr)"
        f"\n    print({{*{UNNEEDED}}} & {{*sys.modules}}, file=sys.stderr)"
    )
    done = fresh(code=code)
    modules, heavy = done.stderr.splitlines()
    assert sorted(modules.split()) == OF_HELP
    assert heavy == "set()"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NO_JSON])
def test_every_command_prints_json_where_asked(name):
    assert any("--json" in each.opts for each in COMMANDS[name].params)


def test_an_option_of_two_commands_is_the_same_in_both():
    seen = {}
    for command in COMMANDS.values():
        for each in command.params:
            if isinstance(each, click.Option) and each.name in {o.name for o in OPTIONS}:
                seen.setdefault(each.name, set()).add((each.help, each.metavar))
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "Error: No such command 'trian'. Did you mean 'train'? See 'tlbench --help'."),
        (("zzz",), "Expected baseline, bisect, check"),
        (("train", "digits", "--epoch", "2"), "'--epochs'"),
        (("train", "a", "b"), "extra argument (b). See 'tlbench train --help'."),
        (("train",), "Missing argument 'DATA'. See 'tlbench train --help'."),
        (("train", "digits", "--epochs", "0"), "--epochs"),
        (("classify", "--engine", "torch"), "--engine torch: expected one of tensorflow"),
        (("classify", "--precision", "fp8"), "--precision fp8: expected one of fp32"),
        (("select", "digits", "--engine", "torch"), "--engine torch: expected one of tensorflow"),
        (("train", "digits", "--device", "tpu"), "--device tpu: expected cpu, gpu or gpu:N"),
        (("gate", "--workload", "slow"), "'quick', 'tutorial', 'full'"),
        (("completion", "csh"), "'bash', 'zsh', 'fish'"),
        (("check",), "Missing argument 'FILE...'"),
        (("compare", "nowhere"), "nowhere: no such file or folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_a_hint(arguments, message):
    done = tlbench(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")


def test_without_a_command_the_help_is_shown():
    done = tlbench()
    assert "Usage: tlbench" in done.output
    assert "Commands:" in done.output


def test_the_program_has_one_name_however_it_is_started():
    done = fresh("trian")
    assert done.stderr.endswith("See 'tlbench --help'.\n")


def test_a_reader_that_has_seen_enough_is_no_error():
    """As ``tlbench machine | head -1``, whose reader is gone before the last line is written."""
    program = f"{sys.executable} -m tlbench machine --no-probes"
    done = subprocess.run(
        ["bash", "-c", f"(sleep 1; {program}) | true; echo ${{PIPESTATUS[@]}}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == "1 0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("arguments", [("--help",), ("machine", "--no-probes"), ("check", RESULTS)])
def test_a_full_disk_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        done = fresh(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",), ("train", "--help"), ("gate", "--help"), ("trian",),
        ("completion", "bash"), ("machine", "--no-probes"), ("machine", "--no-probes", "--json"),
        ("check", RESULTS), ("compare", "nowhere"), ("train", "nowhere"),
        ("classify", "none.jpg"), ("classify", "--engine", "torch"), ("select", "nowhere"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments))[:30],
)  # fmt: skip
def test_what_needs_no_network_imports_nothing_heavy(arguments):
    code = START + (
        "\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        f"    print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr, sep=',')"
    )
    done = fresh(*arguments, code=code)
    assert "Traceback" not in done.stderr
    # What a failing command says comes before: its exit is on its way.
    assert done.stderr.splitlines()[-1] == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_prints_a_script(shell):
    done = tlbench("completion", shell)
    assert done.exit_code == 0
    assert "_TLBENCH_COMPLETE=" in done.stdout.replace(f"{shell}_complete", "")
    assert f"{shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        ((), "tr", ["train"]),
        (("train",), "--ep", ["--epochs"]),
        (("train", "digits", "--engine"), "open", ["openvino"]),
        (("train", "digits", "--engine"), "", ENGINES),
        (("classify", "--precision"), "", ["fp32", "bf16", "fp16", "int8"]),
        (("gate", "--workload"), "t", ["tutorial"]),
        (("gate", "--data"), "", list(data_names())),
        (("train",), "di", ["digits"]),
        (("completion",), "", list(SHELLS)),
        (("train", "digits", "--track"), "c", ["cached"]),
    ],
)
def test_commands_options_and_names_are_completed(arguments, incomplete, expected):
    assert completed(arguments, incomplete) == expected


def test_where_no_name_fits_folders_are_completed():
    shell = ShellComplete(main, {}, "tlbench", "_TLBENCH_COMPLETE")
    assert [each.type for each in shell.get_completions(["train"], "my-pho")] == ["dir"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_by_the_script(tmp_path):
    program = tmp_path / "tlbench"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tlbench "$@"\n')
    program.chmod(0o755)
    typed = (
        'eval "$(tlbench completion bash)"; COMP_WORDS=(tlbench train x --engine onn); '
        "COMP_CWORD=4; _tlbench_completion tlbench; echo ${COMPREPLY[@]}"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", typed], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "onnxruntime\n", done.stderr


def test_check_tells_scripts_which_file_has_which_problem(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    shutil.copy(next(RESULTS.glob("amd-epyc-turin-2-cpus/*.json")), good)
    bad.write_text("{")
    done = tlbench("check", "--json", tmp_path)
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert told["files"] == 2
    assert [each["file"] for each in told["problems"]] == [str(bad)]
    assert told["problems"][0]["problem"].startswith("not a readable JSON file")
    alone = tlbench("check", "--json", good)
    assert alone.exit_code == 0
    assert json.loads(alone.stdout) == {"files": 1, "problems": []}


def test_check_passes_over_schema_and_studies():
    done = tlbench("check", RESULTS)
    assert done.exit_code == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)],
    ids=["a terminal", "a dumb one", "not wanted"],
)
def test_a_terminal_has_words_that_decide_in_colour(variables, coloured, tmp_path, write_run):
    runs = [write_run(f"{n}.json", faster=n, engine=f"e{n}") for n in (1, 4)]
    mine, theirs = os.openpty()
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with os.fdopen(mine, "rb", buffering=0) as terminal:
        command = [sys.executable, "-m", "tlbench", "compare", *map(str, runs)]
        done = subprocess.Popen(
            command, stdout=theirs, cwd=ROOT, env=kept | {"TERM": "xterm"} | variables
        )
        os.close(theirs)
        written = b""
        with suppress(OSError):  # which is how a pseudo-terminal ends
            while part := terminal.read(65536):
                written += part
    assert done.wait() == 0
    assert (b"\x1b[32mfaster\x1b[0m" in written) == coloured
    assert (b"\x1b" in written) == coloured
    assert b"faster" in written


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"])
def test_what_is_piped_has_no_colour(variable):
    code = f"import os; os.environ[{variable!r}] = '1'; " + START + "main(sys.argv[1:])"
    done = fresh("machine", "--no-probes", code=code)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["classify", "train", "select", "baseline", "gate"])
def test_commands_that_run_the_suites_network_take_its_options(name):
    assert "--model HANDLE" in tlbench(name, "--help").output
