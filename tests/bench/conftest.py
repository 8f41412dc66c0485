"""Files of machines that this one isn't."""

import pytest


@pytest.fixture
def tree(tmp_path):
    """Make a folder that stands for ``/``, of files by path."""

    def make(files=None):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return tmp_path

    return make
