"""Between which bounds a test accuracy must lie for a speed to count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import mean, stdev
from typing import TYPE_CHECKING

import msgspec

from tlbench.figures import Count, Share  # noqa: TC001 - msgspec reads the types
from tlbench.runs.model_name import short_name

if TYPE_CHECKING:
    from tl_core.data import DataSet
    from tlbench.suite.workloads import Workload

#: The derivations, made by ``python -m bench.studies.derive_floors``.
TABLE = "floors.json"
#: Seeds that a floor is derived from; rounds use these and no others.
SEEDS = 10


@dataclass(frozen=True)
class Bounds:
    """What a test accuracy must lie between, and where both come from, for messages.

    Below the floor, something was wrong: input range, channel order, labels, training. Above the
    ceiling, test images or labels must have leaked into training.
    """

    floor: float
    ceiling: float
    origin: str


@dataclass(frozen=True)
class Derivation:
    """Accuracies of one job over seeds, and the bounds that follow from them.

    Attributes:
        model: Short name of the model.
        data_fingerprint: Of its pixels at these sizes.
        batch_size: Images per step: more of them make fewer steps, and a lower accuracy.
        files: What files the images were read from; empty where they were in memory.
        accuracies: Test accuracy after one epoch of Adam, by seed from 0.
        linear_probe: Test accuracy of a converged logistic regression on the same features.
        minimum: An accuracy that the workload promises, if any.
    """

    model: str
    data: str
    data_fingerprint: str
    image_size: Count
    train_size: Count
    test_size: Count
    batch_size: Count
    accuracies: tuple[Share, ...]
    linear_probe: Share
    minimum: Share = 0.0
    files: str = ""

    @property
    def job(self) -> tuple[str | int, ...]:
        """What must be equal for the bounds to hold."""
        sizes = (self.image_size, self.train_size, self.test_size, self.batch_size)
        return (self.model, self.data, *sizes, self.files)

    @property
    def floor(self) -> float:
        """Four standard deviations below the mean over seeds, rounded down to 0.005.

        The seed of a run is fixed, so what is left to vary is arithmetic in another order.
        """
        low = mean(self.accuracies) - 4 * stdev(self.accuracies)
        return max(self.minimum, math.floor(low * 200) / 200)

    @property
    def ceiling(self) -> float:
        """Three standard errors above the converged probe, which one epoch can't honestly beat."""
        probe = self.linear_probe
        high = probe + 3 * math.sqrt(probe * (1 - probe) / self.test_size)
        return min(1.0, math.ceil(high * 200) / 200)


@cache
def derivations() -> tuple[Derivation, ...]:
    """The table of known jobs."""
    table = (resources.files("tlbench.suite") / TABLE).read_bytes()
    return msgspec.json.decode(table, type=tuple[Derivation, ...])


def bounds_for(workload: Workload, data: DataSet, image_size: int, files: str = "") -> Bounds:
    """The bounds for a job at these sizes: from the table, or else what chance could reach.

    ``data`` are the images in memory, also where they are read from ``files`` of this form.
    """
    sizes = (image_size, *data.sizes, workload.batch_size)
    job = (short_name(workload.model), data.name, *sizes, files)
    chance = chance_bounds(data)
    for row in derivations():
        if job != row.job:
            continue
        if row.data_fingerprint == data.fingerprint:
            return Bounds(row.floor, row.ceiling, f"{len(row.accuracies)} seeds, {TABLE}")
        origin = f"other pixels than those that {TABLE} was derived from"
        return Bounds(max(chance.floor, row.minimum), 1.0, origin)
    return chance


def chance_bounds(data: DataSet) -> Bounds:
    """For a job without a derivation: better than always answering the majority class.

    The floor is three standard errors above that accuracy; there is no ceiling.
    """
    rate = data.majority_rate
    margin = 3 * math.sqrt(rate * (1 - rate) / len(data.test))
    return Bounds(min(1.0, rate + margin), 1.0, "better than the majority class; no derived floor")
