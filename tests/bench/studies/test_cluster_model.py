"""The model of many workers gives what a person calculates, and names what is slowest."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from bench.studies import cluster_model
from bench.studies.blocks import Block, replaced
from bench.studies.cluster_crowd import Crowd, further_worker_s
from bench.studies.cluster_model import (
    BLOCKS,
    GUIDE,
    Assumptions,
    Costs,
    costs_table,
    predicted,
    table,
    two_workers,
)
from bench.studies.files import ROOT

#: A worker of two threads takes 20 ms of CPU time for a picture, so 10 ms; half of it to decode.
COSTS = Costs(
    list_s=1e-6, schedule_s=0.002, further_s=0.00001, start_s=20.0,
    read=0.001, decode=0.010, resize=0.002, network=0.004, write=0.001, waiting=0.002,
    threads=2, bytes_in=100_000, bytes_out=5_000,
)  # fmt: skip
#: A million pictures in 1,000 shards.
ASSUMED = Assumptions(
    pictures=1_000_000, shard_size=1000, store_read=1.0, store_write=0.5, link=0.5, price=0.36
)


def test_one_worker_does_all_after_its_start_and_the_listing():
    """20 s, 1 s, and 10,000 s; 10,021 s at 0.0001 per second are 1.0021."""
    found = predicted(COSTS, ASSUMED, 1)
    assert found.seconds == pytest.approx(10_021)
    assert found.images_per_s == pytest.approx(1e6 / 10_021)
    assert found.per_million == pytest.approx(1.0021)
    assert found.bottleneck == "workers, most of all decode"
    assert found.share == pytest.approx(10_000 / 10_021)


def test_the_last_shards_are_waited_for():
    """1,000 shards of 10 s are 143 for the first of 7 workers; 1 s, and 20 s for 6 of 7 again."""
    found = predicted(COSTS, ASSUMED, 7)
    assert found.seconds == pytest.approx(20 * (1 + 6 / 7) + 1 + 1430)
    assert found.per_million == pytest.approx(7 * found.seconds * 0.0001)


@pytest.mark.parametrize(
    ("costs", "assumed", "workers", "slowest", "seconds"),
    [
        # 100 GB at 1 GB/s, more than the workers' 20 s.
        ({}, {}, 500, "store, reading", 100),
        # 5 GB at 0.01 GB/s.
        ({}, {"store_write": 0.01}, 500, "store, writing", 500),
        # 105 GB over 100 links of 0.01 GB/s, more than the workers' and the store's 100 s.
        ({}, {"link": 0.01}, 100, "links of the workers", 105),
        # 1,000 shards at 2 ms and 500 times 1 ms.
        ({"further_s": 0.001}, {}, 500, "driver, scheduling", 502),
        ({"schedule_s": 0.3}, {}, 500, "driver, scheduling", 305),
    ],
    ids=["read", "write", "link", "crowd", "schedule"],
)
def test_the_slowest_of_what_happens_at_once_decides(costs, assumed, workers, slowest, seconds):
    found = predicted(replace(COSTS, **costs), replace(ASSUMED, **assumed), workers)
    assert found.bottleneck == slowest
    assert found.seconds == pytest.approx(seconds + 1 + 20 * (2 - 1 / workers))
    assert found.share == pytest.approx(seconds / found.seconds)


@pytest.mark.parametrize(
    ("costs", "slowest", "seconds"),
    [
        ({"list_s": 0.001}, "listing", 1000),
        ({"start_s": 150.0}, "start of the workers", 299.7),
    ],
    ids=["listing", "start"],
)
def test_what_comes_before_can_be_the_slowest(costs, slowest, seconds):
    found = predicted(replace(COSTS, **costs), ASSUMED, 500)
    assert (found.bottleneck, found.share * found.seconds) == (slowest, pytest.approx(seconds))


#: Two workers that are ready have 11 and 10 of 21 shards of 96; the model is 1 % too fast.
STUDY = {
    "costs": asdict(COSTS),
    "assumptions": asdict(ASSUMED),
    "check": {
        "pictures": 2016,
        "shard_size": 96,
        "one": [98.0],
        "images_per_s": [150.0, 2016 / (0.002016 + 10.56) / 1.01, 200.0],
    },
}


def test_two_workers_are_predicted_without_their_start():
    """11 shards of 0.96 s, and 2,016 names."""
    assert two_workers(STUDY) == pytest.approx(2016 / (0.002016 + 10.56))


def test_the_table_has_a_line_for_each_size_and_the_check():
    lines = table(STUDY).splitlines()
    assert lines[2] == (
        "| 1 | 2.8 h | 100 | 100 % | 1 | workers, most of all decode (100 % of the time) |"
    )
    assert lines[5].startswith("| 1,000 | 2.3 min | 7,")
    assert lines[5].endswith("| store, reading (71 % of the time) |")
    assert (
        "predict 191 images/s; measured were 189 (150 to 200), n = 3: the prediction is off by"
        in lines[-1]
    )
    assert lines[-1].endswith("off by +1 %.")


def test_every_cost_and_assumption_stands_in_one_table():
    lines = costs_table(STUDY).splitlines()[2:]
    assert [line.rpartition("| ")[2] for line in lines] == ["measured |"] * 13 + ["assumed |"] * 6
    assert "| decode it (CPU) | 10 ms | measured |" in lines
    assert "| pictures | 1,000,000 | assumed |" in lines
    assert len(set(lines)) == 19


def test_the_guide_has_a_place_for_both_tables():
    text = (ROOT / GUIDE).read_text(encoding="utf-8")
    blocks = [Block(each.name, lambda name=each.name: f"of {name}") for each in BLOCKS]
    assert replaced(text, blocks).count("of cluster ") == 2


@pytest.fixture
def names(tmp_path):
    """A folder of 60 names."""
    (tmp_path / "names").mkdir()
    for number in range(60):
        (tmp_path / "names" / f"{number}.jpg").touch()
    return tmp_path / "names"


def test_a_crowd_is_asked_for_every_shard(names, tmp_path, monkeypatch):
    """All workers are busy with two shards each when a further one is handed out."""
    monkeypatch.setattr("bench.studies.cluster_crowd.MANY", 5)
    monkeypatch.setattr("bench.studies.cluster_crowd.FEW", 2)
    asked = []
    ray = SimpleNamespace(
        put=lambda number: number, wait=lambda references, timeout: asked.append(len(references))
    )
    assert further_worker_s(ray, names, 60, tmp_path) >= 0.0
    # Of 30 shards, all after the first ten.
    assert max(asked) == 2 * 5
    assert asked.count(2 * 5) >= 30 - 2 * 5
    assert len(Crowd(ray, 3).nodes()) == 3


def test_its_options_are_the_assumptions(monkeypatch, tmp_path, capsys):
    given = []

    def measure(*arguments):
        given.append(arguments)
        return {name: STUDY[name] for name in ("costs", "check")}

    monkeypatch.setattr("bench.studies.cluster_costs.measure", measure)
    path = tmp_path / "model.json"
    cluster_model.main([str(path), "--files", "3", "--rounds", "1", "--price", "2.5"])
    assert given == [(3, 100_000, 1, 1024)]
    study = json.loads(path.read_text(encoding="utf-8"))
    assert study["assumptions"] == asdict(Assumptions(price=2.5))
    assert capsys.readouterr().out.startswith("| workers | time |")


@pytest.mark.long
def test_the_costs_are_measured_here(tmp_path):
    """On few pictures: each figure is there, and workers do most of the work."""
    path = tmp_path / "model.json"
    command = [sys.executable, "-m", "bench.studies.cluster_model", str(path)]
    small = ["--files", "32", "--listed", "500", "--rounds", "1"]
    done = subprocess.run(
        [*command, *small], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    study = json.loads(path.read_text(encoding="utf-8"))
    costs = Costs(**study["costs"])
    assert all(value > 0 for name, value in study["costs"].items() if name != "further_s")
    assert costs.decode + costs.network > costs.write
    assert costs.bytes_in > 20_000
    assert costs.bytes_out > 4 * 1280
    assert len(study["check"]["images_per_s"]) == 1
    assert table(study) in done.stdout
