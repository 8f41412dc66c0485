"""Which nodes are slower than their like, by how much, and whether that is significant.

Each node is compared with the median of the other nodes of its group, benchmark by benchmark. The
p-values of all nodes and benchmarks are corrected for each other by Holm's method: in a fleet
whose nodes don't differ, the chance that any is called slower is at most the level ``ALARM``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.compare.differing import Differing, differing
from tlbench.fleet.likeness import entries_by_node, like_groups, unlike
from tlbench.machine.fact_format import named
from tlbench.machine.naming import machine_name
from tlbench.runs.row import SETUP
from tlbench.stats.median_ratio import ratio_to_median
from tlbench.stats.ratios import holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.compare.entries import Entry
    from tlbench.fleet.gathering import NodeRuns
    from tlbench.stats.ratios import Ratio, Significance

#: Verdicts for which one benchmark is enough, the first that any has.
SIGNIFICANT: tuple[Significance, ...] = ("slower", "faster")
NOT_SIGNIFICANT: Significance = "no significant difference"
#: Facts of the setup that alike nodes may differ in.
OWN_SETUP = ("engine", "threads")


@dataclass(frozen=True)
class NodeVerdict:
    """A node among its like.

    Attributes:
        shown: The benchmark that stands for all, see ``LikeNodes.benchmark``.
        ratios: By benchmark, its throughput as a multiple of the median of the others, and the
            p-value of that, corrected for all others of the fleet.
    """

    entry: Entry
    shown: str
    ratios: dict[str, tuple[Ratio, float]]

    def significance(self, benchmark: str) -> Significance:
        """Of one benchmark."""
        ratio, chance = self.ratios[benchmark]
        return ratio.significance(chance)

    @property
    def verdict(self) -> Significance:
        """Of all benchmarks together; ``likely`` is only said of the one that is shown.

        With many benchmarks, the interval of one often excludes 1 by chance.
        """
        words = {self.significance(name) for name in self.ratios}
        significant = (each for each in SIGNIFICANT if each in words)
        unsure = self.significance(self.shown) if self.shown in self.ratios else NOT_SIGNIFICANT
        return next(significant, unsure)

    @property
    def slower(self) -> list[str]:
        """Benchmarks that are significantly slower."""
        return [name for name in self.ratios if self.significance(name) == "slower"]


@dataclass(frozen=True)
class LikeNodes:
    """Nodes that are alike, at least two.

    Attributes:
        hardware: What they have in common, in words.
        benchmark: The one that stands for all: the whole job, else the first that they have.
        differing: What they differ in, with each node's value.
    """

    hardware: str
    benchmark: str
    nodes: tuple[NodeVerdict, ...]
    differing: tuple[Differing, ...]


@dataclass(frozen=True)
class FleetReport:
    """A fleet.

    Attributes:
        groups: Nodes that were compared.
        alone: Nodes without their like, each with what tells it from the largest group.
        failed: Nodes that failed.
        files: Number of result files.
    """

    groups: tuple[LikeNodes, ...]
    alone: tuple[tuple[Entry, tuple[str, ...]], ...]
    failed: tuple[NodeRuns, ...]
    files: int

    @property
    def slower(self) -> list[NodeVerdict]:
        """Nodes with a benchmark that is significantly slower."""
        return [each for group in self.groups for each in group.nodes if each.slower]


def fleet_report(nodes: Sequence[NodeRuns]) -> FleetReport:
    """Compare the nodes of a fleet; those that failed aren't compared."""
    entries = entries_by_node(each for each in nodes if each.problem is None)
    groups = like_groups(entries)
    several = [[entries[place] for place in group] for group in groups if len(group) > 1]
    ratios = judged([{each.label: _rates(each) for each in group} for group in several])
    largest = entries[groups[0][0]] if groups else None
    return FleetReport(
        tuple(_like_nodes(group, ratios) for group in several),
        tuple(
            (entries[place], _differences(entries[place], largest))
            for group in groups
            if len(group) == 1
            for place in group
        ),
        tuple(each for each in nodes if each.problem is not None),
        sum(len(each.runs) for each in nodes),
    )


def judged(
    groups: Sequence[Mapping[str, Mapping[str, Sequence[float]]]],
) -> dict[str, dict[str, tuple[Ratio, float]]]:
    """By node and benchmark, the ratio to the median of the others, and its corrected p-value.

    Benchmarks that no other node of the group has are left out.

    Args:
        groups: Of each group of like nodes, the rates of the runs by node and benchmark.
    """
    ratios = {}
    for group in groups:
        for node, benchmarks in group.items():
            for name, own in benchmarks.items():
                others = [rates[name] for n, rates in group.items() if n != node and name in rates]
                if others:
                    ratios[node, name] = ratio_to_median(others, own)
    chances = holm([each.chance for each in ratios.values()])
    by_node: dict[str, dict[str, tuple[Ratio, float]]] = {}
    for ((node, name), ratio), chance in zip(ratios.items(), chances, strict=True):
        by_node.setdefault(node, {})[name] = ratio, chance
    return by_node


def _rates(entry: Entry) -> dict[str, list[float]]:
    return {name: entry.rates(name) for name in _names([entry])}


def _names(group: Sequence[Entry]) -> list[str]:
    """Benchmarks of a group: the whole job first, then as they were run."""
    names = dict.fromkeys(name for entry in group for name in entry.benchmarks)
    whole = next((entry.whole_job for entry in group if entry.whole_job), None)
    return sorted(names, key=lambda name: name != whole)


def _like_nodes(
    group: Sequence[Entry], ratios: Mapping[str, dict[str, tuple[Ratio, float]]]
) -> LikeNodes:
    facts, shown = group[0].last.facts, _names(group)[0]
    return LikeNodes(
        # Limits are no part of what they have in common.
        machine_name({**facts, "cpus_usable": facts.get("logical_cpus") or facts["cpus_usable"]}),
        shown,
        tuple(NodeVerdict(entry, shown, ratios.get(entry.label, {})) for entry in group),
        (*_differing_setup(group), *differing(group)),
    )


def _differing_setup(group: Sequence[Entry]) -> list[Differing]:
    values = {
        name: tuple(str(each.setup[SETUP.index(name)]) for each in group) for name in OWN_SETUP
    }
    return [Differing((name,), each) for name, each in values.items() if len(set(each)) > 1]


def _differences(entry: Entry, other: Entry | None) -> tuple[str, ...]:
    """In words; empty for the only node, or the first of nodes that are all different."""
    if other is None or other is entry:
        return ()
    return tuple(dict.fromkeys(named(name).replace("_", " ") for name in unlike(other, entry)))
