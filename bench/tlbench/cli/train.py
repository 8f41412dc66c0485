"""``tlbench train``."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tl_core.errors import TransferLearningError
from tlbench.cli.options import (
    NETWORK,
    complete,
    file_option,
    json_option,
    number_option,
    own_images,
    suite_options,
)
from tlbench.errors import InputError
from tlbench.runs.files import write_file
from tlbench.suite.extra import check_installed

if TYPE_CHECKING:
    from tl_core.transfer import Track
    from tlbench.suite.training import Training, TrainingJob

#: Steps of Adam below which a head has hardly left where it began: a step moves a weight by about
#: the learning rate, 0.001, and weights begin at up to 0.07 (Glorot's limit for 1,280 features).
FEW_STEPS = 100


@click.command(
    epilog="Example: tlbench train my-photos/ --epochs 3 --report page.html --save my-model"
)
@click.argument("data", metavar="DATA", shell_complete=complete("data"))
@number_option("--epochs", "passes over the training images", default=1)
@number_option("--fine-tune", "further epochs with the extractor unfrozen", least=0, default=0)
@number_option("--seed", "random seed of head, shuffling and split", least=0, default=0)
@click.option(
    "--track",
    type=click.Choice(["recompute", "cached"]),
    default="cached",
    show_default=True,
    help="extract features in every epoch, or once",
)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="DIR", help="folder for the SavedModel"
)
@file_option("--report", "HTML page to write: confusion matrix, classes, wrong predictions")
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="exit with 1 if test accuracy is below this",
)
@click.option("--download", is_flag=True, help="allow the data set to be downloaded")
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="read and store cached features"
)
@json_option
@suite_options(*NETWORK, "image_size", "batch_size", "train_size", "test_size")
def train(
    *,
    data: str,
    epochs: int,
    fine_tune: int,
    seed: int,
    track: Track,
    save: Path | None,
    report: Path | None,
    min_accuracy: float | None,
    suite: dict[str, str],
    download: bool,
    cache: bool,
    as_json: bool,
) -> None:
    """Train a classifier on DATA and report its test accuracy.

    DATA is photo-patches, digits, cifar10, or a folder of class/image files, with or without
    train/ and test/.

    Exit code 0: trained; 1: accuracy below --min-accuracy; 2: bad input.
    """
    from tlbench.suite.training import TrainingJob

    check_installed("tlbench train")
    options = dataclasses.replace(own_images(suite), data=data)
    job = TrainingJob(options, epochs, fine_tune, seed, track, download, cache)
    _check_targets(save, report)
    try:
        training, record = _trained(job, save, report)
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    click.echo(json.dumps(record, indent=1) if as_json else _text(training, record))
    if min_accuracy is not None and record["accuracy"] < min_accuracy:
        click.echo(f"accuracy {record['accuracy']:.4f} is below {min_accuracy}", err=True)
        raise SystemExit(1)


def _trained(
    job: TrainingJob, save: Path | None, page: Path | None
) -> tuple[Training, dict[str, Any]]:
    """Train, write what is to be written, and return what is printed as JSON, too."""
    from tlbench.report.training_page import training_page
    from tlbench.suite import training as suite_training

    training = suite_training.train(job)
    record, data = _record(job, training), training.data
    if page is not None:
        missed = suite_training.missed_images(data.test, training.result, data.class_names)
        facts = _facts(job, training)
        write_file(page, training_page(facts, training.confusion, missed, data.majority_rate))
        record["report"] = str(page)
    if save is not None:
        training.model.save(save)
        record["saved"] = str(save)
    return training, record


def _check_targets(folder: Path | None, page: Path | None) -> None:
    """Find out before training whether the model and the page can be written."""
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=page.parent):
            pass
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"--save {folder}: exists already and isn't empty; name a new folder")


def _record(job: TrainingJob, training: Training) -> dict[str, Any]:
    """What is printed as JSON."""
    model, data, counts = training.model, training.data, training.confusion
    summary = model.summary()
    batches = -(-len(data.train) // job.workload.batch_size)
    return {
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "classes": list(data.class_names),
        "train_size": len(data.train),
        "test_size": len(data.test),
        "frozen_parameters": summary.frozen,
        "trainable_parameters": summary.trainable,
        "epoch_losses": training.losses,
        "train_s": training.seconds,
        "features_kept": model.extractor.cache and job.track == "cached",
        "test_loss": training.result.loss,
        "accuracy": training.result.accuracy,
        "accuracy_interval_95": list(counts.interval),
        "most_common_class": data.majority_rate,
        "per_class": [
            {
                "class": each.name,
                "test_size": each.n,
                "correct": each.correct,
                "accuracy": each.accuracy,
                "accuracy_interval_95": list(each.interval) if each.interval else None,
            }
            for each in counts.classes
        ],
        # A row for each true class, a column for each predicted one, both in the classes' order.
        "confusion": counts.matrix.tolist(),
        "report": None,
        "saved": None,
        "steps": len(training.losses) * batches,
    }


def _facts(job: TrainingJob, training: Training) -> dict[str, str]:
    """How the model was trained, as the page has it."""
    data, extractor = training.data, training.model.extractor
    return {
        "data": data.name,
        "images": f"{len(data.train):,} for training, {len(data.test):,} for test",
        "classes": f"{len(data.class_names)}",
        "model": extractor.handle,
        "engine": f"{extractor.engine}, {extractor.precision}, {extractor.device}",
        "image size": f"{extractor.image_size} pixels",
        "epochs": f"{job.epochs}",
        "epochs of fine-tuning": f"{job.fine_tune}",
        "seed": f"{job.seed}",
        "batch size": f"{job.workload.batch_size} images",
        "track": job.track,
        "loss per epoch": ", ".join(f"{loss:.3f}" for loss in training.losses),
        "training time": f"{training.seconds:.1f} s",
        "data fingerprint": data.fingerprint,
        "tlbench": version("tlbench"),
    }


def _text(training: Training, record: dict[str, Any]) -> str:
    low, high = record["accuracy_interval_95"]
    train, test = record["train_size"], record["test_size"]
    reused = "; cached features reused" * record["features_kept"]
    losses = " → ".join(f"{loss:.3f}" for loss in training.losses)
    lines = [
        str(training.model.summary()),
        f"{record['data']}: {len(record['classes'])} classes, {train:,} + {test:,} images",
        f"trained in {training.seconds:.1f} s{reused}; loss {losses}",
        f"test accuracy {record['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f}",
        f"majority-class baseline: {record['most_common_class']:.4f}",
    ]
    if record["steps"] < FEW_STEPS:
        lines.append(f"only {record['steps']} training steps: increase --epochs")
    lines += [f"{name}: {record[name]}" for name in ("report", "saved") if record[name]]
    return "\n".join(lines)
