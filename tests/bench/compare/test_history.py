"""``tlbench history``: a planted change is shown, with its commits and what else changed there."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.compare.entries import entries_of
from tlbench.compare.history import LEVELS, Point, Series, histories
from tlbench.report.history_text import BLOCKS, as_lines, sparkline
from tlbench.runs.collect import collect
from tlbench.stats.change_points import LEAST_RUNS

HOSTILE = "quick\x1b[31m\n<b>"
RUNS, SHIFT = 24, 14


def commit(day):
    return f"{day:02d}" * 20


@pytest.fixture
def history(tmp_path):
    """Runs ``tlbench history`` on the folder of results."""

    def run(*arguments):
        return CliRunner().invoke(
            main, ["history", "--results", str(tmp_path / "results"), *map(str, arguments)]
        )

    return run


@pytest.fixture
def nights(write_run):
    """Extraction is slower by 10 % from one night on, with another TensorFlow."""

    def write(*, after=None, folder="nights", **info):
        rng = np.random.default_rng(0)
        for day in range(RUNS):
            late = day >= SHIFT
            write_run(
                f"{folder}/{day:02d}.json", day=day, commit=commit(day), only="test_extract",
                faster=float(np.exp(rng.normal(0, 0.01))) * (0.9 if late else 1.0),
                facts=after if late else None, **info,
            )  # fmt: skip

    return write


OTHER = {"packages": {"tensorflow": "2.22.0"}}


def test_a_planted_change_is_found_with_its_commits_and_software(nights, history):
    nights(after=OTHER)
    done = history("--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)["histories"]
    changes = {each["benchmark"]: each["changes"] for each in told}
    (change,) = changes.pop("extract")
    assert not any(changes.values())
    assert change["index"] == SHIFT
    assert change["commits"] == f"{commit(SHIFT - 1)[:12]}..{commit(SHIFT)[:12]}"
    assert change["ratio_low"] < 0.9 < change["ratio_high"]
    assert {"name": "packages.tensorflow", "old": "2.21.0", "new": "2.22.0"} in change["software"]
    extract = next(each for each in told if each["benchmark"] == "extract")
    assert [run["commit"] for run in extract["runs"]] == [commit(d)[:12] for d in range(RUNS)]
    assert extract["judged"] == RUNS


def test_the_terminal_says_the_same_within_80_columns(nights, history):
    nights(after=OTHER)
    done = history("--benchmark", "extract")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    words = " ".join(done.stdout.split())
    assert f"from 2026-11-{1 + SHIFT} on" in words
    assert f"commits {commit(SHIFT - 1)[:12]}..{commit(SHIFT)[:12]}; software: " in words
    assert "packages.tensorflow: 2.21.0 -> 2.22.0" in words
    assert "resize" not in words


def test_the_same_commit_before_and_after_is_said(write_run, tmp_path):
    for day in range(RUNS):
        write_run(f"{day:02d}.json", day=day, commit=commit(1), faster=0.9 if day >= SHIFT else 1)
    found = histories(entries_of(collect([str(tmp_path / "results")]).runs), ["extract"])
    assert "the same commit, 010101010101" in " ".join(" ".join(as_lines(found)).split())


@pytest.mark.parametrize(
    ("commits", "expected", "same"),
    [
        (("a1", "b2"), "a1..b2", False),
        (("a1", "a1"), "a1..a1", True),
        (("a1+", "a1+"), "a1+..a1+", False),
        ((None, "b2+"), "unknown..b2+", False),
        ((None, None), "unknown..unknown", False),
    ],
)
def test_a_commit_range_is_what_the_two_runs_tell(write_run, tmp_path, commits, expected, same):
    for day in range(RUNS):
        write_run(f"{day:02d}.json", day=day, faster=0.9 if day >= SHIFT else 1)
    runs = [
        replace(run, commit=commits[i >= SHIFT])
        for i, run in enumerate(collect([str(tmp_path / "results")]).runs)
    ]
    (found,) = histories(entries_of(runs), ["extract"])
    (shift,) = found.series[0].shifts
    assert (shift.commit_range, shift.same_commit) == (expected, same)


def test_too_few_runs_are_said_to_be_too_few(write_run, history):
    for day in range(LEAST_RUNS - 1):
        write_run(f"{day:02d}.json", day=day, faster=0.5 if day >= 5 else 1)
    done = history()
    assert done.exit_code == 0
    assert f"at least {LEAST_RUNS} runs are needed" in " ".join(done.stdout.split())
    assert " too few" in done.stdout.splitlines()[4]


def test_a_single_run_is_named_and_has_no_table(write_run, history):
    write_run("1.json", engine="litert")
    alone = history().stdout.splitlines()
    assert alone[0] == "only one run so far:"
    assert alone[1].startswith(("  quick: ", "  tutorial: "))
    assert alone[-1].startswith("    ")
    assert "litert" in alone[-1]
    for day in range(2):
        write_run(f"m/{day}.json", day=day)
    both = history().stdout
    assert both.count("extract") == 1
    assert "\nonly one run so far:\n  " in both
    assert "\n    litert" in both
    assert not set("▁█") & set(both)  # two runs


def test_set_ups_and_jobs_have_histories_of_their_own(nights, history):
    nights()
    nights(folder="other", engine="litert")
    nights(folder="more", batch_size=64)
    told = json.loads(history("--benchmark", "extract", "--json").stdout)["histories"]
    found = [(each["engine"], each["job"]["batch_size"], len(each["runs"])) for each in told]
    assert sorted(found) == [
        ("litert", 32, RUNS), ("tensorflow", 32, RUNS), ("tensorflow", 64, RUNS),
    ]  # fmt: skip


def test_engines_and_threads_are_chosen(write_run, history):
    for day in range(4):
        write_run(f"{day}.json", day=day, engine="ab"[day % 2], threads=1 + day // 2)
    told = json.loads(history("--engine=b", "--json").stdout)["histories"]
    assert {(each["engine"], each["threads"]) for each in told} == {("b", 1), ("b", 2)}
    told = json.loads(history("--threads=2", "--json").stdout)["histories"]
    assert {(each["engine"], each["threads"]) for each in told} == {("a", 2), ("b", 2)}
    assert history("--engine=c").exit_code == 2


def test_unreadable_files_are_skipped_with_a_line_on_stderr(write_run, history, tmp_path):
    write_run("1.json")
    (tmp_path / "results" / "broken.json").write_text("{")
    (tmp_path / "results" / "other.json").write_text("[]")
    done = history()
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("skipped: ") for line in lines)
    assert "broken.json" in lines[0]
    for number in range(4):
        (tmp_path / "results" / f"broken{number}.json").write_text("{")
    (line,) = history().stderr.splitlines()
    assert line.startswith("6 files skipped, first: ")
    assert "broken.json" in line


def test_a_file_that_is_named_must_be_a_run(write_run, history, tmp_path):
    write_run("1.json")
    broken = tmp_path / "results" / "broken.json"
    broken.write_text("{")
    done = history(broken)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def test_nothing_to_show_exits_with_4_and_says_how_to_get_some(history, tmp_path):
    (tmp_path / "results").mkdir()
    done = history()
    assert (done.exit_code, done.stdout) == (4, "")
    assert "pytest --benchmark" in done.stderr


def test_names_that_are_nothing_are_bad_input(write_run, history):
    write_run("1.json")
    assert history("nowhere").exit_code == 2
    done = history("--benchmark", "train")
    assert done.exit_code == 2
    assert "train (cached)" in done.stderr


def test_files_cannot_write_control_characters_to_the_terminal(write_run, history):
    write_run("1.json", workload=HOSTILE, model=HOSTILE, engine=HOSTILE)
    write_run("2.json", workload=HOSTILE, model=HOSTILE, engine="other")
    done = history()
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\\x1b" in done.stdout


def spark(rates):
    """A line of blocks of runs with these rates."""
    points = tuple(Point(None, rate, None, None, None) for rate in rates)
    return sparkline(Series("extract", points, ()).levels)


def test_a_sparkline_goes_from_the_lowest_to_the_highest():
    assert spark([1.0]) == BLOCKS[4]
    assert spark([3.0, 3.0]) == BLOCKS[4] * 2
    assert spark([1.0, 2.0, 1.0]) == BLOCKS[0] + BLOCKS[-1] + BLOCKS[0]
    rising = spark(range(1, 101))
    assert len(rising) == LEVELS
    assert list(rising) == sorted(rising, key=BLOCKS.index)
    assert (rising[0], rising[-1]) == (BLOCKS[0], BLOCKS[-1])
