"""Derive accuracy bounds: ``python -m bench.studies.derive_floors`` with the suite's own options.

Trains the workload's head from ten seeds on features extracted once, fits a logistic regression on
the same features, and puts the derivation into ``bench/tlbench/suite/floors.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from bench.studies.files import package_file, put_row
from bench.studies.options import add_options, as_workload, chosen_options
from tl_core.errors import TransferLearningError
from tl_core.transfer import TransferModel, evaluation
from tlbench.errors import OptionError
from tlbench.runs.model_name import short_name
from tlbench.suite.floors import SEEDS, TABLE, Derivation
from tlbench.suite.loaded_workload import LoadedWorkload, load_workload, open_data
from tlbench.suite.workloads import QUICK, TUTORIAL

if TYPE_CHECKING:
    from pathlib import Path

#: The tutorial's own test accuracy: its job must reach it whatever the seeds say.
TUTORIAL_ACCURACY = 0.7657
#: What makes two derivations ones of the same job.
JOB = ("model", "data", "image_size", "train_size", "test_size", "batch_size")


def derive(workload: LoadedWorkload, seeds: int = SEEDS) -> Derivation:
    """Accuracies of a workload over seeds and of a converged linear probe."""
    options, data = workload.options, workload.data
    promised = data.name == TUTORIAL.data and len(data.train) >= (TUTORIAL.train_size or 0)
    accuracies = []
    for seed in range(seeds):
        model = TransferModel(workload.extractor, data.class_names, seed=seed)
        model.fit_features(
            workload.train_features(), data.train.labels, batch_size=workload.batch_size
        )
        probabilities = model.head.predict(workload.test_features())
        accuracies.append(evaluation(probabilities, data.test.labels).accuracy)
    return Derivation(
        model=short_name(options.model),
        data=data.name,
        data_fingerprint=data.fingerprint,
        image_size=workload.extractor.image_size,
        train_size=len(data.train),
        test_size=len(data.test),
        batch_size=workload.batch_size,
        accuracies=tuple(round(accuracy, 6) for accuracy in accuracies),
        linear_probe=round(linear_probe(workload), 6),
        minimum=TUTORIAL_ACCURACY if promised else 0.0,
    )


def linear_probe(workload: LoadedWorkload) -> float:
    """Test accuracy of scikit-learn's logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    probe.fit(workload.train_features(), workload.data.train.labels)
    return float(probe.score(workload.test_features(), workload.data.test.labels))


def save(derivation: Derivation) -> Path:
    """Put a derivation into the table, in place of an older one of the same job."""
    return put_row(package_file(f"suite/{TABLE}"), dataclasses.asdict(derivation), JOB)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, QUICK.name)
    chosen = parser.parse_args(arguments)
    try:
        options = as_workload(chosen_options(chosen))
        derivation = derive(load_workload(options, open_data(options)))
    except (OptionError, TransferLearningError) as error:
        parser.error(str(error))
    print(derivation, derivation.floor, derivation.ceiling, save(derivation), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
