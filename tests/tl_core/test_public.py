"""What the package offers, and what importing it costs."""

import subprocess
import sys

import tl_core


def test_every_public_name_is_there():
    assert sorted(tl_core.__all__) == tl_core.__all__
    assert all(hasattr(tl_core, name) for name in tl_core.__all__)


def test_importing_it_imports_no_heavy_package():
    code = (
        "import sys, tl_core, bench.plugin, bench.cli, bench.records.read, bench.telling.table\n"
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
        "assert not [m for m in sys.modules if m == 'bench' or m.startswith('bench.')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
