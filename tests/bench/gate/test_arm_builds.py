"""What an arm imports: what was built or installed for it, wherever else such packages lie."""

import shutil
import subprocess
import sys
import sysconfig

import pytest

from tlbench.gate.arm_builds import own_requirement
from tlbench.gate.arm_setup import ready_arms
from tlbench.gate.arms import ArmError, parse_arm
from tlbench.gate.environments import last_error
from tlbench.gate.requirements import distribution_of
from tlbench.gate.worktrees import Tree
from tlbench.suite.arm_options import ARM_OPTIONS

#: A package with an extension module, as a flat checkout has it: unbuilt, it can't be imported.
PROJECT = {
    "setup.py": """
from setuptools import Extension, setup
setup(name="demo", version="1", packages=["demo"], install_requires=["no-such-distribution"],
      ext_modules=[Extension("demo._speed", ["demo/_speed.c"])])
""",
    "demo/__init__.py": "from demo._speed import work\nX = 1\n",
    "demo/_speed.c": """
#include <Python.h>
static PyObject *work(PyObject *self, PyObject *n) { Py_INCREF(n); return n; }
static PyMethodDef methods[] = {{"work", work, METH_O, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_speed", "", -1, methods};
PyMODINIT_FUNC PyInit__speed(void) { return PyModule_Create(&module); }
""",
    "conftest.py": "",
    "bench_demo.py": "import demo\n\ndef test_demo(benchmark):\n    benchmark(demo.work, 1)\n",
    ".gitignore": "__pycache__/\n*.so\nbuild/\n*.egg-info/\n",
}
needs_compiler = pytest.mark.skipif(
    shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None,
    reason="needs a C compiler",
)


@pytest.fixture
def project(repo, commit, monkeypatch):
    """The repository with that project, committed, which pip builds with what is installed."""
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's own sense: no isolation
    for name, text in PROJECT.items():
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text(text)
    commit("a project")
    return repo


@pytest.fixture
def arms(store):
    """Prepare two arms where the user stands."""

    def make(cwd, *texts, say=lambda _: None):
        parsed = [parse_arm(text, ARM_OPTIONS) for text in texts]
        return ready_arms(*parsed, cwd=cwd, store=store, say=say)

    return make


def imported(arm, name="demo"):
    """Where an arm imports a package from, with its checkout first on the path in every way."""
    code = f"import sys; sys.path.insert(0, {str(arm.tree.root)!r}); import {name} as m"
    command = [str(arm.python), "-c", f"{code}; print(m.__file__, m.X)"]
    done = subprocess.run(
        command, cwd=arm.folder, env=arm.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file, x = done.stdout.split()
    return file, int(x)


@pytest.mark.slow
@needs_compiler
def test_a_project_with_an_extension_is_built_for_both_arms_once_per_commit(
    project, commit, arms, store
):
    """And in the working tree too, where a copy that was built in place is another kind."""
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    said = []
    with arms(project, "ref=HEAD", ".", say=said.append) as (base, head):
        for arm in (base, head):
            assert imported(arm) == (str(arm.own.site / "demo" / "__init__.py"), 1)
        assert base.own.digest == head.own.digest
        assert base.own.packages == {"demo": ("demo",)}
        assert len(str(base.python)) == len(str(head.python))
    assert said == [
        "ref=HEAD: runs a build of the project (Extension in setup.py)",
        f"installing . over {sys.executable}",
        "the working tree: runs a build of the project (Extension in setup.py)",
    ]
    (project / "demo" / "__init__.py").write_text("from demo._speed import work\nX = 2\n")
    with arms(project, "ref=HEAD", ".") as (base, head):
        assert (imported(base)[1], imported(head)[1]) == (1, 2)
        assert base.own.digest != head.own.digest
    assert len([path for path in (store / "environments").iterdir() if path.is_dir()]) == 1


@needs_compiler
def test_a_project_that_does_not_compile_is_refused_with_the_compilers_words(
    project, commit, arms, store
):
    (project / "demo" / "_speed.c").write_text("#include <no_such_header.h>\n")
    commit("broken")
    message = (
        r"ref=HEAD: the project has to be built \(Extension in setup.py\), and the build failed: "
        r"pip=.: .*no_such_header.h.*; expected a compiler and the project's build requirements, or"
    )
    with pytest.raises(ArmError, match=message), arms(project, "ref=HEAD", "."):
        pass
    assert list((store / "environments").iterdir()) == []


@pytest.mark.slow
def test_a_version_file_is_generated_for_every_commit(repo, commit, arms):
    """As by setuptools_scm: the file is ignored by git, and its package needs it."""
    backend = """
import pathlib, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    x = pathlib.Path("x.txt").read_text()
    with zipfile.ZipFile(pathlib.Path(folder) / "demo-1-py3-none-any.whl", "w") as file:
        file.write("src/demo/__init__.py", "demo/__init__.py")
        file.writestr("demo/_version.py", "X = " + x)
        about = "Metadata-Version: 2.1\\nName: demo\\nVersion: 1\\n"
        file.writestr("demo-1.dist-info/METADATA", about)
        wheel = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        file.writestr("demo-1.dist-info/WHEEL", wheel)
        file.writestr("demo-1.dist-info/RECORD", "")
    return "demo-1-py3-none-any.whl"
"""
    (repo / "backend.py").write_text(backend)
    system = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    (repo / "pyproject.toml").write_text(system)
    (repo / "src" / "demo").mkdir(parents=True)
    (repo / "src" / "demo" / "__init__.py").write_text("from demo._version import X\n")
    for x in ("1", "2"):
        (repo / "x.txt").write_text(x)
        commit(x)
    with arms(repo / "sub", "ref=HEAD~1", "ref=HEAD") as (base, head):  # which has no project
        assert [imported(arm)[1] for arm in (base, head)] == [1, 2]


def test_what_pip_installs_wins_over_the_checkout_and_the_rest_is_the_arms_own(
    repo, commit, arms, wheel
):
    """Two releases of a library, compared in its own checkout; another package lies beside it."""
    for name in ("demo", "other"):
        (repo / f"{name}.py").write_text("X = 0\n")
    commit("packages")
    releases = [wheel("demo", version, f"X = {version}\n") for version in ("1", "2")]
    with arms(repo, f"pip={releases[0]}", f"pip={releases[1]}") as both:
        for arm, x in zip(both, (1, 2), strict=True):
            assert imported(arm) == (str(arm.own.site / "demo.py"), x)
            assert imported(arm, "other") == (str(repo / "other.py"), 0)
            assert len(str(arm.python)) == len(str(both[0].python))


#: Asks the finder where these modules are, with a checkout first on the path.
FINDER = """
import sys
site, checkout = sys.argv[1:3]
sys.path[:0] = [checkout, site]
from tlbench.gate.arm import installed
installed.install(site, ["demo", "space.part"])
sys.meta_path.reverse(); installed.ask_first()  # as if others had come later
import importlib
for name in sys.argv[3:]:
    print(importlib.import_module(name).__file__)
"""


def test_the_finder_takes_only_what_is_installed_and_tests_from_the_checkout(tmp_path):
    """Namespace packages have parts of both; a package's tests are where pytest names them."""
    for name in (
        "site/demo/__init__.py", "site/demo/core.py", "site/demo/tests/__init__.py",
        "site/demo/tests/test_a.py", "site/space/part/__init__.py", "site/other.py",
        "checkout/demo/__init__.py", "checkout/demo/core.py", "checkout/demo/tests/__init__.py",
        "checkout/demo/tests/test_a.py", "checkout/space/part/__init__.py",
        "checkout/space/mine.py", "checkout/other.py", "checkout/tests/__init__.py",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    expected = {
        "demo": "site", "demo.core": "site", "demo.tests.test_a": "checkout",
        "space.part": "site", "space.mine": "checkout", "other": "checkout", "tests": "checkout",
    }  # fmt: skip
    folders = [str(tmp_path / name) for name in ("site", "checkout")]
    done = subprocess.run(
        [sys.executable, "-c", FINDER, *folders, *expected], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [line.removeprefix(f"{tmp_path}/") for line in done.stdout.split()]
    assert [line.partition("/")[0] for line in found] == list(expected.values())


@pytest.mark.parametrize(
    ("pip", "own"),
    [
        ((), ".."),
        (("numpy==2",), ".."),
        (("./..",), None),
        (("..[extra]",), None),
        (("De.Mo==1",), None),
        (("demo-other==1",), ".."),
        (("dist/demo-1-py3-none-any.whl",), None),
    ],
)
def test_a_project_that_pip_installs_is_not_built_once_more(tmp_path, pip, own):
    (tmp_path / "sub").mkdir()
    (tmp_path / "setup.py").write_text("setup(name='de_mo')")
    pip = tuple(each.replace("demo-1", "de_mo-1") for each in pip)
    assert own_requirement(pip, Tree(tmp_path, tmp_path / "sub", "1", None)) == own


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("numpy", "numpy"),
        ("NumPy >= 2, < 3", "numpy"),
        ("a.b_c[x,y]~=1", "a-b-c"),
        ("a @ file:///b", "a"),
        ("a; python_version < '4'", "a"),
        ("dist/a_b-1.0-py3-none-any.whl", "a-b"),
        ("a-1.0.tar.gz", ""),
        ("git+https://example.org/a.git", ""),
        ("./a", ""),
        ("..", ""),
    ],
)
def test_a_requirement_names_a_distribution_or_not(requirement, name):
    assert distribution_of(requirement) == name


#: What pip prints where a compiler fails, and where there is none.
COMPILING = """
  error: subprocess-exited-with-error
      a.c:1:10: fatal error: no.h: No such file
      error: command '/usr/bin/gcc' failed with exit code 1
  ERROR: Failed building wheel for demo
ERROR: Could not build wheels for demo, which is required to install pyproject.toml-based projects
"""
NO_COMPILER = """
  error: command 'gcc' failed: No such file or directory
ERROR: Failed to build installable wheels for some pyproject.toml based projects
error: failed-wheel-build-for-install
"""


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ("", ""),
        ("Collecting\nno luck", "no luck"),
        ("ERROR: No match for a\n[notice] a new pip", "ERROR: No match for a"),
        (COMPILING, "a.c:1:10: fatal error: no.h: No such file"),
        (NO_COMPILER, "error: command 'gcc' failed: No such file or directory"),
        ("  ImportError: No a\nerror: subprocess-exited-with-error", "ImportError: No a"),
        ("a.c:1: fatal error: b\nerror: legacy-install-failure", "a.c:1: fatal error: b"),
        ("ERROR: Failed building wheel for a", "ERROR: Failed building wheel for a"),
    ],
)
def test_pips_last_clear_error_is_shown(output, error):
    assert last_error(output) == error
