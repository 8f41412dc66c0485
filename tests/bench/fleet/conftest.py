"""Nodes without a cluster."""

from pathlib import Path

import pytest

from tl_core.cluster import Node
from tlbench.fleet.gathering import NodeRuns
from tlbench.runs.collect import read_run


@pytest.fixture
def fleet_node(write_run):
    """A node that has measured: ``fleet_node("a", rates=[1.0, 0.5], threads=1, facts={...})``."""

    def make(label, rates=(1.0,), **info):
        paths = [
            write_run(f"{label}-{n}.json", day=n, faster=each, **info)
            for n, each in enumerate(rates)
        ]
        runs = [read_run(Path(path), {}) for path in paths]
        return NodeRuns(Node(label * 8, label, 2, 0), label, runs)

    return make
