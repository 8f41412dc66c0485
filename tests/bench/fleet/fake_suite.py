"""A pytest plugin in place of the suite: it writes a result file without measuring anything.

What it does is in the file ``FAKE_SUITE``, by the number of threads: ``ok``; or ``floor`` (a test
fails), ``sleep``, ``worker`` (the process that started it is killed), ``broken`` (no valid file).
"""

import datetime as dt
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "runs" / "version-1.json"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    threads = int(config.option.tlbench_threads or 2)
    plan = Path(os.environ["FAKE_SUITE"])
    what = json.loads(plan.read_text()).get(str(threads), "ok")
    (plan.parent / f"pid-{threads}").write_text(str(os.getpid()))
    if what == "sleep":
        from tlbench.interruption import end_with_parent

        end_with_parent()
        time.sleep(600)
    if what == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    run = json.loads(RUN.read_text(encoding="utf-8"))
    run["datetime"] = dt.datetime.now(dt.UTC).isoformat()
    # Twice the threads, twice the speed.
    change = threads * random.Random(time.time_ns()).uniform(0.97, 1.03)
    for benchmark in run["benchmarks"]:
        benchmark["stats"]["data"] = [each / change for each in benchmark["stats"]["data"]]
        benchmark["extra_info"]["images_per_s"] *= change
        benchmark["extra_info"]["threads"] = threads
    folder = Path(config.option.tlbench_results) / "machine"
    folder.mkdir(parents=True)
    text = "{" if what == "broken" else json.dumps(run)
    (folder / "quick_20261129T000000Z.json").write_text(text, encoding="utf-8")
    if what == "floor":
        sys.stdout.write("FAILED test_train.py::test_train - AssertionError: below its floor\n")
    return int(what == "floor")
