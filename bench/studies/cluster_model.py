"""What 1, 10, 100 and 1,000 workers do with 100 million pictures, calculated from measured costs.

Run as ``python -m bench.studies.cluster_model FILE``: it measures the costs here, see
``cluster_costs``, and prints what follows from them. The prediction for two workers is checked
against two that were measured.

The model: pictures are listed, then workers extract shards while the driver schedules them. All
that happens at the same time takes as long as the slowest of it:

    start * (2 - 1 / workers) + pictures * list + max(workers, driver, store, link)
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study, range_text
from bench.studies.files import write_json
from tlbench.report.table import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Workers that are calculated.
SIZES = (1, 10, 100, 1000)
#: What a worker does with a picture, in the order in which it happens.
PHASES = ("read", "decode", "resize", "network", "write", "waiting")
#: Names of phases that could mean something else: workers have network links, too.
PHASE_NAMES = {"network": "the neural network"}
WHAT = {
    "list_s": "list a picture's name (driver)",
    "schedule_s": "hand out a shard and count it (driver)",
    "further_s": "the same, for each worker that there is (driver)",
    "start_s": "start a worker, open the model and run it once",
    "read": "read a picture and hash it (CPU)",
    "decode": "decode it (CPU)",
    "resize": "resize it (CPU)",
    "network": "run the neural network (CPU)",
    "write": "write its features (CPU)",
    "waiting": "wait with a shard (CPU not used)",
    "threads": "threads of a worker",
    "bytes_in": "bytes of a picture",
    "bytes_out": "bytes of its features",
    "pictures": "pictures",
    "shard_size": "pictures per shard",
    "store_read": "the store reads, for all workers together, GB/s",
    "store_write": "the store writes, for all workers together, GB/s",
    "link": "a worker's network link, GB/s",
    "price": "price of a worker per hour",
}


@dataclass(frozen=True)
class Costs:
    """Costs that were measured: seconds, CPU seconds for ``PHASES``, or bytes; see ``WHAT``."""

    list_s: float
    schedule_s: float
    further_s: float
    start_s: float
    read: float
    decode: float
    resize: float
    network: float
    write: float
    waiting: float
    threads: int
    bytes_in: float
    bytes_out: float

    @property
    def picture_s(self) -> float:
        """Seconds of a worker per picture."""
        total: float = sum(getattr(self, name) for name in PHASES)
        return total / self.threads


@dataclass(frozen=True)
class Assumptions:
    """What was not measured; GB are 10^9 bytes. See ``WHAT``."""

    pictures: int = 100_000_000
    shard_size: int = 1024
    store_read: float = 10.0
    store_write: float = 5.0
    link: float = 1.25
    price: float = 0.045


@dataclass(frozen=True)
class Prediction:
    """A run.

    Attributes:
        seconds: From the start of the first worker to the last shard.
        bottleneck: What takes the longest.
        share: Its time as a share of the whole.
        per_million: Price of the workers per million pictures.
    """

    workers: int
    seconds: float
    images_per_s: float
    bottleneck: str
    share: float
    per_million: float


def predicted(costs: Costs, assumed: Assumptions, workers: int) -> Prediction:
    """What so many workers do."""
    before = {
        "start of the workers": costs.start_s * (2 - 1 / workers),
        "listing": assumed.pictures * costs.list_s,
    }
    meanwhile = _meanwhile(costs, assumed, workers)
    total = sum(before.values()) + max(meanwhile.values())
    every = before | meanwhile
    slowest = max(every, key=lambda name: every[name])
    price = workers * total / 3600 * assumed.price
    return Prediction(
        workers, total, assumed.pictures / total, slowest, every[slowest] / total,
        price / assumed.pictures * 1e6,
    )  # fmt: skip


def _meanwhile(costs: Costs, assumed: Assumptions, workers: int) -> dict[str, float]:
    """Seconds of what happens at the same time, for all pictures."""
    pictures = assumed.pictures
    shards = math.ceil(pictures / assumed.shard_size)
    # Those that have one shard more than others end last.
    most = math.ceil(shards / workers) * pictures / shards
    largest = max(PHASES, key=lambda name: getattr(costs, name))
    moved = costs.bytes_in + costs.bytes_out
    return {
        f"workers, most of all {PHASE_NAMES.get(largest, largest)}": most * costs.picture_s,
        "driver, scheduling": shards * (costs.schedule_s + workers * costs.further_s),
        "store, reading": pictures * costs.bytes_in / (1e9 * assumed.store_read),
        "store, writing": pictures * costs.bytes_out / (1e9 * assumed.store_write),
        "links of the workers": pictures * moved / (1e9 * assumed.link * workers),
    }


def two_workers(study: dict[str, Any]) -> float:
    """Images/s that one worker's costs predict for two that have started, in the check's run."""
    check = study["check"]
    costs = replace(Costs(**study["costs"]), start_s=0.0)
    sizes = {name: check[name] for name in ("pictures", "shard_size")}
    return predicted(costs, replace(Assumptions(**study["assumptions"]), **sizes), 2).images_per_s


def costs_table(study: dict[str, Any]) -> str:
    """All that the model was fed with, measured and assumed."""
    lines = heading("what", "value", "from", texts=["from"])
    for kind, origin, values in (
        (Costs, "measured", study["costs"]),
        (Assumptions, "assumed", study["assumptions"]),
    ):
        for field in fields(kind):
            value = _value(field.name, values[field.name])
            lines.append(cell_line([WHAT[field.name], value, origin]))
    return "\n".join(lines)


def _value(name: str, value: float) -> str:
    if name in PHASES or name.endswith("_s"):
        return seconds(value) if value else "0 s"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.4g}"


def table(study: dict[str, Any]) -> str:
    """A line for each number of workers, and how well two were predicted."""
    lines = heading("workers", "time", "images/s", "efficiency", "per million",
                    "first bottleneck", texts=["first bottleneck"])  # fmt: skip
    costs, assumed = Costs(**study["costs"]), Assumptions(**study["assumptions"])
    one = predicted(costs, assumed, 1)
    for count in SIZES:
        each = predicted(costs, assumed, count)
        cells = [
            f"{count:,}",
            _duration(each.seconds),
            f"{each.images_per_s:,.0f}",
            f"{100 * one.seconds / (count * each.seconds):.0f} %",
            f"{each.per_million:.3g}",
            f"{each.bottleneck} ({100 * each.share:.0f} % of the time)",
        ]
        lines.append(cell_line(cells))
    return "\n".join([*lines, "", _check_text(study)])


def _check_text(study: dict[str, Any]) -> str:
    measured, guess = study["check"]["images_per_s"], two_workers(study)
    error = guess / median(measured) - 1
    return (
        f"Check: for two workers, the costs of one predict {guess:,.0f} images/s; measured were "
        f"{range_text(measured, '{:,.0f}')}, n = {len(measured)}: the prediction is off by "
        f"{100 * error:+.0f} %."
    )


def _duration(value: float) -> str:
    """Seconds as minutes, hours or days."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if value >= 2 * length:
            return f"{value / length:,.1f} {unit}"
    return f"{value:.1f} s"


GUIDE = "docs/scaling.md"
BLOCKS = (
    of_study("cluster costs", "cluster-model.json", costs_table),
    of_study("cluster model", "cluster-model.json", table),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="result of the study")
    parser.add_argument("--files", type=int, default=2000, help="pictures that are extracted")
    parser.add_argument("--listed", type=int, default=100_000, help="names that are listed")
    parser.add_argument("--rounds", type=int, default=5, help="runs of one and of two workers")
    for field in fields(Assumptions):
        kind, flag = type(field.default), f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=field.default, help=WHAT[field.name])
    chosen = parser.parse_args(arguments)
    from bench.studies.cluster_costs import measure

    assumed = Assumptions(**{each.name: getattr(chosen, each.name) for each in fields(Assumptions)})
    figures = measure(chosen.files, chosen.listed, chosen.rounds, assumed.shard_size)
    study = {"assumptions": asdict(assumed), **figures}
    write_json(chosen.file, study)
    print(table(study))  # noqa: T201


if __name__ == "__main__":
    main()
