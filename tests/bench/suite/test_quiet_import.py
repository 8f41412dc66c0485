"""TensorFlow is imported where it is first needed, and says nothing unless that fails."""

import os
import subprocess
import sys

import pytest

#: Stands for TensorFlow: it writes as native code does, whatever Python's stderr is.
PACKAGE = """
import os
os.write(2, b"noise\\n")
{fault}
class config:
    def list_physical_devices():
        os.write(2, b"more\\n")
        print("started")
"""
CODE = """
import importlib.util, sys
from tlbench.suite import quiet
quiet.{function}("cpu")
importlib.util.find_spec("tensorflow")  # only a look
print("tensorflow" in sys.modules)
import tensorflow
"""


def run(folder, function, fault=""):
    (folder / "tensorflow").mkdir()
    (folder / "tensorflow" / "__init__.py").write_text(PACKAGE.format(fault=fault))
    return subprocess.run(
        [sys.executable, "-c", CODE.format(function=function)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(folder)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "printed"),
    [
        ("import_tensorflow", ["started", "True"]),
        ("import_tensorflow_later", ["False", "started"]),
    ],
)
def test_it_is_quiet_and_started_once(tmp_path, function, printed):
    done = run(tmp_path, function)
    assert (done.stdout.split(), done.stderr) == (printed, "")


@pytest.mark.parametrize("function", ["import_tensorflow", "import_tensorflow_later"])
def test_what_it_wrote_is_shown_where_it_fails(tmp_path, function):
    done = run(tmp_path, function, fault="raise ImportError('broken')")
    assert done.returncode != 0
    assert done.stderr.startswith("noise\n")
    assert "ImportError: broken" in done.stderr
