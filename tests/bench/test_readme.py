"""The README says what the result files and the program say."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from bench.studies import readme_picture
from bench.studies.readme import named_file, replaced, table
from tlbench.report.pictures import as_svg, drawing
from tlbench.runs.read import ResultError, read_rows
from tlbench.suite.options import OPTIONS
from tlbench.suite.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_what_its_result_file_makes(readme, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = named_file(readme)
    assert path.parts[0] == "results"
    assert replaced(readme, path) == readme


def test_the_table_shows_the_tutorials_whole_job(readme):
    rows = {row.label: row.info for row in read_rows(ROOT / named_file(readme))}
    whole = rows["pipeline (recompute)"]
    assert whole["images"] == 40_000
    assert whole["accuracy"] >= 0.80
    assert whole["peak_rss_bytes"] <= 2e9


def drawn(svg):
    """Every text in a picture."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return sorted("".join(each.itertext()) for each in texts)


def test_the_picture_and_its_words_are_what_the_results_make(readme, monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = readme_picture.chart(readme_picture.named_folder(readme))
    assert readme_picture.replaced(readme, shown) == readme
    with drawing():
        again = drawn(as_svg(shown.draw()))
    assert drawn((readme_picture.FOLDER / f"{readme_picture.NAME}.svg").read_text()) == again
    rates = [float(row[2].replace(",", "")) for row in shown.rows]
    assert len(rates) >= 8
    numbers = np.array([float(each.replace(",", "")) for each in again if each[0].isdigit()])
    assert all(abs(numbers - rate).min() <= 0.51 for rate in rates)


def test_other_results_make_another_picture(readme, tmp_path):
    source = ROOT / readme_picture.named_folder(readme)
    other = tmp_path / source.name
    shutil.copytree(source, other)
    for path in other.glob("quick_*"):
        run = json.loads(path.read_text())
        for benchmark in run["benchmarks"]:
            benchmark["extra_info"]["images_per_s"] *= 2
        path.write_text(json.dumps(run))
    before, after = (readme_picture.chart(folder) for folder in (source, other))
    assert readme_picture.words(before) != readme_picture.words(after)


def test_every_committed_result_file_reads(readme):
    files = sorted((ROOT / "results").glob("*/*_*.json"))
    assert files
    for path in files:
        assert read_rows(path)
        assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text())


def test_the_studies_figures_are_those_of_their_files(readme):
    studies = ROOT / "results" / "studies"
    overhead = json.loads((studies / "overhead.json").read_text())
    low, high = overhead["interval"]
    assert f"takes {overhead['median_ratio']:.3f} of a call ({low:.3f} to {high:.3f}" in readme
    assert f"{overhead['pairs']} pairs" in readme
    assert high <= 1.01
    runs = json.loads((studies / "kernel-correction.json").read_text())
    found = runs["variation"]["all"]
    for name, values in {
        "raw": [each["extract_s"] for each in runs["runs"]],
        "corrected": [each["extract_s"] / each["kernel_s"] for each in runs["runs"]],
    }.items():
        assert found[name] == pytest.approx(np.std(values, ddof=1) / np.mean(values))
    assert f"over {found['n']} fresh processes" in readme
    assert f"was {found['raw']:.1%} as measured and {found['corrected']:.1%} divided" in readme


def test_the_gates_figures_are_those_of_their_study(readme):
    study = json.loads((ROOT / "results" / "studies" / "gate.json").read_text())
    unchanged = study["scenarios"]["unchanged"]
    gates = len(unchanged["pairs"])
    assert unchanged["verdicts"].get("fail", 0) == 0
    assert f"Of {gates} gates of unchanged code" in readme
    usual = unchanged["rules"]["mean:5%"]["in_turn"]["false"]
    share = round(100 * usual["count"] / usual["of"])
    assert f"by `mean:5%` did in {share} %" in readme


def test_other_numbers_make_another_table(readme, tmp_path):
    path = tmp_path / "run.json"
    run = json.loads((ROOT / named_file(readme)).read_text())
    run["benchmarks"][0]["extra_info"]["images_per_s"] += 1000
    path.write_text(json.dumps(run))
    assert table(path) != table(ROOT / named_file(readme))


def test_a_readme_without_a_place_for_the_table_is_an_error():
    with pytest.raises(ResultError, match="no table"):
        named_file("nothing")
    with pytest.raises(ResultError, match="to put a table in"):
        replaced("nothing", Path("x"))


def test_every_option_and_workload_is_documented(readme):
    for name in [option.flag for option in OPTIONS] + [f"`{name}`" for name in WORKLOADS]:
        assert name in readme


def test_there_are_two_commands_that_set_everything_up(readme):
    commands = [
        line.strip() for line in readme.splitlines() if line.startswith("    python3 -m venv")
    ]
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/pytest --benchmark")
    assert commands[1].endswith(".venv/bin/pytest -n 2 --dist loadfile")
    assert all("-c constraints.txt" in command for command in commands)
