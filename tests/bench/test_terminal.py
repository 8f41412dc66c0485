"""The door: control characters become visible, colours are ours, any terminal gets a text."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.escapes import printable
from tlbench.terminal import SUBSTITUTE, guarded, report, say, show, show_json, visible

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Straße 名前 ≠", "Straße 名前 ≠", id="letters of any language"),
        pytest.param("\x1b]0;owned\x07", r"\x1b]0;owned\x07", id="a window title"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="a colour"),
        pytest.param("\x1b[8mhidden", r"\x1b[8mhidden", id="concealed text"),
        pytest.param("\x9b2J", r"\x9b2J", id="C1"),
        pytest.param("\x7f\b\r\v", r"\x7f\x08\r\x0b", id="DEL, backspace, return"),
        pytest.param("a\nb\tc", r"a\nb\tc", id="newline and tab"),
        pytest.param("gpj\u202eexe.\u2066x", r"gpj\u202eexe.\u2066x", id="text direction"),
        pytest.param("a\u200bb\ufeffc\u00add", r"a\u200bb\ufeffc\xadd", id="zero width"),
        pytest.param("\u3164\ufe0f\U000e0100", r"\u3164\ufe0f\U000e0100", id="invisible"),
        pytest.param("\u2028\x85", r"\u2028\x85", id="other line ends"),
        pytest.param("caf\udce9", r"caf\udce9", id="a byte that is no UTF-8"),
    ],
)  # fmt: skip
def test_what_does_not_show_becomes_an_escape(text, shown, capsys):
    assert printable(text) == shown
    show([text])
    say(text)
    assert capsys.readouterr() == (f"{shown}\n", f"{shown}\n")


def test_lines_of_a_program_stay_lines():
    assert visible("a\n\tb\x1b[0m\rc") == "a\n\tb\\x1b[0m\\rc"


def test_json_is_ascii_and_the_same_value(capsys):
    value = {"\x9b": ["ü\u202e\x1b\x7f\ud800", 1.5]}
    show_json(value)
    text = capsys.readouterr().out
    assert text.isascii()
    assert printable(text, keep="\n") == text
    assert json.loads(text) == value


class Terminal(io.StringIO):
    """A terminal with colours."""

    def isatty(self):
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    """Put a terminal in place of a standard stream, once pytest has put its own there."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def opened(name):
        stream = Terminal()
        monkeypatch.setattr(sys, name, stream)
        return stream

    return opened


def test_colours_are_ours_alone(open_terminal):
    terminal = open_terminal("stdout")
    with guarded():
        show(["x\x1b[32m faster", "y slower, z"], {"faster": "green", "slower": "red"})
    lines = terminal.getvalue().splitlines()
    assert lines == ["x\\x1b[32m \x1b[32mfaster\x1b[0m", "y \x1b[31mslower\x1b[0m, z"]


def test_what_others_print_is_guarded_and_the_streams_come_back(open_terminal):
    terminal = open_terminal("stdout")
    with guarded():
        print("\x1b]0;owned\x07", "\rverdict")  # noqa: T201 - as others do
        sys.stdout.writelines(["\x9b"])
        assert not hasattr(sys.stdout, "buffer")
    assert terminal.getvalue() == "\\x1b]0;owned\\x07 \\rverdict\n\\x9b"
    assert sys.stdout is terminal


def test_bars_move_back_and_do_nothing_else(open_terminal):
    stream = open_terminal("stderr")
    with guarded():
        bars = sys.stderr.bars
        bars.write("\r 12 %\x1b[2J\r")
        bars.write("\b\b\r 13 %")
    assert stream.getvalue() == "\r 12 %\\x1b[2J\\r\b\b\r 13 %"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "2× … → ≠ µ 名 █▁"),
        ("latin-1", r"2× ... -> != µ \u540d #_"),
        ("cp1252", r"2× … -> != µ \u540d #_"),
        ("ascii", r"2x ... -> != u \u540d #_"),
    ],
)
def test_a_terminal_that_lacks_a_character_gets_a_substitute(encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=SUBSTITUTE)
    stream.write("2× … → ≠ µ 名 █▁")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == shown


class Reporter:
    def __init__(self):
        self.lines = []

    def ensure_newline(self):
        pass

    def section(self, title, sep):
        self.lines.append((sep, title))

    def write_line(self, line, **markup):
        self.lines.append((line, markup))


def test_pytests_report_gets_lines_of_the_same_kind():
    reporter = Reporter()
    report(reporter, ["a\x1b[8m\nb"], "t\x9b", bold=True)
    assert reporter.lines == [("-", r"t\x9b"), (r"a\x1b[8m\nb", {"bold": True})]


@pytest.fixture
def narrow_runs(write_run):
    """Results with names in French and Japanese, enough for a history."""
    names = {"model": "modèle-名", "data": "données"}
    for day in range(9):
        write_run(f"{day}.json", day=day, faster=1 + day / 10, engine="e1", **names)
    return write_run("x.json", faster=2, engine="e2", **names).parent


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
@pytest.mark.parametrize("command", ["compare", "history"])
def test_a_command_answers_on_any_terminal(command, encoding, narrow_runs):
    done = CliRunner(charset=encoding).invoke(main, [command, str(narrow_runs)])
    assert done.exit_code == 0, done.output
    assert r"\u540d" in done.output


def test_a_command_answers_in_the_locale_c(narrow_runs):
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "tlbench", "history", str(narrow_runs)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rb"mod\xe8le-\u540d" in done.stdout
    assert done.stdout.isascii()
    assert b"_" in done.stdout
