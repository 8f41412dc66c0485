"""The whole job is judged first and by itself; stages then share one level."""

import copy
import itertools
import json

import numpy as np
import pytest
from scipy import stats

from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of
from tlbench.compare.judging import corrected
from tlbench.compare.overview import pareto
from tlbench.runs.collect import collect
from tlbench.stats.ratios import ALARM, holm, ratio

WHOLE = "pipeline (recompute)"
NAMES = (WHOLE, *(f"stage {i}" for i in range(7)))


@pytest.fixture
def words(write_run, tmp_path):
    """The words of the second entry by benchmark, beside as many others."""

    def told(faster, others=0, **second):
        write_run("0.json", engine="first")
        write_run("1.json", day=1, faster=faster, engine="second", **second)
        for number in range(others):
            write_run(f"x{number}.json", day=2, faster=1.4 + number, engine=f"other{number}")
        (found,) = compared(entries_of(collect([str(tmp_path / "results")]).runs))
        return {name: cells[1].significance for name, cells in found.cells.items()}

    return told


def test_holms_p_values_are_those_of_the_closed_test():
    rng = np.random.default_rng(1)
    for size in range(1, 6):
        chances = rng.uniform(0, 0.3, size).round(2)
        subsets = [
            each for n in range(1, size + 1) for each in itertools.combinations(range(size), n)
        ]
        # By Bonferroni's rule in each set of hypotheses; a claim must hold in all sets it is in.
        closed = [
            max(min(1.0, len(s) * min(chances[list(s)])) for s in subsets if i in s)
            for i in range(size)
        ]
        assert holm(list(chances)) == pytest.approx(closed)
    assert holm([]) == []


def test_the_whole_job_comes_first_then_stages_in_the_jobs_order(words):
    assert list(words(2.0)) == [
        *(WHOLE, "resize", "extract", "train (recompute)", "train (cached)", "evaluate"),
        "classify",
    ]


def test_the_whole_job_from_picture_files_is_another_benchmark(write_run, tmp_path):
    for day, faster in enumerate((1.0, 1.45)):
        path = write_run(f"{day}.json", day=day, faster=faster, engine=f"e{day}")
        run = json.loads(path.read_text(encoding="utf-8"))
        (whole,) = (each for each in run["benchmarks"] if each["name"] == "test_pipeline")
        files = copy.deepcopy(whole) | {"name": "test_pipeline_files"}
        files["extra_info"]["track"] = "files"
        run["benchmarks"].insert(0, files)
        path.write_text(json.dumps(run), encoding="utf-8")
    (found,) = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    assert [each.whole_job for each in found.entries] == [WHOLE, WHOLE]
    assert list(found.cells)[:3] == [WHOLE, "pipeline (files)", "resize"]
    told = [found.cells[name][1].significance for name in (WHOLE, "pipeline (files)")]
    assert told == ["faster", "likely faster"]
    # Its accuracy is of other pixels.
    assert {point.benchmark for point in pareto([found])} == {WHOLE}


def test_a_ratio_that_convinces_alone_is_only_likely_among_other_stages(words):
    told = words(1.45)
    assert told.pop(WHOLE) == "faster"
    assert set(told.values()) == {"likely faster"}


def test_a_slower_entry_is_likely_slower(words):
    assert words(1 / 1.45)["extract"] == "likely slower"


def test_an_interval_with_1_in_it_is_no_significant_difference(words):
    assert set(words(1.3).values()) == {"no significant difference"}


def test_verdicts_do_not_depend_on_who_else_is_in_the_table(words):
    assert words(1.45) == words(1.45, others=9)


def test_without_a_whole_job_stages_are_judged_together():
    chances = corrected({"a": ratio([100.0], [150.0]), "b": ratio([100.0], [101.0])}, None)
    assert chances["a"] == pytest.approx(2 * ratio([100.0], [150.0]).p)


@pytest.mark.parametrize(("scatter", "runs"), [(0.12, 1), (0.03, 2), (0.12, 3), (0.05, 6)])
def test_false_claims_on_the_whole_job_and_on_any_stage_keep_their_level(scatter, runs):
    """Stages of a run are faster or slower together, as those of real runs are."""
    rng = np.random.default_rng(20261128)
    tables, alarms = 600, {"whole": 0, "stages": 0, "uncorrected": 0}
    for _ in range(tables):
        own = rng.normal(0, scatter * 0.8, (2, runs, len(NAMES)))
        sides = np.exp(rng.normal(0, scatter * 0.6, (2, runs, 1)) + own)
        ratios = {
            name: ratio(list(sides[0, :, i]), list(sides[1, :, i])) for i, name in enumerate(NAMES)
        }
        chances = corrected(ratios, WHOLE)
        said = {name: each.significance(chances[name]) for name, each in ratios.items()}
        alarms["whole"] += said.pop(WHOLE) in {"faster", "slower"}
        alarms["stages"] += not {"faster", "slower"}.isdisjoint(said.values())
        alarms["uncorrected"] += any(ratios[name].chance <= ALARM for name in said)
    # Above this only once in a thousand times, were the promise just kept.
    most = stats.binom.ppf(0.999, tables, ALARM)
    assert alarms["whole"] <= most
    assert alarms["stages"] <= most
    if runs == 1:  # the simulation would see a correction that is missing
        assert alarms["uncorrected"] > most
