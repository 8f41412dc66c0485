"""What the package offers, and what importing it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tl_core


def test_every_public_name_is_there():
    assert sorted(tl_core.__all__) == tl_core.__all__
    assert all(getattr(tl_core, name).__name__ == name for name in tl_core.__all__)
    assert set(tl_core.__all__) <= set(dir(tl_core))
    with pytest.raises(AttributeError, match="no attribute 'load_dat'"):
        tl_core.load_dat  # noqa: B018 - what is tested


def test_a_type_checker_sees_the_names_that_are_there():
    tree = ast.parse(Path(tl_core.__file__).read_text(encoding="utf-8"))
    (checked,) = (
        node for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )  # fmt: skip
    seen = {
        alias.name: node.module for node in ast.walk(checked)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }  # fmt: skip
    assert seen == {name: f"tl_core.{module}" for name, module in tl_core._HOMES.items()}
    assert sorted(seen) == tl_core.__all__


def test_names_load_no_more_than_they_need():
    code = "import sys; from tl_core import ModelError; assert 'numpy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_importing_it_imports_no_heavy_package():
    code = (
        "import sys, tl_core, tlbench.plugin, tlbench.cli.main\n"
        "import tlbench.runs.read, tlbench.report.table\n"
        "heavy = {'tensorflow', 'tensorflow_hub', 'tf_keras', 'keras', 'sklearn', 'scipy', "
        "'skimage', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_library_knows_nothing_of_benchmarks():
    code = (
        "import sys, pkgutil, importlib, tl_core\n"
        "for module in pkgutil.walk_packages(tl_core.__path__, 'tl_core.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert not {'bench', 'tlbench'} & {name.partition('.')[0] for name in sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
