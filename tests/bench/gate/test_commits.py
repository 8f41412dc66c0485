"""The commits that a bisection walks."""

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.commits import commits_between


@pytest.fixture
def history(repo, git, commit):
    """Commits by subject: a, b and c on main; d beside b and c; their merge m; e."""
    shas = {"second": git("rev-parse", "HEAD")}

    def add(subject):
        (repo / f"{subject}.txt").write_text(subject)
        shas[subject] = commit(subject)

    add("a")
    git("checkout", "--quiet", "-b", "branch")
    add("d")
    git("checkout", "--quiet", "main")
    add("b")
    add("c")
    git("merge", "--quiet", "--no-ff", "--message", "m", "branch")
    shas["m"] = git("rev-parse", "HEAD")
    add("e")
    return shas


def test_they_are_the_first_parent_line_in_which_a_merge_is_one_step(repo, history):
    found = commits_between(repo, "first", "HEAD")
    assert [each.subject for each in found] == ["first", "second", "a", "b", "c", "m", "e"]
    assert [each.sha for each in found[1:]] == [history[each.subject] for each in found[1:]]
    assert [each.subject for each in found if each.is_merge] == ["m"]
    assert found[5].parents == (history["c"], history["d"])


@pytest.mark.parametrize(
    ("good", "bad", "subjects"),
    [
        ("c", "m", ["c", "m"]),
        ("d", "e", ["d", "m", "e"]),  # b and c don't have d in their history
        ("a", "d", ["a", "d"]),
    ],
)
def test_they_have_the_good_one_in_their_history(repo, history, good, bad, subjects):
    found = commits_between(repo, history[good], history[bad])
    assert [each.subject for each in found] == subjects


def test_they_have_the_authors_date(repo, git, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2020-02-29T23:59:00+0500")
    git("commit", "--quiet", "--allow-empty", "--message", "a subject\n\nand a body")
    _, commit = commits_between(repo, "HEAD~1", "HEAD")
    assert (commit.date, commit.subject) == ("2020-02-29", "a subject")
    assert commit.sha.startswith(commit.short)
    assert len(commit.short) == 10


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("HEAD", "main", "expected two"),
        ("HEAD", "first", "a later commit; exchange"),
        ("c", "d", "expected an ancestor, such as their merge base"),
        ("nothing", "HEAD", "--good nothing: no such commit"),
        ("first", "--all", "--bad --all: no such commit"),
    ],
)
def test_what_cannot_be_bisected_is_an_error_that_says_what_can(repo, history, good, bad, says):
    with pytest.raises(ArmError, match=says):
        commits_between(repo, history.get(good, good), history.get(bad, bad))


def test_histories_without_a_common_commit_are_an_error(repo, git):
    git("checkout", "--quiet", "--orphan", "other")
    git("commit", "--quiet", "--allow-empty", "--message", "alone")
    with pytest.raises(ArmError, match="no commit in common"):
        commits_between(repo, "first", "HEAD")


def test_outside_a_repository_that_is_said(tmp_path, plain_tools):
    with pytest.raises(ArmError, match="not a git repository"):
        commits_between(tmp_path, "a", "b")
