"""What the guides in docs/ tell people to type works, in a folder that has what they say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from guide_blocks import SHOWN, GuideError, blocks, needs
from PIL import Image

from tl_core.photographs import photographs

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
#: Seconds that a block may take on a machine that is busy.
LIMIT = 240


def photos(folder):
    """Pictures of two classes, cut from scikit-image's photographs."""
    rng = np.random.default_rng(0)
    for name, source in (("cats", "chelsea"), ("coffee", "coffee")):
        (folder / "photos" / name).mkdir(parents=True)
        picture = Image.open(photographs()[source]).convert("RGB")
        for number in range(12):
            left, top = (int(rng.integers(0, side - 100)) for side in picture.size)
            crop = picture.crop((left, top, left + 100, top + 100))
            crop.save(folder / "photos" / name / f"{number}.jpg")


def results(folder):
    """This project's own results of two machines."""
    for machine in ("amd-epyc-2-cpus", "intel-xeon-2-cpus"):
        shutil.copytree(ROOT / "results" / machine, folder / "results" / machine)


def bench_sort(folder):
    """A repository with a suite of one benchmark, and a commit on top of main."""
    test = "def test_sort(benchmark):\n    benchmark(sorted, list(range(20_000, 0, -1)))\n"
    (folder / "bench_sort.py").write_text(test)
    (folder / ".gitignore").write_text("__pycache__/\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "bench_sort.py", ".gitignore"],
        ["commit", "--quiet", "--message", "a benchmark"],
        ["switch", "--quiet", "--create", "change"],
        ["commit", "--quiet", "--allow-empty", "--message", "a change"],
    ):
        subprocess.run([*git, *command], check=True)


def checkout(folder):
    """The program's own source."""
    for name in ("tl_core", "bench"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


PREPARED = {each.__name__: each for each in (photos, results, bench_sort, checkout)}


def environment(folder):
    """Of a person who types: our programs first, no network, nothing of this test run's pytest."""
    source = folder if (folder / "tl_core").is_dir() else ROOT
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_", "GITHUB_"))}
    nowhere = "http://127.0.0.1:9"
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere,
        "https_proxy": nowhere, "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }  # fmt: skip


def run(block, folder):
    """Do what a block says, and return what was printed where that went wrong."""
    if block.rule == "file":
        (folder / block.about).write_text(block.text)
        return None
    command = {
        "shell": ["bash", "-euo", "pipefail", "-c", block.text],
        "python": [sys.executable, "-c", block.text],
        "diff": ["git", "apply", "-"],
    }[block.kind]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), timeout=LIMIT, check=False, text=True,
        input=block.text if block.kind == "diff" else None,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return None if done.returncode in block.codes else f"exit code {done.returncode}\n{done.stdout}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_command_of_a_guide_works(guide, tmp_path):
    text = guide.read_text(encoding="utf-8")
    for name in needs(text):
        PREPARED[name](tmp_path)
    for block in blocks(text):
        if block.rule != "not run" and block.kind != SHOWN:
            wrong = run(block, tmp_path)
            assert wrong is None, f"{guide.name}, line {block.line}:\n{block.text}\n{wrong}"


def test_there_is_a_guide_for_each_job():
    names = {guide.stem for guide in GUIDES}
    assert names >= {"comparing", "gating", "models", "images", "adding-an-engine", "engines"}


def test_blocks_are_found_in_order_with_their_marks():
    text = (
        "A\n\n    one\n    two\n\nB\n\n<!-- not run: too long -->\n\n    three\n\n"
        "```python\nprint()\n```\n<!-- may exit with 3: noise -->\n```sh\nfour\n```\n"
        "<!-- file: a.txt -->\n```yaml\nx: 1\n```\n```text\nlook\n```\n"
    )
    found = [(each.kind, each.text, each.rule, each.about, each.codes) for each in blocks(text)]
    assert found == [
        ("shell", "one\ntwo\n", "", "", (0,)),
        ("shell", "three\n", "not run", "too long", (0,)),
        ("python", "print()\n", "", "", (0,)),
        ("shell", "four\n", "may exit with", "noise", (0, 3)),
        ("yaml", "x: 1\n", "file", "a.txt", (0,)),
        ("text", "look\n", "", "", (0,)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```yaml\nx: 1\n```\n", "line 1: 'yaml' is neither run nor marked"),
        ("```\nwhat is this\n```\n", "is neither run nor marked"),
        ("<!-- not run: -->\n\n    pip install x\n", "a mark without a reason"),
        ("<!-- not run: long -->\n\nWords.\n\n    ls\n", "stands above no block"),
        ("<!-- not run: long -->\n", "stands above no block"),
    ],
)
def test_a_block_that_is_neither_run_nor_marked_is_an_error(text, message):
    with pytest.raises(GuideError, match=message):
        blocks(text)


def test_a_command_that_fails_is_told_with_its_output(tmp_path):
    (block,) = blocks("    echo said; exit 5\n")
    assert run(block, tmp_path) == "exit code 5\nsaid\n"
