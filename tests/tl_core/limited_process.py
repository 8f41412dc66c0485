"""Run a table of bad inputs in one process of its own, with little memory and time for each."""

import json
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

#: What a case may take beyond the process as it is, and seconds of the processor.
MEMORY_BYTES = 256 << 20
SECONDS = 10


def outcomes(module, folder):
    """From a case's name in ``CASES`` of a test module to its error's type and text.

    Each case is called with an empty folder; one that raises no error gives null.
    """
    if sys.platform != "linux":
        pytest.skip("the limits of a process are Linux's")
    done = subprocess.run(
        [sys.executable, __file__, module, str(folder)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _out_of_time(*_):
    raise TimeoutError(f"more than {SECONDS} s")


def _limit_memory():
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # An error in place of a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGVTALRM, _out_of_time)


def _outcome(case, folder):
    folder.mkdir()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        case(folder)
    except Exception as error:  # noqa: BLE001 - the test says which it has to be
        return [type(error).__name__, str(error)]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def main(module, folder):
    """Print the outcomes of all cases as JSON."""
    test = runpy.run_path(module)
    test.get("prepare", lambda: None)()
    _limit_memory()
    cases = enumerate(test["CASES"].items())
    found = {name: _outcome(case, Path(folder) / str(i)) for i, (name, case) in cases}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1]).parent))
    main(*sys.argv[1:])
