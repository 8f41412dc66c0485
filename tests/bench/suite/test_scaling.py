"""More GPUs are measured beside one, with the same chunk, in alternating turns."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.studies.files import ROOT
from tlbench.runs.row import Scaling
from tlbench.suite.scaling import counts, scaling, scalings


@pytest.mark.parametrize(
    ("devices", "expected"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])],
)
def test_the_numbers_of_gpus_are_powers_of_two_and_all(devices, expected):
    assert counts(devices) == expected


def test_the_efficiency_is_a_share_of_so_many_times_one():
    calls, rates = [], {"one": [90.0, 110.0, 100.0], "two": [150.0, 160.0, 900.0]}
    turns = {name: iter(several) for name, several in rates.items()}

    def rate(name):
        calls.append(name)
        return next(turns[name])

    assert scalings({1: "one", 2: "two"}, rate) == (
        Scaling(1, 100.0, 1.0),
        Scaling(2, 160.0, 0.8),
    )
    assert calls == ["one", "two"] * 3


def test_a_network_on_the_cpu_has_no_scaling():
    extractor = SimpleNamespace(network=SimpleNamespace(devices=2))
    assert scaling(SimpleNamespace(extractor=extractor)) is None


@pytest.mark.slow
def test_two_devices_are_measured_with_their_own_chunk(tiny_model):
    """Logical CPUs stand for GPUs. The features are the same, whichever devices extract them."""
    code = f"""
import json, numpy as np
from types import SimpleNamespace
from bench.studies.stand_in import stand_in
stand_in()
from tl_core import FeatureExtractor, load_data
from tl_core.engines.device_network import _Replicas
from tlbench.suite.scaling import scaling
images = load_data("photo-patches").head(40, 10).train.images
def opened(device):
    return FeatureExtractor({tiny_model!r}, device=device, chunk=8)
one, two = opened("gpu:1"), opened("gpu")
used, call = [], _Replicas.__call__
def noted(self, pixels, count):
    used.append([list(self._names), len(pixels), count])
    return call(self, pixels, count)
_Replicas.__call__ = noted
def workload(extractor):
    return SimpleNamespace(extractor=extractor, part=lambda number: images, batch_size=32)
two.extract(images)
first = two.network.on_first(1)
import tl_core.engines.device_network as module
module._graph = None  # graphs are those that there are
pixels = np.zeros((3, two.image_size, two.image_size, 3), np.uint8) + np.arange(3, dtype=np.uint8)
same = float(np.abs(first(pixels) - two.network(pixels)).max())
used.clear()
found = scaling(workload(two))
print(json.dumps([
    scaling(workload(one)), [[s.devices, s.images_per_s, s.efficiency] for s in found],
    sorted(set(map(str, used))), same, first.images_per_call,
    two.network.on_first(2) is two.network,
]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    none, (one, two), used, same, per_call, itself = json.loads(done.stdout.splitlines()[-1])
    assert none is None
    assert (one[0], two[0], one[2]) == (1, 2, 1.0)
    assert two[2] == pytest.approx(two[1] / (2 * one[1]))
    # Every call is full: nothing is filled up.
    assert used == ["[['CPU:0', 'CPU:1'], 16, 8]", "[['CPU:0'], 8, 8]"]
    assert itself
    assert same < 1e-5
    assert per_call == 8
