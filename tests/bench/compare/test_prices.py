"""Prices reach the machines they are for, and nothing else passes for a price."""

import os
import re

import pytest

from tlbench.compare.entries import entries_of
from tlbench.compare.prices import Prices, machine_names, parse_price, read_prices
from tlbench.errors import InputError
from tlbench.runs.collect import collect


@pytest.fixture
def entry(write_run):
    """A run on Amazon's cloud, in a folder of another name."""
    path = write_run("server/a.json", facts={"instance_type": "c7i.large"})
    return entries_of(collect([str(path)]).runs)[0]


def test_a_machine_is_called_by_name_folder_and_instance_type(entry):
    assert machine_names(entry) == ["amd-epyc-2-cpus", "server", "c7i.large"]


@pytest.mark.parametrize("name", ["amd-epyc-2-cpus", "server", "c7i.large"])
def test_each_of_its_names_gives_it_a_price(entry, name):
    assert Prices({name: 0.08}).of(entry) == 0.08
    assert Prices(listed={name: 0.08}).of(entry) == 0.08
    assert Prices({"other": 0.08}).of(entry) is None


def test_what_is_named_goes_before_what_is_listed(entry):
    assert Prices({"c7i.large": 1.0}, {"amd-epyc-2-cpus": 2.0}).of(entry) == 1.0


def test_a_machine_that_no_run_is_of_is_refused_with_the_closest(entry):
    with pytest.raises(InputError, match=r"--price servr: .* did you mean server\?"):
        Prices({"servr": 1.0}).check([entry])
    with pytest.raises(InputError, match=r"expected one of amd-epyc-2-cpus, server, c7i\.large"):
        Prices({"zzz": 1.0}).check([entry])
    with pytest.raises(InputError, match="names no machine of these runs"):
        Prices(listed={"zzz": 1.0}).check([entry])
    Prices(listed={"zzz": 1.0, "server": 1.0}).check([entry])


def test_a_price_is_read_behind_the_last_equals_sign():
    assert parse_price("a=b=0.5") == ("a=b", 0.5)


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=free", "a=0", "a=-1", "a=nan", "a=inf"])
def test_what_is_no_price_is_refused(text):
    with pytest.raises(InputError, match="--price "):
        parse_price(text)


def test_a_file_may_have_names_with_dots_in_quotes_or_not(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text('amd-epyc-2-cpus = 0.08\nc7i.large = 0.089\n"c7i.xlarge" = 1\n# spot\n')
    assert read_prices(path) == {"amd-epyc-2-cpus": 0.08, "c7i.large": 0.089, "c7i.xlarge": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "expected a TOML file of lines such as"),
        ("a = 0", "prices.toml: a = 0: expected a number from 1e-06 to 1,000,000,000"),
        ("a = [1]", r"a = \[1\]: expected a number"),
        ("a = true", "a = True: expected a number"),
        (b"\xff = 1", "expected a TOML file"),
        (None, "expected a TOML file"),
    ],
    ids=["no toml", "nothing", "list", "yes", "no text", "no file"],
)
def test_what_is_no_file_of_prices_is_refused(tmp_path, text, message):
    path = tmp_path / "prices.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_prices(path)


#: Files of prices.
BAD_PRICES = {
    "not UTF-8": (b"a = 1 # \xff", "not UTF-8 text"),
    "a price of 400 digits": (b"a = 1" + b"0" * 400, "more than 64 bits"),
    "an infinite price": (b"a = inf", "expected a number from 1e-06 to"),
    "no number": (b"a = nan", "expected a number from 1e-06 to"),
    "a denormal price": (b"a = 1e-320", "expected a number from 1e-06 to"),
    "nested deep": (b"a = " + b"[" * 5000, "expected a TOML file"),
    "names nested deep": (".".join("a" * 60).encode() + b" = 1", "levels deep"),
    "huge": (b"#" * 1_000_001, "expected at most 1 MB"),
}


@pytest.mark.parametrize("case", BAD_PRICES)
def test_a_bad_file_of_prices_is_refused_in_one_line(tmp_path, case):
    content, message = BAD_PRICES[case]
    path = tmp_path / "prices.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_prices(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_of_prices_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "prices.toml")
    with pytest.raises(InputError, match="a pipe; expected a regular file"):
        read_prices(tmp_path / "prices.toml")
