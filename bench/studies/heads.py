"""Does the fast job end as accurate as the tutorial's? Heads by Keras and by this suite.

Run as ``python -m bench.studies.heads FILE`` with the suite's own options. Keras's own fit trains
on the reference engine's features, this suite on those of the engine that the options name, each
with many seeds. Features of a frozen network are the same in every epoch, so that the former is the
tutorial's training at its full size, which its float64 images wouldn't fit into memory for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import stats

from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel, evaluation
from tlbench.suite.loaded_workload import open_data

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.data import DataSet
    from tlbench.suite.workloads import Workload

    Features = NDArray[np.float32]

MODULE = "bench.studies.heads"


def by_keras(*, options: Task, seeds: int) -> Task:
    """Accuracies of heads by Keras's own fit on the reference engine's features."""
    plain = {key: text for key, text in options.items() if key not in ("workers", "chunk")}
    workload = as_workload(plain, engine="tensorflow", precision="fp32")
    data, _, train, test = _extracted(workload)
    return {"top1": [_keras(data, train, test, workload.batch_size, each) for each in range(seeds)]}


def _keras(data: DataSet, train: Features, test: Features, batch_size: int, seed: int) -> float:
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    layer = tf_keras.layers.Dense(len(data.class_names), activation="softmax")
    head = tf_keras.Sequential([layer])
    head.compile("adam", loss="sparse_categorical_crossentropy")
    head.fit(train, data.train.labels, batch_size=batch_size, verbose=0)
    return evaluation(head.predict(test, verbose=0), data.test.labels).accuracy


def by_us(*, options: Task, seeds: int) -> Task:
    """Accuracies of this suite's heads on its engine's features."""
    workload = as_workload(options)
    data, extractor, train, test = _extracted(workload)
    accuracies = []
    for seed in range(seeds):
        model = TransferModel(extractor, data.class_names, seed=seed)
        model.fit_features(train, data.train.labels, batch_size=workload.batch_size)
        accuracies.append(evaluation(model.head.predict(test), data.test.labels).accuracy)
    return {"top1": accuracies, "engine": extractor.engine}


def _extracted(workload: Workload) -> tuple[DataSet, FeatureExtractor, Features, Features]:
    data = open_data(workload)
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size, **workload.network)
    return (
        data,
        extractor,
        extractor.extract(data.train.images),
        extractor.extract(data.test.images),
    )


TASKS: dict[str, Callable[..., Task]] = {"by_keras": by_keras, "by_us": by_us}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Each side's seeds in a process of its own, and the difference of their means."""
    outcome = {
        name: run_fresh(MODULE, {"name": name, "options": options, "seeds": arguments.seeds})
        for name in TASKS
    }
    outcome["difference"] = difference(outcome["by_us"]["top1"], outcome["by_keras"]["top1"])
    print(outcome)  # noqa: T201
    return outcome


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Task:
    """Ours above theirs: of the means, and its 95 % interval by Welch's t."""
    test = stats.ttest_ind(ours, theirs, equal_var=False)
    interval = test.confidence_interval(0.95)
    means = sum(ours) / len(ours) - sum(theirs) / len(theirs)
    return {"means": means, "interval_95": [float(interval.low), float(interval.high)]}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=20)


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="tutorial")


if __name__ == "__main__":
    main()
