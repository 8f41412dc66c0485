"""Ctrl-C and SIGTERM end a command in one line, whatever is made of them on the way."""

import signal

import pytest
from click.testing import CliRunner

from tlbench.cli.command_line import INTERRUPTED
from tlbench.cli.main import main
from tlbench.interruption import TERMINATED, Terminated


@pytest.fixture
def ended(monkeypatch):
    """Run a command in which a function does something else; its exit code and stderr."""

    def run(does, name="machine", where="fingerprint"):
        monkeypatch.setattr(f"tlbench.cli.{name}.{where}", does)
        done = CliRunner().invoke(main, [name])
        return done.exit_code, done.stderr

    return run


def raises(error):
    def function(*_):
        raise error

    return function


@pytest.mark.parametrize(
    ("name", "where"), [("machine", "fingerprint"), ("classify", "own_images")]
)
def test_an_interruption_is_one_line_and_exit_code_130(ended, name, where):
    assert ended(raises(KeyboardInterrupt), name, where) == (INTERRUPTED, "interrupted\n")
    assert INTERRUPTED == 130


def test_an_error_that_native_code_made_of_ctrl_c_is_an_interruption(ended):
    error = RuntimeError("KeyboardInterrupt: \n\nAt:\n  model.py(3): call")
    assert ended(raises(error)) == (INTERRUPTED, "interrupted\n")


def test_native_code_that_keeps_the_text_of_sigterm_keeps_the_name_of_an_interruption(ended):
    error = RuntimeError(f"Terminated: {Terminated()}")
    assert ended(raises(error)) == (INTERRUPTED, "interrupted\n")


@pytest.mark.parametrize("again", [raises(RuntimeError("unknown exception")), dict])
def test_after_sigterm_another_error_or_none_is_an_interruption(ended, again):
    def native(*_):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            return again()

    assert ended(native) == (TERMINATED, "interrupted\n")


def test_another_error_is_none(ended):
    code, err = ended(raises(RuntimeError("wrong")))
    assert (code, err) == (1, "")
