"""Files of machines that this one isn't, and runs that nobody had to wait for."""

import pytest

from bench.measure.machine import fingerprint


@pytest.fixture
def tree(tmp_path):
    """Make a folder that stands for ``/``, of files by path."""

    def make(files=None):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return tmp_path

    return make


@pytest.fixture
def make_run():
    """Make a run as pytest-benchmark writes it, on this machine: rounds by full name."""

    def make(rounds, info=None, facts=None, isolated=None):
        return {
            "machine_info": {"tlbench": dict(facts or fingerprint())},
            "benchmarks": [
                {
                    "name": name.rpartition("::")[2],
                    "fullname": name,
                    "extra_info": dict(info or {}),
                    "stats": {"data": list(seconds)},
                }
                for name, seconds in rounds.items()
            ],
            **({} if isolated is None else {"tlbench": {"isolated": isolated}}),
        }

    return make
