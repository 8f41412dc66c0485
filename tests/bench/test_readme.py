"""Both READMEs say what the results and the program say, and the same in both languages."""

import json
import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from bench.studies import files, readme, readme_picture
from bench.studies.blocks import replaced
from bench.studies.files import ROOT, committed_results, read_study
from bench.studies.readme import MEASURE, READMES, RUN
from bench.studies.readme_claim import chinese_claim, claim
from tlbench.report.pictures import as_svg, drawing
from tlbench.runs.read import read_file

ENGLISH, CHINESE = READMES
#: Lines that somebody reads who has two minutes.
MOST_LINES = 130
#: Above the two commands, in every language.
HEADINGS = ("Run the quick benchmark", "Pass the tests")


@pytest.fixture(scope="module")
def texts():
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in READMES}


@pytest.mark.parametrize("name", READMES)
def test_generated_parts_are_what_results_and_program_make(texts, name):
    assert replaced(texts[name], READMES[name]) == texts[name], "run python -m bench.studies.readme"


@pytest.mark.parametrize("name", READMES)
def test_a_readme_takes_two_minutes(texts, name):
    assert len(texts[name].splitlines()) <= MOST_LINES


@pytest.mark.parametrize("make", [claim, chinese_claim])
def test_other_figures_make_another_claim(make):
    study = read_study("whole-job.json")
    before = make(study)
    study["summary"]["ours"]["job_s"] = [2 * each for each in study["summary"]["ours"]["job_s"]]
    assert make(study) != before


def test_the_table_is_of_the_tutorials_whole_job():
    rows = {row.label: row for row in read_file(ROOT / RUN).rows}
    run = json.loads((ROOT / RUN).read_text(encoding="utf-8"))
    assert run["tlbench"]["isolated"] is ("--isolate" in MEASURE)
    whole = rows["pipeline (recompute)"]
    assert f"--workload {whole.workload} --engine {whole.engine}" in MEASURE
    assert whole.images == 40_000
    assert whole.accuracy >= 0.80
    assert whole.peak_rss_bytes <= 2e9


def test_the_gate_that_is_shown_is_red_by_one_benchmark():
    (saved,) = read_study("readme-gate.json")["gates"]
    verdicts = {each["name"]: each["verdict"] for each in saved["report"]["benchmarks"]}
    assert verdicts == {"bench_text.py::test_count": "fail", "bench_text.py::test_ordered": "pass"}
    assert "FAIL" in readme.gated()
    assert saved["report"]["exit_code"] == 1


def drawn(svg):
    """Every text in a picture."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return sorted("".join(each.itertext()) for each in texts)


def test_the_picture_is_what_the_results_make():
    shown = readme_picture.committed_chart()
    with drawing():
        again = drawn(as_svg(shown.draw()))
    path = ROOT / readme_picture.FOLDER / f"{readme_picture.NAME}.svg"
    assert drawn(path.read_text(encoding="utf-8")) == again
    rates = [float(row[2].replace(",", "")) for row in shown.rows]
    assert len(rates) >= 8
    numbers = np.array([float(each.replace(",", "")) for each in again if each[0].isdigit()])
    assert all(abs(numbers - rate).min() <= 0.51 for rate in rates)


def test_other_results_make_another_picture(tmp_path):
    source = ROOT / "results" / readme_picture.MACHINE
    other = tmp_path / source.name
    shutil.copytree(source, other)
    for path in other.glob("quick_*"):
        run = json.loads(path.read_text())
        for benchmark in run["benchmarks"]:
            benchmark["extra_info"]["images_per_s"] *= 2
        path.write_text(json.dumps(run))
    before, after = (readme_picture.chart((str(folder),)) for folder in (source, other))
    assert readme_picture.figures(before) != readme_picture.figures(after)


def test_what_somebody_measures_here_changes_nothing_generated(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    for name in ("quick_committed.json", "quick_measured.json"):
        (tmp_path / "results" / "machine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / "machine" / name).write_text("{}")
    for command in (["init", "--quiet"], ["add", "results/machine/quick_committed.json"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    with committed_results() as folder:
        names = [path.name for path in folder.rglob("*.json")]
    assert names == ["quick_committed.json"]


def test_every_committed_result_file_reads():
    with committed_results() as folder:
        paths = sorted(folder.rglob("*.json"))
        assert paths
        for path in paths:
            assert read_file(path).rows
            assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text())


@pytest.mark.parametrize("name", READMES)
def test_there_are_two_commands_that_set_everything_up(texts, name):
    commands = [line.strip() for line in texts[name].splitlines() if line.startswith("    python3")]
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/pytest --benchmark")
    assert commands[1].endswith(".venv/bin/pytest -n 2 --dist loadfile")
    assert all("-c constraints.txt" in command for command in commands)
    for heading, command in zip(HEADINGS, commands, strict=True):
        after = texts[name].partition(heading)[2]
        first = next(line for line in after.splitlines() if line.startswith("    "))
        assert first.strip() == command, "CI runs the first indented line below each heading"


def code(text):
    """Fenced and indented blocks, and code in lines."""
    fenced = re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return fenced, re.findall(r"^    .*", outside, re.MULTILINE), re.findall(r"`[^`]+`", outside)


def links(text):
    """Where links and pictures lead."""
    return [each for each in re.findall(r"\]\(([^)]+)\)", text) if not each.startswith("README")]


def numbers(text):
    """Every number outside code and links."""
    prose = re.sub(
        r"^```.*?^```|^    [^\n]*|`[^`]+`|\]\([^)]+\)", "", text, flags=re.DOTALL | re.MULTILINE
    )
    return Counter(re.findall(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)", prose))


def test_both_languages_have_the_same_commands_figures_and_links(texts):
    english, chinese = texts.values()
    assert code(english)[:2] == code(chinese)[:2]
    assert Counter(code(english)[2]) == Counter(code(chinese)[2])
    assert Counter(links(english)) == Counter(links(chinese))
    assert numbers(english) == numbers(chinese)
    assert english.count("\n## ") == chinese.count("\n## ")
