"""Arms that should differ and don't, or that differ in kind, aren't compared; ordinary ones are."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tlbench.gate import arm as arm_package
from tlbench.gate.arm_setup import ReadyArm
from tlbench.gate.comparable import incomparable
from tlbench.gate.environments import Environment
from tlbench.gate.interpreters import Interpreter
from tlbench.gate.pair_result import Loaded
from tlbench.gate.worktrees import Tree

#: The user's checkout, a worktree of another ref, the user's environment, and two of ``pip=``.
TOP, TREE = Path("/home/u/demo"), Path("/tmp/xyz12345")
BELOW = Path("/opt/env/lib/python3.11/site-packages")
OWN = [Path(f"/cache/{digit * 16}/lib/python3.11/site-packages") for digit in "ab"]
PROJECT = "demo"


def interpreter(sites=(BELOW,), version="CPython 3.11", path="/opt/env/bin/python"):
    return Interpreter(Path(path), version, sites, "digest", ())


def arm(commit="1", root=TOP, *, changes=None, pip=(), own=None, site=OWN[0], below=None):
    """An arm; ``own`` are modules by distribution of its own environment."""
    environment = own and Environment(site.parents[2] / "bin" / "python", "d", "", site, own)
    return ReadyArm(
        label=f"arm {commit}", folder=root, environ={},
        python=environment.python if environment else (below or interpreter()).path,
        options=(), identity={}, pip=pip, top=TOP, tree=Tree(root, root, commit, changes),
        below=below or interpreter(), own=environment, project=PROJECT,
    )  # fmt: skip


def at(folder, name="demo", *compiled, version=None):
    """A package that was imported from a folder."""
    return {name: Loaded(str(folder / name / "__init__.py"), version, compiled)}


NUMPY = at(BELOW, "numpy", "numpy._core._multiarray_umath", version="2.3.1")
OTHER_NUMPY = at(OWN[1], "numpy", "numpy._core._multiarray_umath", version="2.4.0")
SPEED = "demo._speed"


@dataclass
class Case:
    base: ReadyArm
    candidate: ReadyArm
    of_base: dict
    of_candidate: dict
    reason: str | None = None


BUILT = {"demo": ("demo",)}
ORDINARY = {
    "a ref against the working tree": Case(
        arm("1", TREE), arm("2"), at(TREE / "src") | NUMPY, at(TOP / "src") | NUMPY
    ),
    "changes that aren't committed": Case(
        arm("1", TREE), arm("1", changes="x"), at(TREE), at(TOP)
    ),
    "the same commit twice, installed below": Case(arm("1", TREE), arm("1"), at(BELOW), at(BELOW)),
    "variables or options of one checkout": Case(
        arm(), arm(), at(TOP, "demo", SPEED) | NUMPY, at(TOP, "demo", SPEED) | NUMPY
    ),
    "built for both": Case(
        arm("1", TREE, own=BUILT), arm("2", own=BUILT, site=OWN[1]),
        at(OWN[0], "demo", SPEED) | NUMPY, at(OWN[1], "demo", SPEED) | NUMPY,
    ),
    "an environment within the checkout": Case(
        arm("1", TREE), arm("2"),
        at(TREE) | at(TOP / ".venv/lib/python3.11/site-packages", "numpy"),
        at(TOP) | at(TOP / ".venv/lib/python3.11/site-packages", "numpy"),
    ),
    "two versions of a library": Case(
        arm(pip=("numpy==2.3.1",), own={"numpy": ("numpy",)}),
        arm(pip=("numpy==2.4.0",), own={"numpy": ("numpy",)}, site=OWN[1]),
        at(TOP) | at(OWN[0], "numpy", "numpy.a"), at(TOP) | OTHER_NUMPY,
    ),
    "a library's other version against the one below": Case(
        arm(), arm(pip=("numpy==2.4.0",), own={"numpy": ("numpy",)}, site=OWN[1]),
        at(TOP) | NUMPY, at(TOP) | OTHER_NUMPY,
    ),
    "a library that is the same in both, beside one that differs": Case(
        arm(pip=("numpy>=2", "six==1"), own={"six": ("six",)}),
        arm(pip=("numpy>=2", "six==2"), own={"six": ("six",)}, site=OWN[1]),
        NUMPY | at(OWN[0], "six"), NUMPY | at(OWN[1], "six"),
    ),
    "other interpreters, same code": Case(
        arm(), arm(below=interpreter(version="CPython 3.12")), at(TOP), at(TOP)
    ),
    "a variable that turns the extension off": Case(
        arm(), arm(), at(TOP, "demo", SPEED), at(TOP, "demo")
    ),
    "CPython against PyPy": Case(
        arm(), arm(below=interpreter(version="PyPy 3.11")), at(TOP, "demo", SPEED), at(TOP)
    ),
    "a dependency that is compiled in one environment": Case(
        arm(), arm(below=interpreter((Path("/opt/b"),))),
        at(TOP) | at(BELOW, "yaml", "yaml._yaml"), at(TOP) | at(Path("/opt/b"), "yaml"),
    ),
    "imported in one only": Case(arm("1", TREE), arm("2"), {}, at(TOP, "demo", SPEED)),
    "nothing imported": Case(arm("1", TREE), arm("2"), {}, {}),
}  # fmt: skip
TRAPS = {
    "what pip installed comes from the checkout": Case(
        arm(pip=(".",), own=BUILT), arm(pip=(".",), own=BUILT), at(TOP), at(OWN[0]),
        "arm 1: demo is imported from /home/u/demo/demo/__init__.py; expected /cache/",
    ),
    "both refs from the user's checkout": Case(
        arm("1", TREE), arm("2", Path("/tmp/abc12345")), at(TOP / "lib"), at(TOP / "lib"),
        "both sides import demo from /home/u/demo/lib/demo/__init__.py, so both run the same code",
    ),
    "changes that aren't seen": Case(
        arm("1", TREE), arm("1", changes="x"), at(TOP), at(TOP), "both sides import demo from"
    ),
    "one version twice": Case(
        arm(pip=("numpy>=2",)), arm(pip=("numpy==2.3.1",)), NUMPY, NUMPY,
        "both sides import numpy 2.3.1 from /opt/env/lib/python3.11/site-packages/numpy/",
    ),
    "built in place on one side": Case(
        arm("1", TREE), arm("2"), at(TREE), at(TOP, "demo", SPEED),
        "demo is compiled in the candidate (demo._speed) and pure Python in the other "
        "(/tmp/xyz12345/demo/__init__.py); expected the same kind: add pip=. to both arms",
    ),
    "a build that fell back on one side": Case(
        arm("1", TREE, own=BUILT), arm("2", own=BUILT, site=OWN[1]),
        at(OWN[0], "demo", SPEED), at(OWN[1]), "demo is compiled in the base (demo._speed)",
    ),
    "another interpreter, for which nothing was compiled": Case(
        arm(), arm(below=interpreter(path="/opt/b/bin/python")), at(TOP, "demo", SPEED), at(TOP),
        "demo is compiled in the base (demo._speed)",
    ),
    "a compiled module beside the package": Case(
        arm("1", TREE), arm("2"), at(TREE), at(TOP) | at(TOP, "_demo", "_demo"),
        "demo is compiled in the candidate (_demo)",
    ),
    "a library without its extension": Case(
        arm(pip=("numpy==1",), own={"numpy": ("numpy",)}), arm(), at(OWN[0], "numpy"), NUMPY,
        "numpy is compiled in the candidate (numpy._core._multiarray_umath)",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def below(monkeypatch):
    """Numpy is installed below, with those modules."""
    there = {("numpy", BELOW): ("numpy",)}
    monkeypatch.setattr(
        "tlbench.gate.comparable.modules_of", lambda name, site: there.get((name, site), ())
    )


@pytest.mark.parametrize("case", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_arms_are_compared(case):
    for swapped in (False, True):
        arms, loaded = (case.base, case.candidate), (case.of_base, case.of_candidate)
        step = -1 if swapped else 1
        assert incomparable(*arms[::step], *loaded[::step]) is None


@pytest.mark.parametrize("case", TRAPS.values(), ids=TRAPS)
def test_what_was_not_meant_is_named_with_its_file(case):
    reason = incomparable(case.base, case.candidate, case.of_base, case.of_candidate)
    assert reason.startswith(case.reason)
    assert "expected " in reason
    swapped = incomparable(case.candidate, case.base, case.of_candidate, case.of_base)
    assert swapped is not None


def test_a_project_that_is_installed_below_by_its_name_is_the_project(monkeypatch):
    """Neither checkout has the package where it would be imported from, as with ``lib/``."""
    monkeypatch.setattr(
        "tlbench.gate.comparable.modules_of", lambda name, _: ("other",) * (name == PROJECT)
    )
    same = at(BELOW, "other")
    reason = incomparable(arm("1", TREE), arm("2"), same, same)
    assert reason.startswith(f"both sides import other from {BELOW}")


#: Imports a package with a compiled module, a namespace package, tests and what finds packages
#: that are installed editable; prints the report.
REPORT = """
import importlib.util, json, pathlib, sys
import json.decoder
spec = importlib.util.spec_from_file_location("loaded", sys.argv[1])
loaded = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loaded)
sys.path.insert(0, sys.argv[2])
import demo.inner, space.part.inner, tests.helper, tests.test_a, alone, conftest
import __editable___demo_1_2_finder, _editable_impl_demo, _demo_editable_loader
import msgspec
print(json.dumps(loaded.loaded_packages({tests.test_a.__file__})))
"""


def test_an_arm_reports_files_versions_and_compiled_modules(tmp_path):
    for name, text in {
        "demo/__init__.py": "", "demo/inner.py": "", "alone.py": "__version__ = '3'",
        "space/part/__init__.py": "", "space/part/inner.py": "", "conftest.py": "",
        "tests/__init__.py": "", "tests/test_a.py": "", "tests/helper.py": "",
        "__editable___demo_1_2_finder.py": "", "_editable_impl_demo.py": "",
        "_demo_editable_loader.py": "",
        "demo-1.2.dist-info/METADATA": "Name: demo\nVersion: 1.2\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    module = Path(arm_package.__file__).with_name("loaded.py")
    command = [sys.executable, "-c", REPORT, str(module), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    compiled = found.pop("msgspec")
    assert compiled["file"] == msgspec.__file__
    assert compiled["version"] == msgspec.__version__
    assert compiled["compiled"] == ["msgspec._core"]
    mine = {name: each for name, each in found.items() if each["file"].startswith(str(tmp_path))}
    assert mine == {
        "demo": {"file": str(tmp_path / "demo/__init__.py"), "version": "1.2", "compiled": []},
        "alone": {"file": str(tmp_path / "alone.py"), "version": "3", "compiled": []},
        "space.part": {
            "file": str(tmp_path / "space/part/__init__.py"), "version": None, "compiled": [],
        },
        "tests": {"file": str(tmp_path / "tests/__init__.py"), "version": None, "compiled": []},
    }  # fmt: skip
    assert not {"json", "importlib", "pathlib"} & found.keys()
