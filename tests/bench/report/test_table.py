"""Tables and plans are readable at 80 columns and say what is known."""

from pathlib import Path

import msgspec
import pytest

from tlbench.report.table import lines_of, result_table, seconds, share
from tlbench.report.text import WIDTH, sentence
from tlbench.runs.read import Benchmark, Stats, read_file
from tlbench.runs.row import CpuTime, FurtherTarget, Noise, Round, Scaling
from tlbench.suite.plan import describe, plan
from tlbench.suite.workloads import QUICK
from tlbench.timing.schedule import Schedule, StageCost

RUN = Path(__file__).parents[1] / "runs" / "version-1.json"
INFO = {
    "stage": "pipeline", "track": "recompute", "images_per_s": 1234.5, "accuracy": 0.83125,
    "accuracy_floor": 0.8, "peak_rss_bytes": 1_234_000_000, "median_s": 1.1,
}  # fmt: skip


def benchmark(seconds=(1.0,), **info):
    """A benchmark of which all that isn't named is as in some file."""
    row = msgspec.structs.replace(read_file(RUN).rows[0], **INFO | info)
    return Benchmark(row=row, stats=Stats(seconds), name="test_x", fullname="test_x")


def test_a_row_says_speed_interval_rounds_accuracy_floor_and_timing():
    row = benchmark((1.0, 1.1, 1.32), interval_s=(1.0, 1.32), noise=Noise("steady", (), None))
    lines = result_table([row], {})
    assert lines[0].split() == [
        "stage", "images/s", "median", "interval", "n", "top-1", "floor", "peak", "timing",
    ]  # fmt: skip
    assert lines[1].split() == [
        "pipeline", "(recompute)", "1,234", "1.1", "s", "-9%/+20%", "3", "0.8313", "0.8000",
        "1.23G", "steady",
    ]  # fmt: skip


def test_a_single_round_shows_no_interval():
    line = result_table([benchmark(accuracy=None)], {})[1]
    assert line.split()[4:] == ["s", "-", "1", "-", "0.8000", "1.23G", "-"]


def test_reasons_stand_below_the_table():
    noise = Noise("noisy", ("others used 40 % of the CPUs", "steal 9 %"), None)
    lines = result_table([benchmark(noise=noise)], {})
    assert lines[1].endswith("noisy")
    assert lines[2:] == [
        "pipeline (recompute): others used 40 % of the CPUs",
        "pipeline (recompute): steal 9 %",
    ]


@pytest.mark.parametrize(
    ("peak", "share", "words"),
    [(400.0, 0.25, ", 25 % of the machine's matrix-multiply peak of 400"), (None, None, "")],
)
def test_the_share_of_the_hardwares_peak_is_said(peak, share, words):
    row = benchmark(gflops_per_s=100.0, peak_gflops_per_s=peak, peak_fraction=share)
    below = " ".join(" ".join(result_table([row], {})[2:]).split())
    assert below == f"pipeline (recompute): 100 GFLOP/s{words}"


#: Of a GPU: 1,000 images/s of 6 GFLOP and 30 MB each, 200 operations per byte.
ON_A_GPU = {
    "device": "gpu", "images_per_s": 1000.0, "gflops_per_s": 6000.0, "peak_gflops_per_s": 400_000.0,
    "peak_fraction": 0.015, "peak_precision": "tf32", "bytes_per_image": 3e7,
    "bandwidth_gb_per_s": 3000.0, "bandwidth_fraction": 0.01,
}  # fmt: skip


def test_a_gpus_row_says_what_bounds_it():
    """The lower roof is arithmetic, at 400,000 of 600,000 GFLOP/s: 1.5 % of it."""
    below = " ".join(" ".join(result_table([benchmark(**ON_A_GPU)], {})[2:]).split())
    assert below == (
        "pipeline (recompute): 6,000 GFLOP/s, 2 % of the machine's matrix-multiply peak of 400,000 "
        "in tf32 pipeline (recompute): 30 MB per image, 1 % of the memory bandwidth of 3,000 GB/s; "
        "bound by overheads, 2 % of the roof"
    )


def test_rounds_that_were_throttled_are_said():
    heat, power = "GPU 0: clock held down by heat", "GPU 0: clock held down by power limit"
    several = [
        Round(i, timed, 1.7e9, 1.0, 0.0, None, None, throttled)
        for i, (timed, throttled) in enumerate(
            [(False, None), (True, ()), (False, (heat,)), (True, ()), (False, (power, heat))]
        )
    ]
    below = " ".join(result_table([benchmark(rounds=tuple(several))], {})[2:])
    expected = f"pipeline (recompute): 2 of 4 rounds do not count: {heat}, {power}"
    assert " ".join(below.split()) == expected
    all_count = (several[1], Round(1, True, 1.7e9, 1.0, 0.0, None, None, (heat,)))
    assert result_table([benchmark(rounds=all_count)], {})[2:] == []


def test_what_a_lower_precision_keeps_is_said_once():
    lines = result_table([benchmark(precision="int8", accuracy_kept=0.9934)] * 2, {})
    assert lines[3:] == ["int8: 99.3 % of the accuracy of single precision"]
    assert result_table([benchmark(accuracy_kept=None)], {})[2:] == []


def test_what_more_gpus_gain_is_said():
    some = (Scaling(1, 20_000.0, 1.0), Scaling(2, 38_000.0, 0.95))
    assert result_table([benchmark(scaling=some)], {})[2:] == [
        "pipeline (recompute) on 1 GPU: 20,000 images/s (100 %), 2 GPUs: 38,000",
        "  images/s (95 %)",
    ]


def test_what_more_workers_gain_and_their_time_goes_to_are_said():
    """Of 20 ms, 1 are for reading and 5 for waiting; what takes nothing isn't listed."""
    parts = CpuTime(0.001, 0.004, 0.0, 0.008, 0.001, 0.005, 0.001)
    two = Scaling(2, 90.0, 0.9, images=100, threads=1, start_s=6.25, cpu_time=parts)
    some = (Scaling(1, 50.0, 1.0, images=100, threads=1, start_s=3.0, cpu_time=parts), two)
    row = benchmark(stage="scaling", track="weak", scaling=some)
    assert " ".join(" ".join(result_table([row], {})[2:]).split()) == (
        "scaling (weak) on 1 worker: 50 images/s (100 %), 2 workers: 90 images/s (90 %) "
        "scaling (weak): CPU time of 2 workers: read 5 %, decode 20 %, network 40 %, write 5 %, "
        "waiting 25 %, scheduling 5 %; started in 6.25 s"
    )


def test_higher_targets_have_their_time_or_how_near_the_best_comes():
    known = {"model": "efficientnet-lite2", "image_size": 260}
    some = (
        FurtherTarget(target=0.94, held_out=0.95, seconds=12.34, accuracy=0.9412, **known),
        FurtherTarget(target=0.97, held_out=0.9501, **known),
    )
    text = " ".join(" ".join(result_table([benchmark(further_targets=some)], {})[2:]).split())
    assert text == (
        "pipeline (recompute): 94 % in 12.3 s by efficientnet-lite2 at 260 pixels "
        "pipeline (recompute): no recipe reaches 97 %; the best that was tried, "
        "efficientnet-lite2 at 260 pixels, reaches 95.01 % on held-out training images"
    )


@pytest.mark.parametrize(
    ("info", "lines"),
    [
        ({}, []),
        ({"joules_per_image": 0.1234}, ["pipeline (recompute): 0.123 J per image"]),
        (
            {"joules_per_image": 2.0, "cost_per_million_images": 0.5},
            ["pipeline (recompute): 2 J per image, 0.5 per million images"],
        ),
        (
            {"joules_per_image": 0.5, "energy_source": "RAPL (CPU)"},
            ["pipeline (recompute): 0.5 J per image (RAPL (CPU))"],
        ),
        (
            {"joules_per_image": 0.5, "energy_source": "NVML", "idle_power_w": 71.6},
            ["pipeline (recompute): 0.5 J per image above 72 W of the idle machine (NVML)"],
        ),
    ],
)
def test_energy_and_cost_are_said_where_known(info, lines):
    assert result_table([benchmark(**info)], {})[2:] == lines


def test_what_was_not_measured_is_said_with_its_reason():
    assert result_table([], {"test_classify": "no classifier"})[-1] == (
        "test_classify: not measured: no classifier"
    )


def test_no_line_is_wider_than_80_columns():
    row = benchmark((1e5, 2e5), images_per_s=1e7, peak_rss_bytes=10**11, median_s=1.5e5)
    lines = result_table([row], {"test_x": "because " * 30})
    lines += schedule_plan({f"test_stage_{n}": 5 for n in range(9)})
    lines += describe(QUICK)
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("value", "text"),
    [(1457, "1457 s"), (12.345, "12.3 s"), (1.0, "1 s"), (0.0381, "38.1 ms"), (4.2e-5, "42 µs")],
)
def test_durations_have_three_digits_and_a_unit(value, text):
    assert seconds(value) == text


def test_an_absent_accuracy_is_a_dash():
    assert (share(None), share(0.5)) == ("-", "0.5000")


def schedule_plan(rounds, *, budget_s=None, fixed_s=0.0):
    costs = {name: StageCost(10.0, fixed_s=fixed_s) for name in rounds}
    return plan(Schedule(costs, rounds, None, lambda: 107.0), 100.0, budget_s)


def test_the_plan_says_rounds_and_when_the_run_ends():
    text = " ".join(schedule_plan({"test_extract": 5, "test_pipeline": 1}, fixed_s=2.0))
    assert text == "plan: rounds: extract 5, pipeline 1; ends after about 71 s"


def test_a_plan_that_exceeds_its_budget_says_so():
    text = " ".join(schedule_plan({"test_extract": 5}, budget_s=30.0))
    assert text.endswith("57 s, more than the budget of 30 s: fewer rounds would measure nothing")


def test_a_text_with_newlines_and_escapes_stays_a_sentence_and_a_row():
    assert sentence("a\nverdict: PASS\x1b[8m") == [r"a\nverdict: PASS\x1b[8m"]
    _, *rows = lines_of(["x", "y"], [("a\nb", "\x9bc")])
    assert [row.split() for row in rows] == [[r"a\nb", r"\x9bc"]]
