"""The workflows' shell, as it stands in the files, with programs that only say how they end."""

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tlbench.report.gate_markdown import MARKER

ROOT = Path(__file__).parents[2]
FILES = (".github/workflows/gate.yml", "docs/gating.md")
COMMENT_FILES = (".github/workflows/gate-comment.yml", "docs/gating.md")
#: As GitHub starts it for "shell: bash".
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


def text_of(name):
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"no {name}: this is a source distribution")
    return path.read_text(encoding="utf-8")


def fragment(name, command="tlbench gate --base"):
    """The ``run: |`` block of a file that has this command."""
    blocks = re.findall(r"^( *)run: \|\n((?:\1 +.*\n)+)", text_of(name), re.MULTILINE)
    (block,) = (body for _, body in blocks if command in body)
    return textwrap.dedent(block)


def workflows(name):
    """All workflows of a file, as YAML is read: of a guide, its blocks that are for GitHub."""
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra [dev]")
    text = text_of(name)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if name.endswith(".md") else [text]
    loaded = [yaml.load(block, yaml.BaseLoader) for block in blocks]  # "on" is no boolean
    return {each["name"]: each for each in loaded if "jobs" in each}


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


@pytest.mark.parametrize("file", FILES)
def test_the_gate_may_write_nothing_and_hands_its_summary_on(file):
    gate = workflows(file)["gate"]
    assert gate["permissions"] == {"contents": "read"}
    (job,) = gate["jobs"].values()
    assert "permissions" not in job
    (upload,) = (step["with"] for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert upload["name"] == "gate"
    assert "gate.md" in upload["path"].split()
    assert "--markdown gate.md" in fragment(file)


@pytest.mark.parametrize("file", COMMENT_FILES)
def test_the_comment_runs_nothing_of_the_pull_request(file):
    comment = workflows(file)["gate-comment"]
    assert comment["on"] == {"workflow_run": {"workflows": ["gate"], "types": ["completed"]}}
    assert comment["permissions"] == {"actions": "read", "pull-requests": "write"}
    (job,) = comment["jobs"].values()
    (step,) = job["steps"]
    assert step["env"].keys() == {"GH_TOKEN", "GH_REPO", "RUN_ID", "HEAD", "SHA"}
    # What others choose, such as the name of a branch, comes as a variable, not as shell.
    assert "${{" not in step["run"]


def test_the_guide_has_the_projects_own_comment_workflow():
    own, guide = (workflows(file)["gate-comment"] for file in COMMENT_FILES)
    assert own == guide


#: Answers as GitHub does, and applies the filter, as gh does.
GH = """#!/bin/sh
printf '%s\\n' "$*" | tr '\\n' ' ' >> {calls}; echo >> {calls}
case "$1 $2" in "run download") {download}; exit;; esac
for last; do :; done
case "$*" in
*--method\\ GET*) jq -r "$last" {pulls};;
*--paginate*) jq -r "$last" {comments};;
esac
"""
SUMMARY = "echo text > gate/gate.md"


@pytest.fixture
def comment(tmp_path):
    """Run the comment's shell with a ``gh`` that has these answers; gives its calls."""

    def make(file, comments=(), *, sha="abc", download=SUMMARY):
        calls = tmp_path / "calls"
        pulls = [{"number": 6, "head": {"sha": "old"}}, {"number": 7, "head": {"sha": sha}}]
        for name, answer in (("pulls", pulls), ("comments", list(comments))):
            (tmp_path / name).write_text(json.dumps(answer))
        (tmp_path / "gate").mkdir()
        stub = tmp_path / "gh"
        paths = {name: tmp_path / name for name in ("calls", "pulls", "comments")}
        stub.write_text(GH.format(download=download, **paths))
        stub.chmod(0o755)
        environ = {
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "GH_REPO": "me/it",
            "RUN_ID": "12", "HEAD": "you:$(touch owned)", "SHA": "abc",
        }  # fmt: skip
        subprocess.run([*BASH, fragment(file, "gh api")], env=environ, cwd=tmp_path, check=True)
        assert not (tmp_path / "owned").exists()
        return calls.read_text().splitlines()

    return make


needs_jq = pytest.mark.skipif(
    None in {shutil.which("bash"), shutil.which("jq")}, reason="no bash or no jq"
)
BOT = {"login": "github-actions[bot]"}
MARKED = f"{MARKER}\n\n## ✓ Gate: PASS"


@needs_jq
@pytest.mark.parametrize("file", COMMENT_FILES)
def test_the_first_summary_is_a_new_comment(comment, file):
    others = [
        {"id": 1, "user": {"login": "you"}, "body": MARKED},
        {"id": 2, "user": BOT, "body": "something else"},
    ]
    download, pulls, _, post = comment(file, others)
    assert download.split() == ["run", "download", "12", "--name", "gate", "--dir", "gate"]
    assert "-f head=you:$(touch owned)" in pulls
    assert post.split() == [
        "api", "--method", "POST", "repos/me/it/issues/7/comments", "-F", "body=@gate/gate.md",
    ]  # fmt: skip


@needs_jq
@pytest.mark.parametrize("file", COMMENT_FILES)
def test_later_summaries_take_its_place(comment, file):
    comments = [{"id": number, "user": BOT, "body": MARKED} for number in (41, 42)]
    *_, patch = comment(file, comments)
    assert patch.split()[1:4] == ["--method", "PATCH", "repos/me/it/issues/comments/41"]
    assert patch.split()[4:] == ["-F", "body=@gate/gate.md"]


@needs_jq
@pytest.mark.parametrize("file", COMMENT_FILES)
@pytest.mark.parametrize(
    ("sha", "download", "calls"),
    [
        ("newer", SUMMARY, 2),
        ("abc", "exit 1", 1),
        ("abc", ": > gate/gate.md", 1),
        ("abc", "ln -s /etc/passwd gate/gate.md", 1),
    ],
    ids=["newer commits", "no artifact", "an empty one", "a link"],
)
def test_without_a_summary_of_the_last_commit_nothing_is_written(
    comment, file, sha, download, calls
):
    assert len(comment(file, sha=sha, download=download)) == calls
