"""Whether a project has to be built is seen from its backend, its settings and compiled files."""

import pytest

from tlbench.gate.builds import compiled_files, made_by, project_of
from tlbench.gate.distributions import packages


def system(backend, *requires, more=""):
    """The text of a ``pyproject.toml``."""
    return (
        f"[build-system]\nrequires = {list(requires)}\nbuild-backend = '{backend}'\n"
        f"[project]\nname = 'demo'\n{more}"
    )


def project(backend, *requires, more="", **files):
    """Files of a project with such a ``pyproject.toml``, and others without their ending."""
    others = {f"{name}.py": text for name, text in files.items()}
    return {"pyproject.toml": system(backend, *requires, more=more), **others}


SETUPTOOLS, HATCH, PDM = "setuptools.build_meta", "hatchling.build", "pdm.backend"
POETRY, SKBUILD = "poetry.core.masonry.api", "scikit_build_core.build"
#: Files of a project, and what makes files of it.
CASES = {
    "maturin": (project("maturin"), "maturin"),
    "scikit-build-core": (project(SKBUILD), SKBUILD),
    "meson": (project("mesonpy"), "mesonpy"),
    "a backend that nobody knows": (project("own.hooks"), "own.hooks"),
    "a backend in the project": (
        {"pyproject.toml": "[build-system]\nbackend-path = ['b']\nbuild-backend = 'hooks'\n"},
        "its own build backend hooks",
    ),
    "flit": (project("flit_core.buildapi"), None),
    "uv": (project("uv_build"), None),
    "poetry": (project(POETRY), None),
    "poetry, building": (
        project(POETRY, more="[tool.poetry]\nbuild = 'build.py'\n"),
        "tool.poetry.build",
    ),
    "poetry, versions of its own": (
        project("poetry_dynamic_versioning.backend"),
        "poetry_dynamic_versioning.backend",
    ),
    "pdm": (project(PDM, more="[tool.pdm.version]\nsource = 'scm'\n"), None),
    "pdm, version file": (
        project(PDM, more="[tool.pdm.version]\nwrite_to = 'a.py'\n"),
        "tool.pdm.version",
    ),
    "pdm, script": (project(PDM, pdm_build=""), "pdm_build.py"),
    "hatchling": (project(HATCH), None),
    "hatch-vcs": (
        project(HATCH, more="[tool.hatch.version]\nsource = 'vcs'\n"),
        None,
    ),
    "hatch-vcs, version file": (
        project(HATCH, more="[tool.hatch.build.hooks.vcs]\nversion-file = 'a'\n"),
        "tool.hatch.build.hooks",
    ),
    "hatchling, hook of the wheel": (
        project(HATCH, more="[tool.hatch.build.targets.wheel.hooks.custom]\n"),
        "tool.hatch.build.targets.wheel.hooks",
    ),
    "setuptools": (project(SETUPTOOLS, "setuptools>=61"), None),
    "setuptools, setup.py": (project(SETUPTOOLS, setup="setup()"), None),
    "setup.py alone": ({"setup.py": "from setuptools import setup\nsetup(name='demo')"}, None),
    "ext_modules": ({"setup.py": "setup(ext_modules=extensions)"}, "ext_modules in setup.py"),
    "mypyc": ({"setup.py": "ext = mypycify(['a.py'])"}, "mypycify in setup.py"),
    "cffi": ({"setup.py": "setup(cffi_modules=['b.py:ffi'])"}, "cffi_modules in setup.py"),
    "rust": ({"setup.py": "setup(rust_extensions=[])"}, "rust_extensions in setup.py"),
    "version file, setup.py": (
        {"setup.py": "setup(use_scm_version={'write_to': 'a.py'})"}, "write_to in setup.py"
    ),
    "cython": (project(SETUPTOOLS, "setuptools", "Cython>=3"), "Cython"),
    "setuptools-rust": (project(SETUPTOOLS, "setuptools-rust"), "setuptools-rust"),
    "declared modules": (
        project(SETUPTOOLS, more="[[tool.setuptools.ext-modules]]\nname = 'a'\n"),
        "tool.setuptools.ext-modules",
    ),
    "setuptools-scm": (
        project(SETUPTOOLS, "setuptools-scm", more="[tool.setuptools_scm]\n"), None
    ),
    "setuptools-scm, version file": (
        project(SETUPTOOLS, more="[tool.setuptools_scm]\nversion_file = 'a.py'\n"),
        "tool.setuptools_scm.version_file",
    ),
    "no backend": ({"pyproject.toml": "[project]\nname = 'demo'\n"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("files", "maker"), CASES.values(), ids=CASES)
def test_what_makes_files_is_named(tmp_path, files, maker):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert made_by(project_of(tmp_path, tmp_path)) == maker


@pytest.mark.parametrize(
    ("files", "project"),
    [
        ({"a.py": ""}, None),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, None),
        ({"pyproject.toml": "no toml ["}, None),
        ({"setup.py": "setup(\n    name='old-demo',\n)"}, (".", "old-demo")),
        ({"setup.py": "setup()", "setup.cfg": "[metadata]\nname = cfg-demo\n"}, (".", "cfg-demo")),
        ({"pyproject.toml": system("flit_core.buildapi")}, (".", "demo")),
        (
            {"sub/pyproject.toml": system("c.d").replace("demo", "b"), **project("a.b")},
            ("sub", "b"),
        ),
        ({"pyproject.toml": system("a.b"), "sub/pyproject.toml": "[tool.a]\n"}, (".", "demo")),
    ],
)  # fmt: skip
def test_a_project_is_the_nearest_that_pip_could_install(tmp_path, files, project):
    (tmp_path / "sub").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = project_of(tmp_path / "sub", tmp_path)
    assert (found and (str(found.folder.relative_to(tmp_path)), found.name)) == project


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("pkg/_fast.cpython-311-x86_64-linux-gnu.so", True),
        ("src/_fast.abi3.so", True),
        ("_fast.so", True),
        ("data/libc.so", False),
        ("build/lib/pkg/_fast.so", False),
        (".venv/lib/python3/site-packages/numpy/_core.so", False),
        ("tracked/_fast.so", False),
    ],
)
def test_a_compiled_file_that_a_checkout_would_lack_is_seen(repo, commit, path, seen):
    (repo / ".gitignore").write_text("*.so\n!tracked/*.so\n")
    (repo / "setup.py").write_text("setup()")
    file = repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    (repo / "tracked").mkdir(exist_ok=True)
    for package in ("pkg", "tracked", "build/lib/pkg"):
        if (repo / package).is_dir():
            (repo / package / "__init__.py").write_text("")
    file.write_text("")
    commit("all but what is ignored")
    assert compiled_files(project_of(repo, repo), []) == (str(file) if seen else None)


def test_an_installed_counterpart_with_compiled_files_is_seen(repo, tmp_path):
    site = tmp_path / "site-packages"
    (site / "Demo_Lib-1.0.dist-info").mkdir(parents=True)
    (site / "Demo_Lib-1.0.dist-info" / "METADATA").write_text("Name: Demo_Lib\nVersion: 1.0\n")
    record = site / "Demo_Lib-1.0.dist-info" / "RECORD"
    (repo / "setup.py").write_text("setup(name='demo-lib')")
    for text, found in (("demo/__init__.py,,\n", None), ("demo/_c.abi3.so,,\n", "demo/_c.abi3.so")):
        record.write_text(text)
        assert compiled_files(project_of(repo, repo), [site]) == (found and str(site / found))


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["demo/__init__.py", "demo/a/__init__.py", "demo/a/b.py"], ("demo",)),
        (["demo.py", "_demo.cpython-311-x86_64-linux-gnu.so"], ("_demo", "demo")),
        (["space/demo/__init__.py", "space/one.py"], ("space.demo", "space.one")),
        (["demo/__init__.cpython-311-x86_64-linux-gnu.so"], ("demo",)),
        (["demo/__init__.py", "tests/__init__.py", "docs/conf.py", "test_a.py"], ("demo",)),
        (["../../bin/demo.py", "demo-data/a.py", "demo/__init__.py"], ("demo",)),
    ],
)  # fmt: skip
def test_a_distributions_modules_are_those_that_it_brings(tmp_path, files, modules):
    info = tmp_path / "Demo-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: Demo\nVersion: 1\n")
    (info / "RECORD").write_text("".join(f"{each},,\n" for each in files))
    assert packages(tmp_path) == {"demo": modules}


def test_a_distribution_may_be_named_as_checkouts_name_folders(tmp_path):
    info = tmp_path / "bench-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: bench\nVersion: 1\n")
    (info / "RECORD").write_text("bench/__init__.py,,\ntests/__init__.py,,\n")
    assert packages(tmp_path) == {"bench": ("bench",)}
