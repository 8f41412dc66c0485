"""Runs on a slower machine than usual are marked, and GPU rows of an older tlbench."""

import pytest

from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of
from tlbench.compare.overview import overview
from tlbench.compare.peaks import weak_peaks
from tlbench.report.comparison_text import OLD_GPU_ROWS, as_markdown
from tlbench.report.html.page import page as page_of
from tlbench.runs.collect import collect


@pytest.fixture
def weak(write_run, tmp_path):
    """What is weak of entries with these peaks."""

    def told(*peaks, **info):
        for day, peak in enumerate(peaks):
            write_run(f"{day}.json", day=day, engine=f"e{day}", peak_gflops_per_s=peak, **info)
        return weak_peaks(entries_of(collect([str(tmp_path / "results")]).runs))

    return told


@pytest.mark.parametrize(
    ("peaks", "found"),
    [
        ((480.0, 237.0, 450.0), {1: (237.0, 480.0)}),
        ((480.0, 400.0), {}),
        ((None, 237.0), {}),
        ((480.0, None), {}),
    ],
    ids=["half", "noise", "one knows", "the other knows"],
)
def test_half_of_a_machines_peak_is_told(peaks, found, weak):
    assert weak(*peaks) == found


def test_other_machines_and_thread_counts_are_no_measure(write_run, weak):
    write_run("a.json", peak_gflops_per_s=480.0, facts={"cpu": "Other"})
    write_run("b.json", peak_gflops_per_s=480.0, threads=16, engine="x")
    assert weak(237.0) == {}


def test_another_machine_of_the_same_name_is_no_measure(write_run, weak):
    write_run("a.json", engine="x", peak_gflops_per_s=480.0, facts={"memory_bytes": 10**12})
    assert weak(237.0) == {}


def test_runs_of_one_entry_are_compared_too(write_run, tmp_path):
    for day, peak in enumerate((480.0, 237.0)):
        write_run(f"{day}.json", day=day, peak_gflops_per_s=peak)
    assert weak_peaks(entries_of(collect([str(tmp_path / "results")]).runs)) == {0: (237.0, 480.0)}


def test_peaks_in_another_precision_are_no_measure(write_run, tmp_path):
    """A GPU multiplies bfloat16 several times as fast: a run in TF32 beside it isn't slow."""
    peaks = {"tf32": (400.0, 200.0), "bf16": (800.0, 790.0)}
    for precision, several in peaks.items():
        for day, peak in enumerate(several):
            write_run(
                f"{precision}{day}.json", day=day, engine=precision, peak_gflops_per_s=peak,
                peak_precision=precision,
            )  # fmt: skip
    entries = entries_of(collect([str(tmp_path / "results")]).runs)
    weak = weak_peaks(entries)
    assert {entries[i].setup[0]: pair for i, pair in weak.items()} == {"tf32": (200.0, 400.0)}


@pytest.mark.parametrize(
    ("info", "old"),
    [
        ({"device": "gpu", "chunk": None}, [0]),
        ({"device": "gpu:1", "chunk": None}, [0]),
        ({"device": "gpu", "chunk": 512}, []),
        ({"device": "cpu", "chunk": None}, []),
    ],
    ids=str,
)
def test_rows_of_gpus_from_before_chunks_are_told(write_run, tmp_path, info, old):
    write_run("a.json", **info)
    (found,) = compared(entries_of(collect([str(tmp_path / "results")]).runs))
    assert found.old_gpu_rows == old
    texts = as_markdown([found]), page_of("t", overview(found.entries), tmp_path)
    assert [OLD_GPU_ROWS in text for text in texts] == [bool(old)] * 2
