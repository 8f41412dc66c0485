"""Entries beside each other: what differs, how much, and whether accuracy does too."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from bench.studies.derive_reference import reference_of
from tlbench.cli.main import main
from tlbench.compare import reference
from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of
from tlbench.report.comparison_records import as_csv
from tlbench.report.comparison_text import as_lines, as_markdown, letters
from tlbench.runs.answers import pack
from tlbench.runs.collect import collect

HOSTILE = 'x|<img src=x onerror=alert(1)>`\x1b[31m"=1'


@pytest.fixture
def compare(write_run, tmp_path):
    """Runs ``tlbench compare`` on names in the folder of results."""

    def run(*names):
        arguments = [n if n.startswith("-") else str(tmp_path / "results" / n) for n in names]
        return CliRunner().invoke(main, ["compare", *arguments])

    return run


@pytest.fixture
def two(write_run, tmp_path):
    """Three runs of each of two engines, the second 30 % faster."""
    for day, noise in enumerate([1.0, 1.02, 0.99]):
        write_run(f"a/{day}.json", day=day, faster=noise)
        write_run(f"b/{day}.json", day=day, faster=1.3 * noise, engine="litert")
    found = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    assert len(found) == 1
    return found[0]


def test_ratios_are_against_the_first_entry(two):
    for base, head in two.cells.values():
        assert base.ratio is None
        assert head.ratio.value == pytest.approx(1.3)
        assert head.significance == "faster"
        mean = stats.gmean(base.rates)
        assert base.spread == pytest.approx(
            (min(base.rates) / mean - 1, max(base.rates) / mean - 1)
        )


def test_a_benchmark_that_an_entry_lacks_is_compared_among_the_others(write_run, tmp_path):
    write_run("a.json", drop=["test_resize"])
    for number, engine in enumerate(["litert", "openvino"]):
        write_run(f"{engine}.json", day=1 + number, faster=2.0 + number, engine=engine)
    (found,) = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    none, base, head = found.cells["resize"]
    assert none is None
    assert base.ratio is None
    assert head.ratio.value == pytest.approx(3 / 2)
    assert found.cells["extract"][2].ratio.value == pytest.approx(3)


def test_accuracies_that_differ_beyond_chance_are_said(write_run, tmp_path):
    right = np.arange(500) % 4 > 0
    fewer = right & (np.arange(500) % 10 > 0)
    for name, answers in (("a", right), ("b", fewer)):
        facts = {"accuracy": float(answers.mean()), "correct": pack(answers)}
        write_run(f"{name}.json", engine=name, **facts)
    (found,) = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    cell = found.cells["evaluate"][1]
    lost = int((right & ~fewer).sum())
    assert cell.accuracy_p == pytest.approx(stats.binomtest(lost, lost).pvalue)
    assert cell.accuracy_differs
    assert any(f"{fewer.mean():.4f}≠" in line for line in as_lines([found]))


def test_the_same_accuracy_is_no_difference(two):
    assert two.cells["evaluate"][1].accuracy_p == 1.0
    assert not two.cells["evaluate"][1].accuracy_differs


def test_what_differs_is_said_before_any_number(write_run, compare):
    write_run("a.json")
    write_run("b.json", facts={"cpu": "Other CPU", "packages": {"numpy": "1.0"}})
    lines = compare("a.json", "b.json").output.splitlines()
    first_number = next(i for i, line in enumerate(lines) if line.startswith("resize"))
    said = " ".join(" ".join(lines[:first_number]).split())
    assert "CPU: AMD EPYC (A); Other CPU (B)" in said
    assert "numpy: 2.4.6 (A); 1.0 (B)" in said


def test_the_table_fits_80_columns_whatever_names_say(write_run, tmp_path):
    write_run("a.json", engine="e" * 300)
    write_run("b.json", facts={"cpu": HOSTILE * 20}, engine=HOSTILE)
    found = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    lines = as_lines(found)
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_markdown_and_csv_have_every_figure_and_nothing_that_runs(two, write_run, tmp_path):
    rows = list(csv.DictReader(io.StringIO(as_csv([two]))))
    assert len(rows) == 2 * len(two.cells)
    extract = next(r for r in rows if (r["benchmark"], r["entry"]) == ("extract", "litert cpu"))
    assert float(extract["ratio"]) == pytest.approx(1.3)
    write_run("c.json", day=5, engine=HOSTILE)
    write_run("d.json", day=5, engine="=1+2")
    found = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    text = as_markdown(found)
    assert "<img" not in text
    assert "| 1.30 |" in text
    assert "'=1+2" in as_csv(found)


def test_the_command_tells_json(two, compare, tmp_path):
    (told,) = json.loads(compare("a", "b", "--json").output)["comparisons"]
    assert told["job"]["workload"] == "quick"
    assert [entry["label"] for entry in told["entries"]] == ["tensorflow cpu", "litert cpu"]
    cells = [cell for cell in told["cells"] if cell["benchmark"] == "extract"]
    assert cells[1]["ratio"] == pytest.approx(1.3)
    assert cells[1]["runs"] == 3


def test_the_command_writes_files(two, compare, tmp_path):
    outputs = [f"--{kind}={tmp_path / kind}" for kind in ("markdown", "csv")]
    assert compare("a", "b", *outputs).exit_code == 0
    assert (tmp_path / "markdown").read_text().startswith("## quick")
    assert (tmp_path / "csv").read_text().startswith("workload,")


def test_two_files_of_the_same_set_up_are_two_entries(write_run, compare):
    write_run("a.json")
    write_run("b.json", day=1, faster=5)
    result = compare("a.json", "b.json")
    assert result.exit_code == 0
    assert "5.00 3.59-6.97" in result.output


@pytest.mark.parametrize(
    "change", [{"precision": "int8"}, {"data_fingerprint": "0" * 16}], ids=["precision", "data"]
)
def test_other_precisions_and_data_copies_are_refused_unless_mixed(change, write_run, compare):
    write_run("a.json")
    write_run("b.json", **change)
    (name,) = change
    refused = compare("a.json", "b.json")
    assert refused.exit_code == 4
    assert f"--mix {name}" in refused.output
    assert compare("a.json", "b.json", f"--mix={name}").exit_code == 0


def test_jobs_that_differ_in_much_are_not_proposed_to_be_mixed(write_run, compare):
    write_run("a.json")
    write_run("b.json", precision="int8", batch_size=64, image_size=96)
    refused = compare("a.json", "b.json")
    assert refused.exit_code == 4
    assert "image_size 160 / 96" in refused.output
    assert "--mix" not in refused.output


def test_without_a_name_all_results_are_compared(write_run, tmp_path):
    write_run("a.json")
    write_run("b.json", engine="litert", faster=2.0)
    given = ["compare", "--results", str(tmp_path / "results"), "--json"]
    told = json.loads(CliRunner().invoke(main, given).output)
    assert [len(each["entries"]) for each in told["comparisons"]] == [2]


def test_engines_and_threads_are_chosen(write_run, compare):
    for number, (engine, threads) in enumerate([("tensorflow", 2), ("litert", 2), ("litert", 1)]):
        write_run(f"x/{number}.json", day=number, engine=engine, threads=threads)

    def labels(*options):
        told = json.loads(compare("x", "--json", *options).output)
        return [entry["label"] for each in told["comparisons"] for entry in each["entries"]]

    assert labels("--engine=litert") == ["cpu 2 threads", "cpu 1 thread"]
    assert labels("--threads=2") == ["tensorflow cpu", "litert cpu"]
    assert len(labels("--engine=litert", "--engine=tensorflow")) == 3


def test_an_empty_folder_and_numbers_of_threads_are_told_as_they_are(write_run, compare, tmp_path):
    folder = tmp_path / "results" / "none"
    folder.mkdir(parents=True)
    done = compare("none")
    assert done.exit_code == 4
    assert done.stderr == (
        f"Error: no run in {folder} yet: measure this machine with pytest --benchmark, or name "
        "result files\n"
    )
    for threads in (16, 2, 1):
        write_run(f"x/{threads}.json", threads=threads)
    assert "expected one of 1, 2, 16" in compare("x", "--threads=7").stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--engine=openvino", "--engine openvino: no run has it; expected one of tensorflow"),
        ("--threads=3", "--threads 3: no run has it; expected one of 2"),
    ],
)
def test_what_no_run_has_is_refused(option, message, write_run, compare):
    write_run("a.json", threads=2)
    result = compare("a.json", option)
    assert result.exit_code == 2
    assert message in result.output


def test_another_commit_of_the_suite_is_a_difference(write_run, compare):
    write_run("a.json", commit="a" * 40)
    write_run("b.json", engine="litert", commit="b" * 40)
    write_run("c.json", engine="openvino", commit="a" * 40)
    lines = " ".join(compare("a.json", "b.json", "c.json").output.split())
    assert f"what differs: commit of the suite: {'a' * 12} (A, C); {'b' * 12} (B)" in lines


def test_runs_of_one_entry_of_several_commits_are_told(write_run, compare):
    for day, letter in enumerate("ab"):
        write_run(f"x/{day}.json", day=day, commit=letter * 40)
    write_run("y.json", engine="litert", commit="b" * 40)
    told = " ".join(compare("x", "y.json").output.split())
    assert "runs of A: made with different commits of the suite" in told
    assert "runs of B" not in told


def test_runs_that_no_other_is_compared_with_are_named_within_80_columns(write_run, compare):
    write_run("a.json")
    write_run("b.json", engine="litert")
    write_run("c.json", engine="openvino", batch_size=64)
    lines = compare("a.json", "b.json", "c.json").stderr.splitlines()
    told = " ".join(" ".join(lines).split())
    assert "left out, because no other run is of the same job: " in told
    assert "openvino cpu; quick: efficientnet-lite0" in told
    assert "batch 64" in told
    assert max(map(len, lines)) <= 80


def noise(verdict):
    return {"verdict": verdict, "reasons": [], "seen": None}


def test_unreliable_timing_is_named_below_the_table(write_run, compare):
    write_run("a.json", noise=noise("steady"))
    write_run("b.json", engine="litert", noise=noise("noisy"))
    told = " ".join(compare("a.json", "b.json").output.split())
    assert "B: unreliable timing: pipeline (recompute) (noisy), resize (noisy)" in told
    assert "A: in doubt" not in told


def test_one_run_alone_is_nothing_to_compare(write_run, compare):
    write_run("a.json")
    result = compare("a.json")
    assert result.exit_code == 4
    assert "at least two" in result.output


def test_a_name_that_is_nothing_is_bad_input(write_run, compare):
    write_run("a.json")
    result = compare("b.json")
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1


def test_the_price_that_a_run_was_measured_with_counts_where_no_other_is_given(write_run, compare):
    write_run("a.json", cost_per_million_images=0.5)
    write_run("b.json", engine="litert", cost_per_million_images=0.25)
    (told,) = json.loads(compare("a.json", "b.json", "--json").output)["comparisons"]
    cells = [each for each in told["cells"] if each["entry"] == "litert cpu"]
    assert [each["images_per_money"] for each in cells] == pytest.approx([4_000_000] * len(cells))
    assert [each["images_per_money"] for each in told["costs"]["entries"]] == pytest.approx(
        [4_000_000, 2_000_000]
    )
    (told,) = json.loads(compare("a.json", "b.json", "--price=results=3.6", "--json").output)[
        "comparisons"
    ]
    cell = told["cells"][0]
    assert cell["images_per_money"] == pytest.approx(1000 * cell["images_per_s"])


@pytest.fixture
def as_reference(write_run, monkeypatch, tmp_path):
    """The committed run as the reference machine."""
    made = reference_of([str(write_run("reference/r.json"))])
    monkeypatch.setattr(reference, "FILE", tmp_path / "reference.json")
    reference.FILE.write_text(json.dumps(made), encoding="utf-8")
    reference._known.cache_clear()
    yield
    reference._known.cache_clear()


def test_the_headline_is_the_whole_job_and_the_mean_of_all_a_footnote(
    as_reference, write_run, compare
):
    path = write_run("a.json", faster=3.0, only="test_pipeline", engine="litert")
    found = reference.headline(entries_of(collect([str(path)]).runs)[0])
    assert found.times == pytest.approx(3.0)
    assert found.seconds == pytest.approx(2500 / (3 * 420.2), rel=0.01)
    assert found.mean == pytest.approx(3 ** (1 / len(found.parts)))
    assert set(found.parts) >= {"extract", "train (cached)"}
    assert not found.of_itself
    (itself,) = entries_of(collect([str(write_run("b.json"))]).runs)
    assert reference.headline(itself).of_itself
    told = " ".join(compare("b.json", "a.json").output.split())
    assert "A: whole job 5.96 s, the reference B: whole job 1.99 s, 3.00 times amd-epyc-2-" in told
    note = "geometric mean of all benchmarks, times amd-epyc-2-cpus tensorflow: B 1.17"
    assert told.index("B: whole job") < told.index(note)
    (cells,) = json.loads(compare("b.json", "a.json", "--json").output)["comparisons"]
    headline = cells["entries"][1]["headline"]
    assert (headline["value"], headline["times"]) == pytest.approx((found.mean, 3.0))


def test_a_failed_check_leaves_no_headline_but_its_parts(as_reference, write_run, compare):
    path = write_run("a.json", faster=3.0, drop=["test_extract"])
    run = json.loads(path.read_text(encoding="utf-8"))
    run["tlbench"]["not_measured"] = {"test_extract": "features differ"}
    path.write_text(json.dumps(run), encoding="utf-8")
    found = reference.headline(entries_of(collect([str(path)]).runs)[0])
    assert found.mean is None
    assert found.times is None
    assert found.seconds == pytest.approx(2500 / (3 * 420.2), rel=0.01)
    assert "test_extract" in found.reason
    assert "extract" not in found.parts
    write_run("b.json", day=1)
    told = " ".join(compare("b.json", "a.json").output.split())
    assert "B: whole job 1.99 s, not compared with amd-epyc-2-cpus tensorflow (not measured" in told
    assert "geometric mean of all benchmarks, times amd-epyc-2-cpus tensorflow: B none" in told


def test_without_a_whole_job_no_seconds_are_said(as_reference, write_run, compare):
    write_run("a.json", drop=["test_pipeline"], engine="litert")
    write_run("b.json", drop=["test_pipeline"], engine="openvino")
    told = " ".join(compare("a.json", "b.json", "--price=results=1").output.split())
    assert "A: whole job not compared with amd-epyc-2-cpus tensorflow (not measured" in told
    assert "currency" not in told


def test_another_job_has_no_headline(as_reference, write_run):
    run = collect([str(write_run("a.json", image_size=96))])
    assert reference.headline(entries_of(run.runs)[0]) is None


def test_a_model_is_the_references_by_its_name_unless_both_fingerprints_are_known(
    as_reference, write_run, monkeypatch
):
    (entry,) = entries_of(collect([str(write_run("a.json", model_fingerprint="1" * 16))]).runs)
    assert reference.headline(entry).of_itself
    for known in reference._known().values():
        monkeypatch.setitem(known, "model_fingerprint", "2" * 16)
    assert reference.headline(entry) is None


def test_an_older_run_and_a_newer_one_are_compared_by_the_models_name(write_run, compare):
    write_run("old.json")
    write_run("new.json", day=1, model_fingerprint="1" * 16, faster=2.0)
    (found,) = json.loads(compare("old.json", "new.json", "--json").output)["comparisons"]
    assert [entry["files"][0].rpartition("/")[2] for entry in found["entries"]] == [
        "old.json", "new.json",
    ]  # fmt: skip
    assert found["job"]["model_fingerprint"] == "1" * 16


def test_the_legend_has_three_lines_and_explain_has_the_details(two, compare):
    short = compare("a", "b").output.splitlines()
    start = next(i for i, line in enumerate(short) if line.startswith("'faster' and 'slower'"))
    assert len(short) - start <= 3
    long = compare("--explain").output.splitlines()
    assert any(line.startswith("interval: the 95 %") for line in long)
    assert max(map(len, long)) <= 80


@pytest.mark.parametrize(
    "command", [["compare"], ["history"], ["report", "-o", "report.html"]], ids=lambda each: each[0]
)
@pytest.mark.parametrize("folder", [False, True], ids=["no folder", "empty folder"])
def test_before_the_first_run_a_command_says_what_to_run(command, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if folder:
        (tmp_path / "results").mkdir()
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 4
    assert done.stderr == (
        "Error: no run in results yet: measure this machine with pytest --benchmark, or name "
        "result files\n"
    )


def test_letters_go_on_after_z():
    assert letters(28)[24:] == ["Y", "Z", "A2", "B2"]


def test_the_committed_reference_is_what_its_files_make(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[3])
    told = json.loads(reference.FILE.read_text(encoding="utf-8"))
    names = [file for job in told["jobs"] for file in job["files"]]
    assert json.loads(json.dumps(reference_of(names))) == told


def test_of_one_folder_the_reference_machine_is_what_the_others_are_compared_with(
    as_reference, write_run, compare
):
    write_run("all/a.json", day=-1, engine="early")
    write_run("all/r.json", engine="tensorflow")
    (told,) = json.loads(compare("all", "--json").output)["comparisons"]
    assert [entry["label"] for entry in told["entries"]] == ["tensorflow cpu", "early cpu"]
    (told,) = json.loads(compare("all/a.json", "all/r.json", "--json").output)["comparisons"]
    assert [entry["label"] for entry in told["entries"]] == ["early cpu", "tensorflow cpu"]


def test_engines_are_compared_in_the_order_in_which_they_are_named(write_run, compare):
    for day, engine in enumerate("abc"):
        write_run(f"all/{day}.json", day=day, engine=engine)
    (told,) = json.loads(compare("all", "--engine=c", "--engine=a", "--json").output)["comparisons"]
    assert [entry["label"] for entry in told["entries"]] == ["c cpu", "a cpu"]


def test_a_run_on_half_of_its_machine_is_told_below_the_table(write_run, compare):
    write_run("a.json", peak_gflops_per_s=480.0)
    write_run("b.json", engine="litert", peak_gflops_per_s=237.0)
    told = " ".join(compare("a.json", "b.json").output.split())
    assert (
        "B: the machine was slower than usual: matrix-multiply peak 237 GFLOP/s, best seen 480"
        in told
    )
    assert "A: the machine" not in told
