"""How long should a head be trained, and on what? Test accuracies by four ways to end training.

Run as ``python -m bench.studies.convergence FILE`` with the suite's own options. On features of the
workload's model, for several data sets and sizes and many seeds: one epoch; twenty epochs; as many
as held-out images gain by, and the head of that epoch; and as ``tlbench train`` does it, that many
epochs on all training images. The guide to a person's own images has the means.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from bench.studies.blocks import cell_line, heading, of_study, range_text
from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from tl_core.convergence import Convergence, fit_to_convergence, held_out_split
from tl_core.extractor import FeatureExtractor
from tl_core.head import LEARNING_RATE, ArrayTrainer, Head, evaluation
from tl_core.streaming import BATCH_SIZE
from tl_core.training import rows_of, train
from tlbench.suite.loaded_workload import open_data

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.data import Split

    Features = NDArray[np.float32]

MODULE = "bench.studies.convergence"
#: Data sets with their training images.
JOBS = (
    *(("photo-patches", 100), ("photo-patches", 400), ("photo-patches", 2_000)),
    *(("digits", 100), ("digits", 400), ("digits", 1_200)),
    *(("cifar10", 200), ("cifar10", 1_000), ("cifar10", 5_000)),
)
#: Test images, where there are so many.
MOST_TEST = 2_000
#: Numbers of epochs to compare with.
FIXED = (1, 20)


def accuracies(*, options: Task, data: str, train_size: int, seeds: int) -> Task:
    """Test accuracies by way of training, one for each seed, with the epochs that were found."""
    workload = as_workload(options, data=data)
    whole = open_data(workload)
    chosen = whole.head(train_size, min(MOST_TEST, len(whole.test)))
    extractor = FeatureExtractor(
        workload.model, image_size=workload.image_size, cache=True, **workload.network
    )
    features = extractor.extract(chosen.train.images), extractor.extract(chosen.test.images)
    outcome: Task = {"epochs": [], "converged": []}
    for seed in range(seeds):
        heads, done = _heads(*features[:1], chosen.train, len(chosen.class_names), seed)
        outcome["epochs"].append(done.epochs)
        outcome["converged"].append(done.converged)
        for name, head in heads.items():
            result = evaluation(head.predict(features[1]), chosen.test.labels)
            outcome.setdefault(name, []).append(result.accuracy)
    return outcome


def _heads(
    features: Features, split: Split, classes: int, seed: int
) -> tuple[dict[str, Head], Convergence]:
    """A head by each way of training."""

    def trained(epochs: int, places: NDArray[np.int64] | None = None) -> Head:
        head = Head(features.shape[1], classes, seed=seed)
        labels = split.labels if places is None else split.labels[places]
        trainer = ArrayTrainer(head, learning_rate=LEARNING_RATE)
        train(trainer, rows_of(features, BATCH_SIZE, places), labels, epochs, seed)
        return head

    heads = {f"{epochs} epoch{'s' * (epochs > 1)}": trained(epochs) for epochs in FIXED}
    refitted = Head(features.shape[1], classes, seed=seed)
    done = fit_to_convergence(refitted, features, split.labels, batch_size=BATCH_SIZE, seed=seed)
    kept = trained(done.epochs, held_out_split(split.labels, seed)[0])
    return heads | {"best epoch": kept, "refitted": refitted}, done


def table(outcome: Task) -> str:
    """Mean accuracies by data set and way of training."""
    ways = {
        "1 epoch": "1 epoch",
        "20 epochs": "20 epochs",
        "best epoch": "held-out images left out",
        "refitted": "as `train` does",
    }
    lines = heading("data set, training images", *ways.values(), "epochs")
    for job in outcome["jobs"]:
        means = [f"{fmean(job[way]):.4f}" for way in ways]
        epochs = range_text(job["epochs"], "{:.0f}")
        lines.append(cell_line([f"{job['data']}, {job['train_size']:,}", *means, epochs]))
    seeds = len(outcome["jobs"][0]["epochs"])
    return "\n".join([*lines, "", f"Means of {seeds} seeds; epochs: median and range."])


BLOCKS = (of_study("convergence", "convergence.json", table),)

TASKS: dict[str, Callable[..., Task]] = {"accuracies": accuracies}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Each data set and size in a process of its own."""
    jobs = []
    for data, size in JOBS:
        task = {"options": options, "data": data, "train_size": size, "seeds": arguments.seeds}
        outcome = run_fresh(MODULE, {"name": "accuracies", **task})
        jobs.append({"data": data, "train_size": size, **outcome})
        print(jobs[-1])  # noqa: T201
    return {"jobs": jobs}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=10)


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="quick")


if __name__ == "__main__":
    main()
