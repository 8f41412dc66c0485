"""The workflow's shell, as it stands in the file, with programs that only say how they end."""

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = (".github/workflows/gate.yml", "docs/gating.md")
#: As GitHub starts it for "shell: bash".
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


def fragment(name):
    """The longest ``run: |`` block of a file."""
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"no {name}: this is a source distribution")
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)run: \|\n((?:\1 +.*\n)+)", text, re.MULTILINE)
    return textwrap.dedent(max((body for _, body in blocks), key=len))


@pytest.fixture
def run(tmp_path):
    """Run a fragment where git and tlbench are stubs; gives exit code, output and calls."""

    def make(text, code, git_code=0):
        calls = tmp_path / "calls"
        stubs = {"git": f"echo base-sha; exit {git_code}", "tlbench": f"exit {code}"}
        for name, ending in stubs.items():
            stub = tmp_path / name
            stub.write_text(f'#!/bin/sh\necho {name} "$@" >> {calls}\n{ending}\n')
            stub.chmod(0o755)
        environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "BASE_BRANCH": "main"}
        done = subprocess.run(
            [*BASH, text], env=environ, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, calls.read_text().splitlines()

    return make


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


@needs_bash
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("code", "ends_with", "warns"), [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 0, 1), (4, 4, 0)]
)
def test_only_an_inconclusive_gate_is_a_warning(run, name, code, ends_with, warns):
    status, said, calls = run(fragment(name), code)
    assert (status, said.count("::warning")) == (ends_with, warns)
    assert calls[0] == "git merge-base origin/main HEAD"
    assert calls[1].startswith("tlbench gate --base ref=base-sha --head ref=HEAD --budget 1200 ")
    assert "--junit gate.xml" in calls[1]


@needs_bash
@pytest.mark.parametrize("name", FILES)
def test_without_a_merge_base_nothing_is_gated(run, name):
    status, _, calls = run(fragment(name), 0, git_code=1)
    assert status == 1
    assert len(calls) == 1
