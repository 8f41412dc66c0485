"""What ``tlbench select`` does: load the pictures, plan, search, and say how to train the best."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from tl_core.data import load_data
from tl_core.errors import TransferLearningError
from tl_core.models import NetworkSettings
from tlbench.compare.selection import SINGLE
from tlbench.errors import InputError
from tlbench.suite.quiet import import_tensorflow_later
from tlbench.suite.readable import readable_data
from tlbench.suite.select.plan import Plan, engines_of, samples_of, sizes_by_backbone
from tlbench.suite.select.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tl_core.data import DataSet
    from tlbench.compare.selection import Selection
    from tlbench.suite.workloads import Workload

#: Fewest training images that are worth a search.
LEAST = 10
#: Of the arguments of ``FeatureExtractor`` that a workload has, what candidates have instead.
SEARCHED = ("engine", "precision")
#: Where the trained model goes in the command that is printed.
TARGET = "my-model"


@dataclass(frozen=True)
class SelectJob:
    """What is searched for, and how.

    Attributes:
        workload: Data, and what holds for all networks, such as the device.
        budget_s: Seconds for all.
        margin: Accuracy that may be given up for speed, in points of 1.
        models, image_sizes, engines, precisions: What is tried; all that is at hand where empty.
        seed: Of split and sample.
        download: Whether the data set may be downloaded.
    """

    workload: Workload
    budget_s: float
    margin: float
    models: tuple[str, ...] = ()
    image_sizes: tuple[int, ...] = ()
    engines: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    seed: int = 0
    download: bool = False


def run(job: SelectJob, tell: Callable[[str], None]) -> Selection:
    """Search; ``tell`` gets a line per step. InputError for data or handles that can't be used."""
    start = perf_counter()

    def timed(line: str) -> None:
        tell(f"{perf_counter() - start:5.0f} s  {line}")

    options = job.workload
    engines = engines_of(options.device, job.engines, job.precisions)
    try:
        whole = load_data(options.data, download=job.download, seed=job.seed)
        data = readable_data(whole.head(options.train_size), test=False)
        import_tensorflow_later(options.device)
        from tlbench.suite.select.evaluation import Evaluation

        tools = Evaluation(
            data.train,
            len(data.class_names),
            {name: each for name, each in options.network.items() if name not in SEARCHED}
            | options.reading,
            batch_size=options.batch_size,
            seed=job.seed,
        )
        plan = plan_of(job, data, engines)
        return Search(plan, tools, job.margin, timed, start).run()
    except TransferLearningError as error:
        raise InputError(str(error)) from error


def plan_of(job: SelectJob, data: DataSet, engines: tuple[tuple[str, str], ...]) -> Plan:
    """What is tried with these engines and precisions; InputError for too few pictures."""
    images = len(data.train)
    if images < LEAST:
        raise InputError(
            f"{data.name}: {images} training images; expected at least {LEAST} to compare anything "
            "by. Add pictures"
        )
    return Plan(
        sizes_by_backbone(job.models, job.image_sizes, NetworkSettings(**job.workload.reading)),
        engines,
        samples_of(images, len(data.class_names)),
        job.budget_s,
    )


def train_command(job: SelectJob, selection: Selection, suite: Mapping[str, str]) -> str | None:
    """The command line that trains the best candidate; None where there is none.

    ``suite`` has the suite's options that were given, which training then gets too.
    """
    if selection.best is None:
        return None
    best = selection.best.candidate
    values = {
        "model": best.model,
        "image_size": best.image_size,
        "engine": best.engine,
        "precision": None if best.precision == SINGLE else best.precision,
        **suite,
        "seed": job.seed or None,
        # What is saved runs in single precision, for which the head wouldn't be trained.
        "save": TARGET if best.precision == SINGLE else None,
    }
    words = ["tlbench", "train", job.workload.data]
    for name, value in values.items():
        words += [] if value is None else ["--" + name.replace("_", "-"), str(value)]
    return shlex.join(words)
