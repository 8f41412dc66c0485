"""A row's figures are what a person works out from the rounds, each under its own name."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tl_core import extractor as extractor_module
from tlbench.machine.noise_sample import NoiseSample
from tlbench.suite import loaded_workload as loading
from tlbench.suite.floors import Bounds
from tlbench.suite.gpu_peaks import NO_PEAKS, Peaks
from tlbench.suite.loaded_workload import load_workload
from tlbench.suite.picture_files import Decoding
from tlbench.suite.row_fields import fill_row
from tlbench.suite.traffic import Traffic
from tlbench.timing.energy import EnergySample
from tlbench.timing.rounds import Measurement, Round

#: Seconds, joules and CPU seconds of others of each round; the first one warms up.
ROUNDS = [(9.0, None, None), (2.0, 120.0, 0.1), (4.0, 240.0, 0.2), (3.0, None, 0.3)]
IMAGES = 60


def measurement(rounds=ROUNDS):
    timed_rounds = [
        Round(
            timed=number > 0,
            started_at=1000.0 + number,
            seconds=seconds,
            unfinished_s=seconds / 100,
            noise=others and NoiseSample(wall_s=seconds, cpus=2, own_cpu_s=1.0, busy_s=1 + others),
            energy=joules and EnergySample(None, None, joules, seconds),
        )
        for number, (seconds, joules, others) in enumerate(rounds)
    ]
    return Measurement(IMAGES, [], timed_rounds, True, peak_rss_bytes=501, peak_device_bytes=502)


@pytest.fixture
def job():
    """A loaded workload in which no two figures are equal."""
    options = SimpleNamespace(
        name="quick", model="keras:VGG16", precision="int8", device="gpu:1", price_per_hour=3.6
    )
    data = SimpleNamespace(
        name="digits", fingerprint="0123456789abcdef", train=range(101), test=range(102)
    )
    opened = SimpleNamespace(
        engine="litert",
        network=SimpleNamespace(image_size=103, chunk=105),
        model=SimpleNamespace(fingerprint="fedcba9876543210", trust=True),
        equivalence=SimpleNamespace(cosine=0.97, agreement=0.96),
        choice=SimpleNamespace(workers=104, chunk=210),  # which was halved since
    )
    return SimpleNamespace(
        options=options, data=data, extractor=SimpleNamespace(opened=opened), threads=106,
        batch_size=107, load_s=7.0, first_call_s=11.0, multiply_adds=500_000_000,
        traffic=Traffic(2_000_000, 105_000_000), peaks=Peaks(80.0, "fp32"),
        precision_accuracy=SimpleNamespace(share=0.995),
    )  # fmt: skip


def row(job, measured=None, stage="extract", **fields):
    benchmark = SimpleNamespace(extra_info={})
    fill_row(benchmark, job, measured or measurement(), stage=stage, **fields)
    return json.loads(json.dumps(benchmark.extra_info))  # as the file has it


def test_throughput_median_and_interval_are_those_of_the_timed_rounds(job):
    info = row(job)
    assert info["images"] == 60
    assert info["median_s"] == 3.0
    assert info["images_per_s"] == 60 / 3.0
    assert info["interval_s"] == [2.0, 4.0]
    assert info["interval_coverage"] == 0.75  # each of three is as likely on either side
    assert info["spread"] == pytest.approx((3.5 - 2.5) / 3.0)
    assert info["warmed_up"] is True


def test_start_up_and_memory_stand_under_their_own_names(job):
    info = row(job)
    assert (info["load_s"], info["first_call_s"]) == (7.0, 11.0)
    assert (info["peak_rss_bytes"], info["peak_device_bytes"]) == (501, 502)


def test_cost_is_the_machines_price_for_the_time_of_a_million_images(job):
    """3.60 an hour are 0.001 a second; 60 images take 3 s: 0.003 for 60, 50 for a million."""
    assert row(job)["cost_per_million_images"] == pytest.approx(50.0)
    job.options.price_per_hour = None
    assert row(job)["cost_per_million_images"] is None


def test_joules_are_those_of_the_rounds_that_counted_them_per_image(job):
    """360 J for two rounds of 60 images."""
    assert row(job)["joules_per_image"] == 3.0
    uncounted = [(seconds, None, others) for seconds, _, others in ROUNDS]
    assert row(job, measurement(uncounted))["joules_per_image"] is None


@pytest.mark.parametrize(
    ("stage", "track"),
    [("extract", None), ("evaluate", None), ("train", "recompute"), ("pipeline", "files")],
)
def test_arithmetic_is_two_operations_for_each_multiplication_with_its_addition(job, stage, track):
    """500 million of them for an image, 20 images/s: 20 GFLOP/s, a quarter of the peak of 80."""
    info = row(job, stage=stage, track=track)
    assert info["gflops_per_s"] == pytest.approx(20.0)
    assert info["peak_gflops_per_s"] == 80.0
    assert info["peak_fraction"] == pytest.approx(0.25)
    assert info["peak_precision"] == "fp32"
    assert (info["bytes_per_image"], info["bandwidth_gb_per_s"]) == (None, None)  # of a CPU


def test_arithmetic_is_left_out_where_the_network_does_not_run_or_cannot_be_counted(job):
    for stage, track in (("resize", None), ("train", "cached"), ("classify", None)):
        assert row(job, stage=stage, track=track)["gflops_per_s"] is None
    job.peaks = NO_PEAKS
    info = row(job)
    assert (info["gflops_per_s"], info["peak_fraction"]) == (pytest.approx(20.0), None)
    job.multiply_adds = None
    assert row(job)["gflops_per_s"] is None


def test_memory_traffic_is_set_beside_the_bandwidth_of_a_gpu(job):
    """3 million bytes in int8, one third of them weights of 105 images; 20 images/s of 0.1 GB/s."""
    job.peaks = Peaks(80.0, "int8", 0.1)
    info = row(job)
    assert info["bytes_per_image"] == pytest.approx(3_000_000)
    assert info["bandwidth_gb_per_s"] == 0.1
    assert info["bandwidth_fraction"] == pytest.approx(0.6)
    job.options.precision = "fp32"
    assert row(job)["bytes_per_image"] == pytest.approx(12_000_000)
    del job.extractor.opened.network.chunk  # then as many images as a batch
    assert row(job)["bytes_per_image"] == pytest.approx(4 * (2e6 + 105e6 / 107))
    assert row(job, stage="resize")["bytes_per_image"] is None
    job.traffic = None
    assert row(job)["bytes_per_image"] is None


def with_energy(*joules, idle_w=None):
    """A measurement of rounds of 2 s that used so many joules, on a machine of that idle power."""
    idle = idle_w and EnergySample(None, None, idle_w * 1.5, 1.5)
    timed_rounds = [
        Round(True, 1000.0, 2.0, 0.0, energy=EnergySample(None, None, each, 2.0, idle))
        for each in joules
    ]
    return Measurement(IMAGES, [], timed_rounds, True)


def test_joules_per_image_are_those_above_the_idle_machine(job):
    """180 J and 300 J in 2 s each, of which 120 J are idle: 240 J for 120 images."""
    info = row(job, with_energy(180.0, 300.0, idle_w=60.0))
    assert info["joules_per_image"] == pytest.approx(2.0)
    assert (info["idle_power_w"], info["energy_source"]) == (pytest.approx(60), "NVML")
    assert [each["joules"] for each in info["rounds"]] == [180.0, 300.0]
    assert [each["idle_joules"] for each in info["rounds"]] == [pytest.approx(120)] * 2


def test_where_idle_power_is_not_known_all_joules_count(job):
    info = row(job, with_energy(180.0, 300.0))
    assert info["joules_per_image"] == pytest.approx(4.0)
    assert (info["idle_power_w"], info["energy_source"]) == (None, "NVML")
    assert info["rounds"][0]["idle_joules"] is None


def test_what_is_not_above_the_idle_power_is_not_measured(job):
    info = row(job, with_energy(100.0, 110.0, idle_w=60.0))
    assert (info["joules_per_image"], info["energy_source"]) == (None, "NVML")


HEAT = ("GPU 0: clock held down by heat",)


@pytest.mark.parametrize(
    ("throttled", "timed", "count", "label"),
    [
        ((None, None, None), (True, True, True), None, "steady"),
        (((), (), ()), (True, True, True), 0, "steady"),
        (((), HEAT, ()), (True, False, True), 1, "steady"),
        ((HEAT, HEAT, HEAT), (True, True, True), 3, "throttled"),
    ],
    ids=["unknown", "none", "one, which does not count", "all, which count"],
)
def test_a_row_says_how_many_rounds_were_throttled(job, throttled, timed, count, label):
    timed_rounds = [
        Round(counts, 1000.0, 2.0, 0.0, throttled=held)
        for counts, held in zip(timed, throttled, strict=True)
    ]
    info = row(job, Measurement(IMAGES, [], timed_rounds, True))
    assert info["throttled_rounds"] == count
    assert info["noise"]["verdict"] == label
    assert [each["timed"] for each in info["rounds"]] == list(timed)
    stored = [each["throttled"] for each in info["rounds"]]
    assert stored == [None if held is None else list(held) for held in throttled]


def test_decoding_is_told_in_bytes_and_pixels_per_second(job):
    """20 images/s of 60,000 bytes and 500,000 pixels."""
    info = row(job, stage="decode", decoding=Decoding("simplejpeg 1.9.0", 60e3, 500e3))
    assert info["decoder"] == "simplejpeg 1.9.0"
    assert info["megabytes_per_s"] == pytest.approx(1.2)
    assert info["megapixels_per_s"] == pytest.approx(10.0)
    assert row(job)["megapixels_per_s"] is None


def test_every_round_is_stored_as_it_was(job):
    stored = row(job)["rounds"]
    assert [each["order"] for each in stored] == [0, 1, 2, 3]
    assert [each["timed"] for each in stored] == [False, True, True, True]
    assert [each["started_at"] for each in stored] == [1000.0, 1001.0, 1002.0, 1003.0]
    assert [(each["seconds"], each["joules"]) for each in stored] == [each[:2] for each in ROUNDS]
    assert [each["unfinished_s"] for each in stored] == [each[0] / 100 for each in ROUNDS]
    assert [each["noise"] and each["noise"]["wall_s"] for each in stored] == [None, 2.0, 4.0, 3.0]


def test_what_others_used_is_summed_over_the_timed_rounds(job):
    """0.6 CPU seconds in 9 s of two CPUs."""
    noise = row(job)["noise"]
    assert noise["seen"]["others"] == pytest.approx(0.6 / 18)
    assert noise["seen"]["wall_s"] == 9.0
    assert noise["verdict"] == "noisy"
    assert noise["reasons"] == ["the middle half of the rounds spans 33 % of the median"]


def test_the_job_and_the_engine_stand_under_their_own_names(job):
    info = row(job)
    names = ("workload", "model", "model_fingerprint", "data", "data_fingerprint")
    assert {name: info[name] for name in names} == {
        "workload": "quick", "model": "keras:VGG16", "model_fingerprint": "fedcba9876543210",
        "data": "digits", "data_fingerprint": "0123456789abcdef",
    }  # fmt: skip
    assert (info["engine"], info["precision"], info["device"]) == ("litert", "int8", "gpu:1")
    sizes = ("train_size", "test_size", "image_size", "workers", "chunk", "threads", "batch_size")
    assert [info[name] for name in sizes] == list(range(101, 108))
    assert (info["cosine"], info["top1_agreement"]) == (0.97, 0.96)
    assert info["accuracy_kept"] == 0.995
    assert info["trusted"] is True


def test_a_stage_with_a_network_of_its_own_has_that_ones_figures(job):
    recipe = SimpleNamespace(model="efficientnet-lite0", train_size=50)
    opened = SimpleNamespace(
        engine="tensorflow", network=SimpleNamespace(image_size=48), equivalence=None, choice=None,
        model=SimpleNamespace(fingerprint="0" * 16, trust=False),
    )  # fmt: skip
    info = row(job, stage="time_to_accuracy", recipe=recipe, opened=opened)
    assert (info["model"], info["train_size"], info["test_size"]) == ("efficientnet-lite0", 50, 102)
    assert info["model_fingerprint"] == "0" * 16
    assert (info["engine"], info["image_size"]) == ("tensorflow", 48)
    names = ("cosine", "top1_agreement", "workers", "chunk", "accuracy_kept")
    assert [info[name] for name in names] == [None] * 5


def test_accuracy_stands_between_its_floor_and_its_ceiling(job):
    info = row(
        job, stage="evaluate", accuracy=0.5, correct=np.array([True, False]),
        bounds=Bounds(0.4, 0.9, "x"),
    )  # fmt: skip
    assert (info["accuracy_floor"], info["accuracy"], info["accuracy_ceiling"]) == (0.4, 0.5, 0.9)
    assert info["correct"] == "gA=="  # one set bit, the highest


def test_loading_and_the_first_call_are_timed_apart(monkeypatch):
    now, left_out = [50.0], []

    class Slow:
        module, network, image_size = None, None, 32

        def __init__(self, *_, **__):
            now[0] += 7.0

        def extract(self, images, batch_size):
            assert len(images) == batch_size == 32
            now[0] += 2.0

    def counting(module, size):
        now[0] += 100.0  # counting and the machine's peak come after, and aren't timed
        layer = SimpleNamespace(values=400, weights=300)
        return SimpleNamespace(total=500, uncounted=left_out, by_layer=[layer, layer])

    monkeypatch.setattr(loading, "perf_counter", lambda: now[0])
    monkeypatch.setattr(extractor_module, "FeatureExtractor", Slow)
    monkeypatch.setattr(loading, "multiply_adds", counting)
    monkeypatch.setattr(loading, "peak_here", lambda threads: SimpleNamespace(best=80.0))
    monkeypatch.setattr(loading, "gpu_peaks", lambda *device: device)
    images = SimpleNamespace(head=range)
    data = SimpleNamespace(train=SimpleNamespace(images=images))
    loaded = load_workload(loading_options(), data)
    assert (loaded.load_s, loaded.first_call_s) == (7.0, 2.0)
    assert (loaded.multiply_adds, loaded.traffic) == (500, (800, 600))
    assert loaded.peaks == (80.0, "fp32", None)
    assert load_workload(loading_options("gpu"), data).peaks == ("gpu", "bf16")
    assert load_workload(loading_options("gpu"), data, probe=False).peaks == NO_PEAKS
    left_out.append("Conv3D")
    loaded = load_workload(loading_options(), data)
    assert (loaded.multiply_adds, loaded.traffic) == (None, None)


def loading_options(device="cpu"):
    return SimpleNamespace(
        model="m", image_size=32, batch_size=32, threads=1, device=device, precision="bf16",
        network={}, reading={},
    )  # fmt: skip
