"""All that is printed goes through ``tlbench.terminal``: no module has a door of its own."""

import ast
from pathlib import Path

import pytest

import tl_core
import tlbench

PACKAGES = [Path(tlbench.__file__).parent, Path(tl_core.__file__).parent]
DOOR = "terminal.py"
#: Names and attributes that print, or make something that does.
PRINTS = {"print", "echo", "secho", "Console", "write_line", "write_sep", "write_raw"}
#: Methods that print where the object is one of pytest's or a standard stream.
WRITES = {"write", "writelines", "section"}
STREAMS = {"stdout", "stderr", "terminalreporter", "reporter", "writer"}
#: What ends a test or session with a text of ours, and what makes such a text printable.
ENDS = {"UsageError", "fail", "exit"}
ESCAPES = {"printable", "visible"}
#: Places that print for a reason: the answer of one process of ours to another, through a pipe;
#: a table that rich only lays out; progress bars, whose texts are ours.
ALLOWED = {
    ("machine/probe_tensorflow.py", "print"),
    ("suite/gpu_peaks.py", "print"),
    ("report/text.py", "Console"),
    ("report/text.py", "print"),
    ("runs/collect.py", "tqdm"),
    ("tl_core/progress.py", "tqdm"),
}


def sources():
    """Modules by name, without the door and what is written to an arm's log."""
    for package in PACKAGES:
        prefix = "" if package.name == "tlbench" else f"{package.name}/"
        for path in sorted(package.rglob("*.py")):
            name = prefix + path.relative_to(package).as_posix()
            if name != DOOR and not name.startswith("gate/arm/"):
                yield name, path


def name_of(function):
    return getattr(function, "attr", getattr(function, "id", ""))


def doors(tree):
    """Names of what prints in a module, where it isn't the door."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        on = name_of(getattr(node.func, "value", None))
        if name in PRINTS or (name in WRITES and on in STREAMS) or name == "tqdm":
            yield name
        if name in ENDS and on == "pytest" and not is_escaped(node.args[0]):
            yield name


def is_escaped(argument):
    """Whether a text is constant, but for names of our own options, or made printable."""
    if isinstance(argument, ast.JoinedStr):
        fields = [each.value for each in argument.values if isinstance(each, ast.FormattedValue)]
        return all(isinstance(each, ast.Name) and each.id in {"short", "long"} for each in fields)
    called = isinstance(argument, ast.Call) and name_of(argument.func) in ESCAPES
    return called or isinstance(argument, ast.Constant)


def test_every_module_prints_through_the_door():
    used = {
        (name, door)
        for name, path in sources()
        for door in doors(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert used == ALLOWED


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("print(x)", ["print"]),
        ("click.echo(x)", ["echo"]),
        ("sys.stderr.write(x)", ["write"]),
        ("file.write(x)", []),
        ("tqdm(x)", ["tqdm"]),
        ("Console().print(x)", ["print", "Console"]),
        ("reporter.write_line(x)", ["write_line"]),
        ("raise pytest.UsageError(str(error))", ["UsageError"]),
        ("raise pytest.UsageError(f'{error}')", ["UsageError"]),
        ("raise pytest.UsageError(printable(x))", []),
        ("raise pytest.UsageError('text')", []),
        ("pytest.fail(text)", ["fail"]),
        ("say(x)", []),
    ],
)
def test_what_counts_as_a_door(source, found):
    assert list(doors(ast.parse(source))) == found
