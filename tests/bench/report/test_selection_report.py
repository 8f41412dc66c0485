"""How a choice is shown: the table, the words, JSON, the picture, and the command's exit codes."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.compare.selection import INACCURATE, Candidate, Rule, Selection, Trial
from tlbench.report.selection_picture import write_selection
from tlbench.report.selection_text import selection_json, selection_lines
from tlbench.suite.select import job

COMMAND = "tlbench train photos --model efficientnet-lite0 --image-size 160 --save my-model"


def trial(size, rate, wrong, images=10_000, *, engine="openvino", precision="fp32", dropped=""):
    right = np.ones(images, bool)
    right[:wrong] = False
    return Trial(Candidate("efficientnet-lite0", size, engine, precision), rate, right, dropped)


FAST = trial(96, 1_700.4, 100, 625, dropped=INACCURATE)
BEST = trial(160, 700.0, 210)
TOP = trial(224, 391.0, 200)
INT8 = trial(224, 380.0, 250, engine="litert", precision="int8")


@pytest.fixture
def selection():
    return Selection(
        trials=(FAST, BEST, TOP, INT8), best=BEST, top=TOP, rule=Rule(0.01, 3), decided=True,
        images=10_000, engines={("openvino", "fp32"): 391.0, ("tensorflow", "fp32"): 183.0},
        refused={Candidate("m\x1b[31m", 224, "litert"): "no \x1b[2J"}, untried=(),
        seconds=123.4, budget_s=600,
    )  # fmt: skip


def test_the_table_has_every_candidate_with_its_figures(selection):
    lines = selection_lines(selection, COMMAND)
    headings = ["backbone", "size", "engine", "top-1", "interval", "images/s", "n"]
    assert lines[0].split() == headings
    assert "0.9790" in lines[2]
    assert lines[2].split()[-3:] == ["700*", "10,000", "best"]
    assert lines[1].split()[-3:] == ["1,700*", "625", "dropped"]
    assert lines[3].split()[-2:] == ["391*", "10,000"]
    assert "litert int8" in lines[4]
    assert lines[4].split()[-2:] == ["380", "10,000"]
    low, high = selection.rule.interval(BEST)
    assert f"{low:.3f}-{high:.3f}" in lines[2]


def test_lines_fit_the_terminal_and_obey_nothing_in_a_name(selection):
    text = selection_lines(selection, None)
    assert max(map(len, text)) <= 80
    assert "\x1b" not in "".join(text)


def test_words_say_what_was_chosen_why_and_what_was_dropped_when(selection):
    text = " ".join(" ".join(selection_lines(selection, COMMAND)).split())
    assert "best: efficientnet-lite0 at 160, openvino: 700 images/s, accuracy 0.9790" in text
    assert "It is the fastest that is shown to lose at most 1 point: -0.1 (" in text
    assert "beside the most accurate, efficientnet-lite0 at 224, openvino" in text
    assert f"dropped after 625 images, {INACCURATE}: efficientnet-lite0 at 96, openvino" in text
    assert "images/s: openvino fp32 391, tensorflow fp32 183" in text
    assert "took 123 s of 600 s" in text
    assert "not tried" not in text
    assert "Undecided" not in text
    assert text.endswith(f"train it: {COMMAND}")


def test_the_most_accurate_is_called_so_and_an_open_end_too(selection):
    other = dataclasses.replace(selection, best=TOP, decided=False)
    text = " ".join(" ".join(selection_lines(other, COMMAND)).split())
    assert "no faster one is shown to lose at most 1 point" in text
    assert "Undecided when the time was up" in text


def test_a_budget_that_was_too_small_says_what_would_do(selection):
    short = dataclasses.replace(selection, untried=(Candidate("x", 64, "litert"),), needed_s=910.2)
    text = " ".join(" ".join(selection_lines(short, COMMAND)).split())
    assert "not tried for lack of time: x at 64, litert; about 910 s would do" in text


def test_json_has_the_same(selection):
    record = json.loads(selection_json(selection, COMMAND))
    assert record["best"]["image_size"] == 160
    assert record["best"]["accuracy"] == pytest.approx(0.979)
    assert record["command"] == COMMAND
    assert [each["on_frontier"] for each in record["candidates"]] == [True, True, True, False]
    assert record["candidates"][0]["dropped"] == INACCURATE
    assert record["candidates"][1]["dropped"] is None
    assert record["refused"][0]["reason"] == "no \x1b[2J"
    assert record["decided"] is True


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_picture_is_of_every_candidate(selection, tmp_path, form):
    path = tmp_path / f"choice.{form}"
    write_selection(selection, path)
    content = path.read_bytes()
    if form == "svg":
        text = content.decode()
        for words in ("efficientnet-lite0", "frontier", "best", "160, openvino", "images/s"):
            assert words in text
        assert "224, litert int8" not in text  # not on the frontier
    else:
        assert content.startswith(b"\x89PNG")


@pytest.fixture
def select(monkeypatch, selection):
    """The command with a search that ends at once."""

    def run(*arguments, **changes):
        outcome = dataclasses.replace(selection, **changes)
        jobs = []

        def search(job, tell):
            jobs.append(job)
            tell("a step")
            return outcome

        monkeypatch.setattr(job, "run", search)
        done = CliRunner().invoke(main, ["select", "photos", *map(str, arguments)])
        return done, *jobs

    return run


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"decided": False}, 0),
        ({"untried": (Candidate("x", 64, "litert"),), "needed_s": 9.0}, 3),
        ({"best": None, "top": None, "trials": ()}, 4),
    ],
    ids=["found", "undecided", "too little time", "nothing"],
)
def test_exit_codes_say_whether_everything_was_tried(select, changes, code):
    done, _ = select(**changes)
    assert done.exit_code == code
    assert ("nothing could be measured" in done.stderr) == (code == 4)
    assert done.stderr.startswith("a step\n")


def test_options_reach_the_search_and_the_command(select, tmp_path):
    picture = tmp_path / "new" / "choice.svg"
    done, asked = select(
        *("--budget", 30, "--accuracy-margin", 0.02, "--model", "a", "--model", "b"),
        *("--image-size", 96, "--engine", "litert", "--precision", "int8", "--seed", 3),
        *("--threads", 2, "--picture", picture, "--json"),
    )
    assert (asked.budget_s, asked.margin, asked.seed) == (30, 0.02, 3)
    assert (asked.models, asked.image_sizes) == (("a", "b"), (96,))
    assert (asked.engines, asked.precisions) == (("litert",), ("int8",))
    assert asked.workload.data == "photos"
    assert json.loads(done.stdout)["command"] == (
        "tlbench train photos --model efficientnet-lite0 --image-size 160 --engine openvino "
        "--threads 2 --seed 3 --save my-model"
    )
    assert picture.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--picture", "choice.gif"), "expected a name that ends in .svg or .png"),
        (("--budget", "0"), "--budget"),
        (("--image-size", "0"), "--image-size"),
        (("--accuracy-margin", "1"), "--accuracy-margin"),
    ],
)
def test_bad_options_are_found_before_the_search(select, arguments, message):
    done, *jobs = select(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert jobs == []


def test_data_that_are_not_there_are_one_line():
    done = CliRunner().invoke(main, ["select", "nowhere"])
    assert done.exit_code == 2
    assert "'nowhere' is neither a data set's name nor a folder" in done.stderr
