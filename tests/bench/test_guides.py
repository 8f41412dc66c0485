"""Commands of the guides in docs/ parse, and work in a folder that has what the guide names."""

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import numpy as np
import psutil
import pytest
from guide_blocks import SHOWN, GuideError, blocks, needs
from PIL import Image

from bench.studies.files import committed_results
from tl_core.photographs import photographs
from tlbench.cli.main import main as tlbench
from tlbench.suite.extra import NEWEST_PYTHON
from tlbench.suite.options import OPTIONS
from tlbench.suite.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
#: Variable by which processes of a guide's commands are known.
MARK = "TLBENCH_GUIDE_TEST"
#: Seconds that a block may take on a machine that is busy.
LIMIT = 240
#: Guides whose commands take minutes.
LONG = {"adding-an-engine.md", "extract.md"}


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


def photo(folder):
    """One photograph."""
    shutil.copy(photographs()["chelsea"], folder / "photo.jpg")


def results(folder):
    """This project's own results of two machines."""
    with committed_results() as source:
        for machine in ("amd-epyc-turin-2-cpus", "intel-xeon-emerald-rapids-2-cpus"):
            shutil.copytree(source / "results" / machine, folder / "results" / machine)


def bench_sort(folder):
    """A repository with a suite of one benchmark, and a commit on top of main."""
    test = "def test_sort(benchmark):\n    benchmark(sorted, list(range(20_000, 0, -1)))\n"
    (folder / "bench_sort.py").write_text(test)
    # Rounds of a second would make every run of these blocks longer, and no block better tested.
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --benchmark-max-time=0.1\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["commit", "--quiet", "--message", "a benchmark"],
        ["switch", "--quiet", "--create", "change"],
        ["commit", "--quiet", "--allow-empty", "--message", "a change"],
    ):
        subprocess.run([*git, *command], check=True)


def checkout(folder):
    """The program's own source."""
    for name in ("tl_core", "bench"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


PREPARED = {each.__name__: each for each in (photos, photo, results, bench_sort, checkout)}


def environment(folder):
    """Of a person who types: our programs first, no network, nothing of this test run's pytest."""
    source = folder if (folder / "tl_core").is_dir() else ROOT
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_", "GITHUB_"))}
    nowhere = "http://127.0.0.1:9"
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere,
        "https_proxy": nowhere, "GIT_CEILING_DIRECTORIES": str(folder.parent), MARK: str(folder),
    }  # fmt: skip


def end_processes(folder):
    """Kill what a guide's commands started to run on, such as a cluster."""
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get(MARK) == str(folder):
            with contextlib.suppress(psutil.Error):
                process.kill()


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


def shell_lines(text):
    """Command lines of a document's shell blocks, as lists of words; pipes and files left out."""
    for block in blocks(text):
        lines = block.text.splitlines() if block.kind == "shell" else []
        for line in lines:
            words = shlex.split(line, comments=True)
            while words and "=" in words[0]:
                del words[0]
            ends = [number for number, word in enumerate(words) if word in {">", "|", "&&"}]
            if words:
                yield block.line, words[: min(ends, default=len(words))]


def parse(words):
    """Parse a ``tlbench`` command line as the program does, without running it."""
    context = tlbench.make_context("tlbench", list(words[1:]))
    _, command, rest = tlbench.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(command.name, rest, parent=context)


@pytest.fixture(scope="module")
def pytest_options():
    """Every option that ``pytest --benchmark`` has."""
    command = [sys.executable, "-m", "pytest", "--benchmark", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"(?<!\w)-{1,2}[a-z][\w-]*", done.stdout))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_command_of_a_guide_parses(guide, pytest_options):
    for line, words in shell_lines(guide.read_text(encoding="utf-8")):
        if words[0] == "tlbench":
            try:
                parse(words)
            except click.ClickException as error:
                pytest.fail(f"{guide.name}, block of line {line}: {error.format_message()}")
        elif words[0].endswith("pytest"):
            options = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert options <= pytest_options, f"{guide.name}, block of line {line}"


def test_an_unknown_option_or_command_is_detected(pytest_options):
    for words in (["tlbench", "compare", "--mixed"], ["tlbench", "comparing"]):
        with pytest.raises(click.ClickException):
            parse(words)
    assert {"--benchmark", "--gate", "--engine", "-k"} <= pytest_options
    assert "--engines" not in pytest_options


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_study_of_a_guide_exists(guide):
    for name in re.findall(r"python -m ([\w.]+)", guide.read_text(encoding="utf-8")):
        assert name == "pip" or importlib.util.find_spec(name), name


def test_every_extra_and_the_newest_python_are_documented():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`pip install 'tlbench\[([\w-]+)\]'`", text)) == set(
        project["optional-dependencies"]
    )
    newest = ".".join(map(str, NEWEST_PYTHON))
    assert f"The extra `[suite]` needs Python 3.11 to {newest}" in text
    for name in ("README.md", "README.zh-CN.md"):
        assert re.search(rf"3\.11 (to|至) {newest}", (ROOT / name).read_text(encoding="utf-8"))


def test_every_option_and_workload_is_documented():
    text = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
    for name in [option.flag for option in OPTIONS] + [f"`{name}`" for name in WORKLOADS]:
        assert name in text


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(
            path,
            id=path.name,
            marks=pytest.mark.long if path.name in LONG else pytest.mark.slow,
        )
        for path in GUIDES
    ],
)
def test_every_command_of_a_guide_works(guide, tmp_path):
    text = guide.read_text(encoding="utf-8")
    for name in needs(text):
        PREPARED[name](tmp_path)
    try:
        for block in blocks(text):
            if block.rule != "not run" and block.kind != SHOWN:
                wrong = run(block, tmp_path)
                assert wrong is None, f"{guide.name}, line {block.line}:\n{block.text}\n{wrong}"
    finally:
        end_processes(tmp_path)


def test_there_is_a_guide_for_each_job():
    names = {guide.stem for guide in GUIDES}
    jobs = {"measuring", "gating", "comparing", "report", "history", "images", "models"}
    assert names >= jobs | {"installing", "engines", "adding-an-engine", "library", "glossary"}


def test_blocks_are_found_in_order_with_their_marks():
    text = (
        "A\n\n    one\n    two\n\nB\n\n<!-- not run: too long -->\n\n    three\n\n"
        "```python\nprint()\n```\n<!-- may exit with 3: noise -->\n```sh\nfour\n```\n"
        "<!-- file: a.txt -->\n```yaml\nx: 1\n```\n```text\nlook\n```\n"
    )
    parsed = [(each.kind, each.text, each.rule, each.about, each.codes) for each in blocks(text)]
    assert parsed == [
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
