"""Derive accuracy bounds: ``python -m bench.studies.derive_floors`` with the suite's own options.

With ``--files`` for the job that reads its images from JPEG files, see ``suite.picture_files``.

Trains the workload's head from ten seeds on features extracted once, fits a logistic regression on
the same features, and puts the derivation into ``bench/tlbench/suite/floors.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

from bench.studies.files import package_file, put_row
from bench.studies.options import add_options, as_workload, chosen_options
from tl_core.data import DataSet
from tl_core.errors import TransferLearningError
from tl_core.transfer import TransferModel, evaluation
from tlbench.errors import OptionError
from tlbench.runs.model_name import short_name
from tlbench.suite.floors import SEEDS, TABLE, Derivation
from tlbench.suite.loaded_workload import LoadedWorkload, load_workload, open_data
from tlbench.suite.picture_files import FORM, PictureFiles
from tlbench.suite.workloads import QUICK, TUTORIAL, Workload

#: The tutorial's own test accuracy: its job must reach it whatever the seeds say.
TUTORIAL_ACCURACY = 0.7657
#: What makes two derivations ones of the same job.
JOB = ("model", "data", "image_size", "train_size", "test_size", "batch_size", "files")


def derive(workload: LoadedWorkload, seeds: int = SEEDS, files: str = "") -> Derivation:
    """Accuracies of a workload over seeds and of a converged linear probe.

    ``files`` is their form where the workload's images are those of ``options`` as files.
    """
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
        data_fingerprint=open_data(options).fingerprint if files else data.fingerprint,
        image_size=workload.extractor.image_size,
        train_size=len(data.train),
        test_size=len(data.test),
        batch_size=workload.batch_size,
        accuracies=tuple(round(accuracy, 6) for accuracy in accuracies),
        linear_probe=round(linear_probe(workload), 6),
        minimum=TUTORIAL_ACCURACY if promised else 0.0,
        files=files,
    )


def derive_from_files(options: Workload) -> Derivation:
    """The same of a workload's images as JPEG files."""
    data = open_data(options)
    with tempfile.TemporaryDirectory() as folder:
        files = PictureFiles(data, Path(folder))
        splits = files.split("train"), files.split("test")
        as_files = DataSet(data.name, data.class_names, *splits)
        return derive(load_workload(options, as_files), files=FORM)


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
    parser.add_argument("--files", action="store_true", help="images as JPEG files")
    add_options(parser, QUICK.name)
    chosen = parser.parse_args(arguments)
    try:
        options = as_workload(chosen_options(chosen))
        if chosen.files:
            derivation = derive_from_files(options)
        else:
            derivation = derive(load_workload(options, open_data(options)))
    except (OptionError, TransferLearningError) as error:
        parser.error(str(error))
    print(derivation, derivation.floor, derivation.ceiling, save(derivation), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
