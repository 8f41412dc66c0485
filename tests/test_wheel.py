"""The wheel, installed where strangers' repositories have the names that it once had."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")
ROOT = Path(__file__).parents[1]
SORT = "def test_sort(benchmark):\n    assert benchmark(sorted, [3, 1, 2]) == [1, 2, 3]\n"
REPOSITORIES = {
    "a package bench": {"bench/__init__.py": "", "bench/test_sort.py": SORT},
    "a module bench": {
        "bench.py": "def job():\n    return [3, 1, 2]\n",
        "test_sort.py": "import bench\n" + SORT.replace("[3, 1, 2]", "bench.job()"),
    },
    "a package tests": {"tests/__init__.py": "", "tests/test_sort.py": SORT},
    "an option of ours": {
        "conftest.py": "def pytest_addoption(parser):\n"
        "    for name in ('--device', '--gate', '--benchmark'):\n"
        "        parser.addoption(name, default='cpu')\n",
        "test_sort.py": SORT,
    },
}
pytestmark = pytest.mark.slow


def run(*command, cwd, **environ):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON", "GIT_"))}
    return subprocess.run(
        [str(each) for each in command], cwd=cwd, env=clean | environ, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    done = run(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Interpreter of an environment with the wheel, over the packages of this one.

    This checkout, which is installed editable here, isn't seen there: a folder that a ``.pth`` file
    names has none of its own ``.pth`` files read.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-Im", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/*/site-packages")
    below = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "below.pth").write_text("\n".join(below) + "\n")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    done = run(*pip, "--force-reinstall", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run(python, "-c", "import tlbench, tl_core; print(tlbench.__file__)", cwd=folder)
    assert done.stdout.startswith(str(packages)), done.stderr
    return python


@pytest.fixture(params=REPOSITORIES)
def repository(request, tmp_path):
    for name, text in REPOSITORIES[request.param].items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        someone = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        assert run("git", *someone, *command, cwd=tmp_path).returncode == 0
    return tmp_path


def test_the_wheel_installs_two_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tlbench", "tl_core"}
    assert len(tops) == 3
    assert not [name for name in names if "studies" in name or "__pycache__" in name]


def test_pytest_is_as_it_was(repository, python):
    for command, environ in (
        ((python, "-P", "-m", "pytest"), {}),  # as the script pytest: without this folder
        ((python, "-m", "pytest"), {}),
        ((python, "-P", "-m", "pytest"), {"PYTHONPATH": "."}),
    ):
        done = run(*command, "-p", "no:cacheprovider", cwd=repository, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 passed" in done.stdout
        assert "tlbench-" in done.stdout


def test_the_gate_works(repository, python, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("cache"))
    (test,) = repository.rglob("test_sort.py")
    arguments = ("--base", "ref=HEAD", "--budget", "1", "--", test.relative_to(repository))
    done = run(
        python, "-P", "-m", "tlbench", "gate", *arguments, cwd=repository, TLBENCH_CACHE=cache
    )
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert "test_sort" in done.stdout
