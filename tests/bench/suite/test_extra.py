"""Without the extra, what needs it ends with what to install."""

import re
import tomllib
from pathlib import Path

import pytest

from tlbench.errors import InputError
from tlbench.suite import extra

ROOT = Path(__file__).parents[3]


def test_with_tensorflow_installed_nothing_is_said():
    assert extra.check_installed("tlbench train") is None


@pytest.mark.parametrize(
    ("python", "hint"), [((3, 13), ""), ((3, 14), ", with Python 3.13 or older")]
)
def test_without_it_the_message_says_what_to_install(monkeypatch, python, hint):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    monkeypatch.setattr(extra.sys, "version_info", python)
    with pytest.raises(InputError) as error:
        extra.check_installed("tlbench train")
    message = str(error.value)
    assert message.startswith(f"tlbench train needs TensorFlow: pip install 'tlbench[suite]'{hint}")
    assert ("Python" in message) == bool(hint)


def test_tensorflow_alone_is_not_enough(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: name if name != "numba" else None)
    with pytest.raises(InputError, match="tlbench train needs numba: pip install"):
        extra.check_installed("tlbench train")


def test_the_packages_are_those_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.match(r"[\w-]+", each)[0] for each in project["optional-dependencies"]["suite"]}
    # The engine tutorial alone needs tensorflow-hub, JPEG files without a wheel are decoded by
    # Pillow, and h5py comes with TensorFlow.
    not_asked = {"tensorflow-hub", "setuptools", "simplejpeg", "h5py"}
    assert {name.lower() for name in extra.PACKAGES.values()} == named - not_asked
