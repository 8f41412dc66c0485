"""Generate what README.md and README.zh-CN.md show: ``python -m bench.studies.readme``.

The claim comes from the study of the whole job, the picture and the terminal outputs from committed
results, each through the code that prints it for users.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from bench.studies import readme_gate, readme_picture
from bench.studies.blocks import Block, of_study, rewrite
from bench.studies.files import committed_results, read_study
from bench.studies.readme_claim import chinese_claim, claim
from tlbench.cli.main import main as tlbench
from tlbench.gate.verdict import Report, Verdict
from tlbench.report.gate_text import gate_table
from tlbench.report.table import result_table
from tlbench.runs.read import read_file
from tlbench.stats.estimate import Estimate
from tlbench.stats.proportions import AccuracyChange

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The run whose table is shown, and what was typed.
RUN = (
    "results/intel-xeon-emerald-rapids-2-cpus/"
    "tutorial_mobilenet_v2_100_224_cifar10_openvino_fp32_cpu_20261128T014502Z.json"
)
MEASURE = "pytest --benchmark --workload tutorial --engine openvino --isolate --download"
#: Lines of what differs that are shown.
FACTS = 2
#: The benchmark that is explained, and what its line means in each language.
EXAMPLE = "pipeline (recompute)"
ENGLISH = (
    "How to read it: at `{0}`, the whole job, B ({5}) has {1} times the throughput of A, with a "
    "95 % interval of {2} to {3}. The word `{4}` means that the difference is statistically "
    "significant: A is 1/{1} = {6:.1f} times as fast. `interval` has the slowest and the fastest "
    "run in the lines of A, and the confidence interval of the ratio in those of B."
)
CHINESE = (
    "如何解读：在整个任务（`{0}`）上，B（{5}）的吞吐量是 A 的 {1} 倍，"
    "该比值的 95 % 置信区间为 {2} 至 {3}。"
    "`{4}`（更慢）表示差异在统计上显著：A 的速度是 B 的 1/{1} = {6:.1f} 倍。"
    "`interval` 在 A 的各行是最慢和最快的一次运行，在 B 的各行是该比值的置信区间。"
)
COMPARE = (
    "tlbench compare amd-epyc-turin-2-cpus intel-xeon-emerald-rapids-2-cpus "
    "--engine litert --threads 2"
)


def terminal(command: str, lines: Iterable[str]) -> str:
    """A command and what it prints, as a block of Markdown."""
    return "\n".join(["```text", f"$ {command}", *lines, "```"])


def measured() -> str:
    """The table at the end of a run."""
    with committed_results() as folder:
        lines = result_table(read_file(folder / RUN).benchmarks, {})
    table = [line for line in lines if not line.endswith(": one round")]
    return terminal(MEASURE, ["...", *table, *["..."] * (len(table) < len(lines))])


def gated() -> str:
    """The report of a gate."""
    (saved,) = read_study(readme_gate.NAME)["gates"]
    command = shlex.join(["tlbench", *readme_gate.COMMAND])
    return terminal(command, gate_table(report_of(saved["report"])))


def report_of(saved: dict[str, Any]) -> Report:
    """The report that ``tlbench gate --save`` wrote."""
    return Report(
        saved["base"],
        saved["head"],
        tuple(map(_verdict, saved["benchmarks"])),
        saved["seconds"],
        tuple(saved["notes"]),
    )


def _verdict(saved: dict[str, Any]) -> Verdict:
    known = {each.name for each in dataclasses.fields(Verdict)}
    fields = {key: value for key, value in saved.items() if key in known}
    for key, kind in (("estimate", Estimate), ("accuracy", AccuracyChange)):
        fields[key] = kind(**saved[key]) if saved[key] else None
    return Verdict(status=saved["verdict"], **fields)


def compared() -> str:
    """Two machines beside each other."""
    paragraphs = (each.splitlines() for each in _compare().strip().split("\n\n"))
    return terminal(COMPARE, "\n\n".join(filter(None, map(_essential, paragraphs))).splitlines())


def _essential(paragraph: list[str]) -> str:
    """A paragraph of the comparison as the README shows it; what is left out is dots."""
    if paragraph[0].startswith("what differs"):
        paragraph = [*paragraph[:FACTS], "  ..."]
    return "..." if "geometric mean of" in " ".join(paragraph) else "\n".join(paragraph)


def _compare(*options: str) -> str:
    """What the command prints, of committed results."""
    arguments = [*shlex.split(COMPARE)[1:], *options]
    with committed_results():
        return CliRunner().invoke(tlbench, arguments, catch_exceptions=False).stdout


def reading(template: str) -> str:
    """A sentence that says what one line of the comparison means."""
    (comparison,) = json.loads(_compare("--json"))["comparisons"]
    *_, cell = (each for each in comparison["cells"] if each["benchmark"] == EXAMPLE)
    ends = (f"{cell[key]:.2f}" for key in ("ratio", "ratio_low", "ratio_high"))
    times = 1 / cell["ratio"]
    return template.format(EXAMPLE, *ends, cell["word"], cell["machine"], times)


def picture(text: str) -> str:
    """The picture, with its figures as the text for those who do not see it, and its caption."""
    figures = readme_picture.figures(readme_picture.committed_chart())
    caption = text.format(readme_picture.committed_workload(), readme_picture.MACHINE)
    path = f"{readme_picture.FOLDER}/{readme_picture.NAME}.svg"
    return f"![{caption}: {figures}.]({path})\\\n{caption}"


OUTPUTS = (
    Block("measured", measured),
    Block("gated", gated),
    Block("compared", compared),
)
#: The generated parts of each language's file.
READMES: dict[str, tuple[Block, ...]] = {
    "README.md": (
        of_study("claim", "whole-job.json", claim),
        Block("picture", lambda: picture("Images per second, {} workload, {}")),
        *OUTPUTS,
        Block("reading", lambda: reading(ENGLISH)),
    ),
    "README.zh-CN.md": (
        of_study("claim", "whole-job.json", chinese_claim),
        Block("picture", lambda: picture("每秒图像数，{} 工作负载，{}")),
        *OUTPUTS,
        Block("reading", lambda: reading(CHINESE)),
    ),
}


def main() -> None:
    """Draw the picture and rewrite both files."""
    readme_picture.draw(readme_picture.committed_chart())
    for name, blocks in READMES.items():
        rewrite(name, blocks)


if __name__ == "__main__":
    main()
