"""Pictures are drawn without a display, whatever the environment says of one."""

import os
import subprocess
import sys

import pytest

DRAW = """
import os
from tlbench.report.training_page import confusion_picture
import numpy as np
assert confusion_picture(np.eye(2, dtype=int), ["a", "b"]).startswith("<svg")
assert os.environ["MPLBACKEND"] == {backend!r}
import matplotlib
assert "matplotlib.pyplot" not in __import__("sys").modules
print(matplotlib.get_backend(auto_select=False))
"""


@pytest.mark.parametrize(
    ("backend", "kept"),
    [
        ("module://matplotlib_inline.backend_inline", "None"),
        ("no-such-backend", "None"),
        ("svg", "svg"),
    ],
    ids=["a notebook's, in a shell", "none", "one that is there"],
)
def test_a_picture_does_not_depend_on_the_backend_of_the_environment(backend, kept):
    done = subprocess.run(
        [sys.executable, "-c", DRAW.format(backend=backend)], check=False, text=True,
        capture_output=True, env=os.environ | {"MPLBACKEND": backend},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == kept
