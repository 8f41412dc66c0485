"""Which module may import which: the contracts of pyproject.toml, and no circle anywhere."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp
import pytest
from importlinter import cli

#: The only modules of the command line that use the library.
USE_THE_LIBRARY = {"tlbench.cli.train", "tlbench.cli.classify"}


@pytest.fixture(scope="module")
def graph():
    """Every import of both packages, lazy ones and those for types included."""
    return grimp.build_graph("tlbench", "tl_core", cache_dir=None)


def test_the_contracts_hold(monkeypatch, pytestconfig, capsys):
    monkeypatch.chdir(pytestconfig.rootpath)
    status = cli.lint_imports(no_cache=True)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_modules_import_each_other_in_a_circle(graph):
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_of_the_commands_only_train_and_classify_use_the_library(graph):
    users = {
        name
        for name in graph.find_descendants("tlbench.cli")
        if any(m.split(".")[0] == "tl_core" for m in graph.find_modules_directly_imported_by(name))
    }
    assert users <= USE_THE_LIBRARY
