"""Which module may import which: the contracts of pyproject.toml, and no circle anywhere."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter

import grimp
import pytest

#: The only modules of the command line that use the library.
USE_THE_LIBRARY = {f"tlbench.cli.{name}" for name in ("train", "classify", "predict", "extract")}


@pytest.fixture(scope="module")
def graph():
    """Every import of both packages, lazy ones and those for types included."""
    return grimp.build_graph("tlbench", "tl_core", cache_dir=None)


def test_the_contracts_hold(pytestconfig):
    """In a process of its own: it configures logging, which closes what TensorFlow logs to."""
    code = "import sys; from importlinter import cli; sys.exit(cli.lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=pytestconfig.rootpath, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


def test_no_modules_import_each_other_in_a_circle(graph):
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_of_the_commands_only_those_that_run_a_model_use_the_library(graph):
    users = {
        name
        for name in graph.find_descendants("tlbench.cli")
        if any(m.split(".")[0] == "tl_core" for m in graph.find_modules_directly_imported_by(name))
    }
    assert users <= USE_THE_LIBRARY
