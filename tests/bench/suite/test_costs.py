"""Expected costs are those that a person works out from the pilot."""

from types import SimpleNamespace

import pytest

from tlbench.suite import costs as module
from tlbench.suite.costs import Pilot, cached_heads, run_pilot, stage_costs

PILOT = Pilot(images_per_s=100.0, resized_per_s=1000.0, compile_s=0.5)


@pytest.fixture(autouse=True)
def _two_cpus(monkeypatch):
    monkeypatch.setattr(module, "usable_cpus", lambda: 2)


def workload(data="photo-patches", train=2000, test=500, network=None):
    """A loaded workload of these sizes whose model took 3 s to load and 1 s for its first batch."""
    return SimpleNamespace(
        data=SimpleNamespace(name=data, sizes=(train, test), test=range(test)),
        extractor=SimpleNamespace(image_size=160, network=network),
        batch_size=32,
        part_size=train // 5,
        load_s=3.0,
        first_call_s=1.0,
    )


@pytest.mark.parametrize(
    ("name", "round_s", "fixed_s", "overhead_s", "rounds"),
    [
        # 512 files at 0.002 s of one of two CPUs; 2000 of them are written first, at 0.006 s.
        ("test_decode", 0.512, 6.0 + 2 * 0.512, 0, (3, 5)),
        # 512 images at 1000/s; two rounds of warm-up.
        ("test_resize", 0.512, 2 * 0.512, 0, (3, 5)),
        # A fifth of 2000 images at 100/s; the model is loaded once more for the check.
        ("test_extract", 4.0, 3 + 2 * 4.0, 0, (3, 5)),
        # Every image and a new head; ten batches of warm-up, and the test images for the check.
        ("test_train_recompute", 20.5, 3.2 + 5.0, 0, (1, 1)),
        # Ten heads of 2000 features at 50,000/s, each made in 0.5 s before.
        ("test_train_cached", 0.4 + 5.0, 2 * 5.4, 5.0, (3, 9)),
        ("test_evaluate", 5.0, 3.2 + 0.5, 0, (1, 1)),
        # 64 photographs, each as five images; a classifier is loaded and called.
        ("test_classify", 3.2, 2 * 3 + 1 + 2 * 3.2, 0, (3, 5)),
        ("test_pipeline", 25.5, 3.2 + 0.5, 0, (1, 1)),
        # Decoding on top; 500 more files are written.
        ("test_pipeline_files", 25.5 + 2.5, 3.2 + 0.5 + 1.5, 0, (1, 1)),
        # The recipe: 1000 + 500 images at 48 pixels in place of 160.
        ("test_time_to_accuracy", 3 + 15.0 * 0.09, 3 + 15.0 * 0.09, 0, (1, 1)),
        # 22 s by both CPUs' workers, 44 s by one, and two starts; only the most workers are timed.
        ("test_scaling_strong", 22 + 44 + 2 * 15.0, 0, 44 + 2 * 15.0, (1, 3)),
        # One worker has half of the images.
        ("test_scaling_weak", 22 + 22 + 2 * 15.0, 0, 22 + 2 * 15.0, (1, 3)),
    ],
)
def test_a_stage_costs_what_its_work_takes_at_the_pilots_rates(
    name, round_s, fixed_s, overhead_s, rounds
):
    cost = stage_costs(workload(), PILOT)[name]
    assert cost.round_s == pytest.approx(round_s)
    assert cost.fixed_s == pytest.approx(fixed_s)
    assert cost.overhead_s == pytest.approx(overhead_s)
    assert (cost.least, cost.usual) == rounds


def test_only_what_the_network_alone_decides_tells_its_pace():
    costs = stage_costs(workload(), PILOT)
    assert {name for name, cost in costs.items() if not cost.runs_network} == {
        "test_decode", "test_resize", "test_train_cached", "test_classify",
        "test_scaling_strong", "test_scaling_weak",
    }  # fmt: skip


def test_data_without_a_recipe_has_no_time_to_accuracy():
    assert "test_time_to_accuracy" in stage_costs(workload(), PILOT)
    assert "test_time_to_accuracy" not in stage_costs(workload(test=499), PILOT)


@pytest.mark.parametrize(("images", "heads"), [(100, 10), (2000, 10), (3000, 7), (30_000, 1)])
def test_few_features_are_trained_on_several_times(images, heads):
    assert cached_heads(images) == heads


class OnGpus:
    """A network that takes 1,000 images at once."""

    image_size, output_size, in_flight, device, module = 160, 8, 3, "GPU:0", None
    chunk = images_per_call = 1000

    def __call__(self, images):
        raise AssertionError("no image is run")

    def resizing(self, height, width, method):
        return None


def test_gpus_warm_up_on_all_images_that_they_run_at_once():
    """1,000 images at 100/s, in place of ten batches of 32."""
    cost = stage_costs(workload(network=OnGpus()), PILOT)["test_pipeline"]
    assert cost.fixed_s == pytest.approx(10.0 + 0.5)


@pytest.mark.parametrize(
    ("network", "extracted"), [(None, 128), (OnGpus(), 4000)], ids=["CPU", "GPUs"]
)
def test_the_pilot_times_four_calls_and_the_second_head(monkeypatch, network, extracted):
    now, compilations = [0.0], iter([9.0, 0.25])

    def lasting(seconds):
        now[0] += seconds

    class Head:
        def __init__(self, *_):
            pass

        def compile(self):
            lasting(next(compilations))

    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module, "resize_batch", lambda images, size: lasting(len(images) / 800))
    monkeypatch.setattr(module, "TransferModel", Head)
    sizes = []

    def extract(images, batch_size):
        sizes.append(len(images))
        lasting(len(images) / 50)

    images = SimpleNamespace(head=lambda n: Images(range(n)))
    extractor = SimpleNamespace(extract=extract, image_size=160, network=network)
    data = SimpleNamespace(train=SimpleNamespace(images=images), class_names=("a", "b"))
    pilot = run_pilot(SimpleNamespace(data=data, extractor=extractor, batch_size=32))
    assert sizes == [extracted]
    assert pilot.images_per_s == pytest.approx(50)
    assert pilot.resized_per_s == pytest.approx(800)
    assert pilot.compile_s == pytest.approx(0.25)


class Images(list):
    def take(self, indices):
        return [self[i] for i in indices]
