"""TensorFlow doesn't wait for Keras, and whoever uses Keras has it."""

import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from tl_core import late_keras

#: What Keras imports, and TensorFlow alone does not.
HEAVY = "['keras', 'sklearn', 'matplotlib']"
USES = {
    "tf.keras": "print(tf.keras.layers.Dense(3)(tf.ones((1, 2))).shape)",
    "keras": "import keras; print(keras.layers.Dense(3)(tf.ones((1, 2))).shape)",
    "tf_keras": "import tf_keras; print(tf_keras.layers.Dense(3)(tf.ones((1, 2))).shape)",
}


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    "use",
    ["tf.keras", *(pytest.param(name, marks=pytest.mark.slow) for name in ("keras", "tf_keras"))],
)
def test_tensorflow_is_imported_without_keras_which_is_there_when_it_is_used(use):
    loaded, shape = run(
        "import sys, tl_core, tensorflow as tf\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n{USES[use]}"
    )
    assert (loaded, shape) == ("[]", "(1, 3)")


@pytest.mark.slow
def test_keras_may_come_first_and_bring_tensorflow():
    assert run(
        "import tl_core, keras, tensorflow as tf\n"
        "print(tf.keras.layers.Dense is keras.layers.Dense, keras.__name__)"
    ) == ["True keras"]


@pytest.mark.slow
def test_the_suites_quiet_import_of_tensorflow_is_without_it_too(tiny_model):
    """Another finder is in front of this one there."""
    loaded, later = run(
        "import sys; from tlbench.suite.quiet import import_tensorflow_later\n"
        "import tl_core; import_tensorflow_later('cpu'); import tensorflow\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
        f"tl_core.FeatureExtractor({tiny_model!r}); print('keras' in sys.modules)"
    )
    assert (loaded, later) == ("[]", "False"), "running a model doesn't use it either"


def test_only_tensorflows_own_import_is_kept_from_it():
    """Another thread, for instance, may import Keras at the same time."""
    finder, asking = late_keras._LateKeras(), "spec = finder.find_spec(name)"

    def asked(by, name="keras"):
        names = {"__name__": by, "finder": finder, "name": name}
        exec(asking, names)
        return names["spec"]

    spec = asked("tensorflow")
    assert spec.origin == find_spec("keras").origin, "where it is, can be seen"
    with pytest.raises(ModuleNotFoundError, match="imported when it is used"):
        spec.loader.exec_module(ModuleType("keras"))
    assert asked("tensorflow.python") is None
    assert asked("tensorflow", "keras.src") is None
