"""The change points' study counts correctly, and its figures hold what the guide promises."""

import sys

import numpy as np
import pytest
from scipy import stats

from bench.studies import change_points as study
from bench.studies.change_points import History, Otava, Points, matched, score, shifted, unchanged
from bench.studies.files import read_study


@pytest.fixture(scope="module")
def filed():
    return read_study("change-points.json")


def test_independent_noise_raises_no_more_alarms_than_promised(filed):
    cases = [each for each in filed["unchanged"] if each["independent"]]
    assert {each["runs"] for each in cases} == {20, 50, 200}
    for each in cases:
        alarms = each["tlbench"]["alarms"]
        assert alarms["of"] >= 2_000
        assert filed["promised"] == 0.01
        # Of twelve cases, chance puts one so far above what is promised in 1 of 1,000.
        assert stats.binom.sf(alarms["count"] - 1, alarms["of"], 0.01) > 1e-3 / len(cases)
    alarms = [each["tlbench"]["alarms"] for each in cases]
    assert sum(each["count"] for each in alarms) <= 0.01 * sum(each["of"] for each in alarms)


def test_shifts_of_five_percent_at_two_percent_noise_are_found(filed):
    assert (filed["shift"], filed["sd"], filed["within"]) == (0.05, 0.02, 2)
    assert len(filed["shifted"]) == 9
    for each in filed["shifted"]:
        recall, precision = (each["tlbench"][key] for key in ("recall", "precision"))
        assert precision["count"] >= 0.9 * precision["of"]
        if each["runs"] >= 50:
            assert recall["count"] >= 0.75 * recall["of"]


def test_the_filed_histories_are_judged_as_they_are_now(filed):
    made = shifted(50, 2, study.SHIFTED)[:20]
    again = study.ours(made).indices
    assert sum(map(len, again)) >= 30
    (case,) = (each for each in filed["shifted"] if (each["runs"], each["shifts"]) == (50, 2))
    assert case["tlbench"]["histories"] == study.SHIFTED


@pytest.mark.parametrize(
    ("places", "found", "hits"),
    [
        ([10], [10], 1),
        ([10], [12], 1),
        ([10], [13], 0),
        ([10], [9, 11], 1),  # two points don't find one shift twice
        ([10, 13], [12], 1),  # nor does one point find two
        ([10, 13], [11, 13], 2),
        ([], [4], 0),
    ],
)
def test_a_shift_is_found_by_one_point_near_it(places, found, hits):
    assert matched(places, found) == hits


def test_recall_is_of_the_shifts_and_precision_of_the_points():
    made = [History([], [10, 20]), History([], [10])]
    told = score(made, Points([[10, 30, 40], []], [1.0, 3.0]))
    assert (told["recall"]["count"], told["recall"]["of"]) == (1, 3)
    assert (told["precision"]["count"], told["precision"]["of"]) == (1, 3)
    assert told["median_s"] == 2.0


def test_every_point_is_an_alarm_where_nothing_shifted():
    told = score([History([], [])] * 3, Points([[4, 9], [], [2]], [1.0] * 3))
    assert (told["alarms"]["count"], told["alarms"]["of"]) == (2, 3)


@pytest.mark.parametrize(("runs", "shifts"), [(20, 3), (50, 3), (200, 1)])
def test_shifts_are_as_far_apart_as_is_said_and_anywhere_else(runs, shifts):
    gap = study.LENGTHS[runs]
    made = shifted(runs, shifts, 300)
    for each in made:
        assert len(each.rates) == runs
        assert len(each.places) == shifts
        assert min(np.diff([0, *each.places, runs])) >= gap
    if (shifts + 1) * gap < runs:
        assert min(each.places[0] for each in made) == gap
        assert max(each.places[-1] for each in made) == runs - gap


@pytest.mark.parametrize("name", study.INDEPENDENT | study.OTHERS)
def test_noise_is_as_large_as_is_said(name):
    noise = (study.INDEPENDENT | study.OTHERS)[name]
    logs = np.log([each.rates for each in unchanged(noise, 50, 2_000)])
    spread = (logs - logs.mean(axis=0)).std()
    expected = np.hypot(study.SD, 0.2 * np.sqrt(0.05 * 0.95)) if name == "slow runs" else study.SD
    assert spread == pytest.approx(expected, rel=0.1)


def test_another_interpreter_judges_the_first_of_the_same_histories(tmp_path, monkeypatch):
    package = tmp_path / "otava"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "series.py").write_text(
        "class AnalysisOptions:\n    window_len, max_pvalue, min_magnitude = 50, 0.001, 0.0\n"
    )
    (package / "analysis.py").write_text(
        "from types import SimpleNamespace as Point\n"
        "def compute_change_points(series, window_len, max_pvalue, min_magnitude):\n"
        "    return [Point(index=int(series[0]))], None\n"
    )
    about = tmp_path / "apache_otava-9.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: apache-otava\nVersion: 9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(study, "OTAVA", 2)
    otava = Otava(sys.executable)
    points = otava([History([float(number)] * 3, []) for number in (7, 8, 9)])
    assert points.indices == [[7], [8]]
    assert len(points.seconds) == 2
    assert otava.about["version"] == "9.9"
