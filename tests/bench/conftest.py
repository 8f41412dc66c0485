"""Files of machines that this one isn't, and runs that nobody had to wait for."""

import copy
import datetime as dt
import json
from pathlib import Path

import pytest

from tlbench.machine.fingerprint import fingerprint

#: A quick run of version 1 of the format, by the engine tensorflow.
RUN = Path(__file__).parent / "runs" / "version-1.json"
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


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


@pytest.fixture
def write_run(tmp_path):
    """Writes a run: ``write_run("a/1.json", day=2, faster=1.1, facts={...}, engine="litert")``."""
    return run_writer(tmp_path)


@pytest.fixture(scope="module")
def write_shared_run(tmp_path_factory):
    """As ``write_run``, into a folder of all tests of a module."""
    return run_writer(tmp_path_factory.mktemp("runs"))


def run_writer(folder):
    """What writes runs to ``results`` in a folder."""
    whole = json.loads(RUN.read_text(encoding="utf-8"))

    def write(name, *, day=0, faster=1.0, facts=None, commit=None, drop=(), only=None, **info):
        run = copy.deepcopy(whole)
        run["datetime"] = (START + dt.timedelta(days=day)).isoformat()
        run["machine_info"]["tlbench"] |= facts or {}
        if commit is not None:
            run["commit_info"] = {"id": commit, "dirty": False}
        run["benchmarks"] = [each for each in run["benchmarks"] if each["name"] not in drop]
        for benchmark in run["benchmarks"]:
            change = faster if only is None or benchmark["name"] == only else 1.0
            benchmark["stats"]["data"] = [each / change for each in benchmark["stats"]["data"]]
            benchmark["extra_info"]["images_per_s"] *= change
            benchmark["extra_info"] |= info
        path = folder / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run), encoding="utf-8")
        return path

    return write
