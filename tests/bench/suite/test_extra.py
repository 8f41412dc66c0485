"""Without the extra, what needs it ends with what to install."""

import pytest

from tlbench.errors import InputError
from tlbench.suite import extra


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
