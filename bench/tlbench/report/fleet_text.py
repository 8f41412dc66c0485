"""A fleet for the terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tlbench.compare.differing import MORE
from tlbench.report.table import lines_of, per_second, times
from tlbench.report.text import sentence
from tlbench.stats.ratios import ALARM, CONFIDENCE, FEW, RUN_SD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.differing import Differing
    from tlbench.fleet.gathering import NodeRuns
    from tlbench.fleet.verdicts import FleetReport, LikeNodes, NodeVerdict
    from tlbench.stats.ratios import Ratio

HEADINGS = ("node", "threads", "images/s", "times", "interval", "verdict")
RIGHT = (1, 2, 3, 4)
COLOURS = {"slower": "red", "faster": "green"}
#: Nodes that a line names; more are counted.
MOST_NAMED = 3
#: Below every comparison.
LEGEND = (
    f"times: throughput as a multiple of the median of the other nodes, with its own "
    f"{100 * CONFIDENCE:.0f} % interval. 'slower' and 'faster' hold at the {100 * ALARM:.0f} % "
    "level over all nodes and benchmarks together; 'likely': only the interval excludes 1. 'No "
    "significant difference' is not 'equal'."
)
#: Below a comparison of few runs.
FEW_RUNS = (
    f"Few runs: they are assumed to vary by {100 * RUN_SD:.0f} %. To detect smaller differences, "
    "use more --runs."
)


def as_lines(report: FleetReport) -> list[str]:
    """Lines of at most 80 columns: groups of like nodes, then the others."""
    lines: list[str] = []
    for group in report.groups:
        lines += [*_group_lines(group), ""]
    texts = [*_alone(report), *(f"{each.label}: failed: {each.problem}" for each in report.failed)]
    lines += [part for text in texts for part in sentence(text)]
    lines += [""] * bool(texts and report.groups)
    if report.groups:
        few = any(each.entry.runs[FEW - 1 :] == () for g in report.groups for each in g.nodes)
        lines += sentence(f"{LEGEND} {FEW_RUNS}" if few else LEGEND)
    return lines


def _group_lines(group: LikeNodes) -> Iterator[str]:
    first, runs = group.nodes[0].entry, {len(each.entry.runs) for each in group.nodes}
    each_has = f"{max(runs)} runs" if max(runs) > 1 else "1 run"
    title = f"{group.hardware}: {len(group.nodes)} nodes alike, {each_has} each"
    yield from (*sentence(title), *sentence(str(first.job)), *sentence(f"{group.benchmark}:"))
    yield from lines_of(HEADINGS, (_cells(group, each) for each in group.nodes), right=RIGHT)
    named = [each for each in group.nodes if each.slower]
    for text in (*map(_slower, named), *map(_differing(group), group.differing)):
        yield from sentence(text)


def _cells(group: LikeNodes, node: NodeVerdict) -> tuple[str, ...]:
    entry, figures = node.entry, ("-", "-", "-")
    if group.benchmark in node.ratios:
        ratio, _ = node.ratios[group.benchmark]
        figures = (per_second(entry.rate(group.benchmark)), *_ratio(ratio))
    return (entry.label, str(entry.last.rows[0].threads), *figures, node.verdict)


def _ratio(ratio: Ratio) -> tuple[str, str]:
    return times(ratio.value), f"{times(ratio.low)}-{times(ratio.high)}"


def _slower(node: NodeVerdict) -> str:
    """In which benchmarks, and how much."""
    parts = [
        f"{name} {value} times ({interval})"
        for name in node.slower
        for value, interval in [_ratio(node.ratios[name][0])]
    ]
    return f"{node.entry.label} is slower than its like: {', '.join(parts)}"


def _differing(group: LikeNodes) -> Any:  # noqa: ANN401 - a function
    """What says a fact that nodes differ in: the most common value last, without names."""
    labels = [each.entry.label for each in group.nodes]

    def text(each: Differing) -> str:
        values = sorted(each.groups().items(), key=lambda value: len(value[1]))
        parts = [f"{value} ({_who([labels[i] for i in at])})" for value, at in values]
        return f"differs: {each.name}: {'; '.join(parts)}"

    return text


def _who(labels: Sequence[str]) -> str:
    return ", ".join(labels) if len(labels) <= MOST_NAMED else f"{len(labels)} nodes"


def _alone(report: FleetReport) -> Iterator[str]:
    for entry, names in report.alone:
        reason = f": it differs in {', '.join(names)}" if names else ""
        yield f"{entry.label} ({entry.machine}): not compared, no other node is like it{reason}"


def as_record(report: FleetReport) -> dict[str, Any]:
    """All figures, for ``--json``."""
    return {
        "groups": [_group_record(each) for each in report.groups],
        "not_compared": [
            {**_node_record(entry.label, entry.runs), "differs_in": list(names)}
            for entry, names in report.alone
        ],
        "failed": [_failed_record(each) for each in report.failed],
        "slower": [each.entry.label for each in report.slower],
    }


def _group_record(group: LikeNodes) -> dict[str, Any]:
    return {
        "hardware": group.hardware,
        "job": dict(group.nodes[0].entry.job.facts),
        "benchmark": group.benchmark,
        "differing": {
            key: [value.removeprefix(MORE) for value in each.values]
            for each in group.differing
            for key in each.keys
        },
        "nodes": [
            {
                **_node_record(each.entry.label, each.entry.runs),
                "verdict": each.verdict,
                "benchmarks": {name: _benchmark_record(each, name) for name in each.ratios},
            }
            for each in group.nodes
        ],
    }


def _benchmark_record(node: NodeVerdict, name: str) -> dict[str, Any]:
    ratio, chance = node.ratios[name]
    return {
        "images_per_s": node.entry.rate(name),
        "times": ratio.value,
        "interval": [ratio.low, ratio.high],
        "p": ratio.chance,
        "p_corrected": chance,
        "basis": ratio.basis,
        "significance": node.significance(name),
    }


def _node_record(label: str, runs: Iterable[Any]) -> dict[str, Any]:
    return {"node": label, "files": [str(run.path) for run in runs]}


def _failed_record(each: NodeRuns) -> dict[str, Any]:
    return {
        **_node_record(each.label, each.runs),
        "problem": each.problem,
        "output": each.output.splitlines(),
    }
