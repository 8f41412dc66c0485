"""``tlbench train``."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from tl_core.errors import ModelError
from tlbench.suite.options import check_names
from tlbench.suite.quiet import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.data import DataSet
    from tl_core.transfer import Track, TransferModel
    from tlbench.suite.workloads import Workload

#: Steps of Adam below which a head has hardly left where it began: a step moves a weight by about
#: the learning rate, 0.001, and weights begin at up to 0.07 (Glorot's limit for 1,280 features).
FEW_STEPS = 100


def run(
    *,
    data: str,
    epochs: int,
    fine_tune: int,
    seed: int,
    track: Track,
    save: str | None,
    page: Path | None,
    min_accuracy: float | None,
    download: bool,
    cache: bool,
    as_json: bool,
    options: Workload,
    given: dict[str, str],
) -> None:
    """Train, evaluate, report and save; see ``tlbench train --help`` for the arguments.

    Raises:
        SystemExit: With 1 where the accuracy is below ``min_accuracy``.
    """
    check_names(options)
    _check_targets(Path(save) if save else None, page)
    images = _data(data, given, seed, options, download=download)
    import_tensorflow(options.device)
    model = _model(images, given, seed, options, cache=cache)
    if fine_tune:
        from tl_core.training_checks import check_trains

        check_trains(model.extractor)  # rather than after the head was trained
    start = perf_counter()
    losses = _fit(
        model,
        images,
        epochs=epochs,
        fine_tune=fine_tune,
        track=track,
        batch_size=options.batch_size,
    )
    seconds = perf_counter() - start
    answers = model.predict(images.test.images, batch_size=options.batch_size)
    report = _report(model, images, answers, losses=losses, seconds=seconds, track=track)
    report["steps"] = len(losses) * -(-len(images.train) // options.batch_size)
    if page is not None:
        asked = {"epochs": epochs, "epochs of fine-tuning": fine_tune, "seed": seed}
        _write_page(page, model, images, answers, _facts(model, report, asked, options, track))
        report["report"] = str(page)
    if save:
        model.save(save)
        report["saved"] = save
    click.echo(json.dumps(report, indent=1) if as_json else _text(model, report))
    if min_accuracy is not None and report["accuracy"] < min_accuracy:
        click.echo(f"accuracy {report['accuracy']:.4f} is below {min_accuracy}", err=True)
        raise SystemExit(1)


def _check_targets(folder: Path | None, page: Path | None) -> None:
    """Find out before training whether the model and the page can be written.

    Raises:
        ModelError: The model's folder holds something.
        OSError: A place that can't be written.
    """
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=page.parent):
            pass
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ModelError(f"--save {folder}: exists already and isn't empty; name a new folder")


def _data(
    name: str, given: dict[str, str], seed: int, options: Workload, *, download: bool
) -> DataSet:
    """The whole data set, or as much of it as was asked for."""
    from tl_core.data import load_data

    train = options.train_size if "train_size" in given else None
    test = options.test_size if "test_size" in given else None
    return load_data(name, download=download, seed=seed).head(train, test)


def _model(
    data: DataSet, given: dict[str, str], seed: int, options: Workload, *, cache: bool
) -> TransferModel:
    from tl_core.extractor import FeatureExtractor
    from tl_core.transfer import TransferModel

    extractor = FeatureExtractor(
        options.model,
        # The quick workload's smaller images are for its patches.
        image_size=options.image_size if "image_size" in given else None,
        cache=cache,
        **options.network,
    )
    return TransferModel(extractor, data.class_names, seed=seed)


def _fit(
    model: TransferModel,
    data: DataSet,
    *,
    epochs: int,
    fine_tune: int,
    track: Track,
    batch_size: int,
) -> list[float]:
    """The head first; an untrained one would wreck an unfrozen extractor."""
    images, labels = data.train.images, data.train.labels
    losses = model.fit(images, labels, epochs=epochs, batch_size=batch_size, track=track)
    if fine_tune:
        model.unfreeze()
        losses += model.fit(images, labels, epochs=fine_tune, batch_size=batch_size)
    return losses


def _report(
    model: TransferModel,
    data: DataSet,
    answers: NDArray[np.float32],
    *,
    losses: list[float],
    seconds: float,
    track: Track,
) -> dict[str, Any]:
    """What is printed as JSON; ``answers`` are the test images' probabilities."""
    from tl_core.evaluation import evaluation
    from tlbench.report.per_class import as_json, class_results, confusion_matrix, wilson

    result = evaluation(answers, data.test.labels)
    matrix = confusion_matrix(data.test.labels, result.predictions, len(data.class_names))
    summary = model.summary()
    return {
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "classes": list(data.class_names),
        "train_size": len(data.train),
        "test_size": len(data.test),
        "frozen_parameters": summary.frozen,
        "trainable_parameters": summary.trainable,
        "epoch_losses": losses,
        "train_s": seconds,
        "features_kept": model.extractor.cache and track == "cached",
        "test_loss": result.loss,
        "accuracy": result.accuracy,
        "accuracy_interval_95": list(wilson(int(matrix.trace()), len(data.test))),
        "most_common_class": data.majority_rate,
        "per_class": as_json(class_results(matrix, data.class_names)),
        # A row for each true class, a column for each predicted one, both in the classes' order.
        "confusion": matrix.tolist(),
        "report": None,
        "saved": None,
    }


def _facts(
    model: TransferModel,
    report: dict[str, Any],
    asked: dict[str, int],
    options: Workload,
    track: Track,
) -> dict[str, str]:
    """How the model was trained, as the page tells it."""
    extractor = model.extractor
    losses = ", ".join(f"{loss:.3f}" for loss in report["epoch_losses"])
    return {
        "data": report["data"],
        "images": f"{report['train_size']:,} to train, {report['test_size']:,} to test",
        "classes": f"{len(report['classes'])}",
        "model": extractor.handle,
        "run by": f"{extractor.engine}, {extractor.precision}, {extractor.device}",
        "image size": f"{extractor.image_size} pixels",
        **{name: f"{number}" for name, number in asked.items()},
        "batch": f"{options.batch_size} images",
        "track": track,
        "loss of each epoch": losses,
        "training took": f"{report['train_s']:.1f} s",
        "data fingerprint": report["data_fingerprint"],
        "made by": f"tlbench {version('tlbench')}",
    }


def _write_page(
    page: Path,
    model: TransferModel,
    data: DataSet,
    answers: NDArray[np.float32],
    facts: dict[str, str],
) -> None:
    from tlbench.report.training_page import Trained, write_training_page

    paths = getattr(data.test.images, "paths", None)
    trained = Trained(
        class_names=model.class_names,
        images=data.test.images,
        labels=data.test.labels,
        probabilities=answers,
        files=None if paths is None else _within(paths),
        facts=facts,
        majority_rate=data.majority_rate,
    )
    write_training_page(page, trained)


def _within(paths: Sequence[Path]) -> list[str]:
    """Files' names within the folder that has them all: where that lies is nobody's concern."""
    if len(paths) < 2:
        return [path.name for path in paths]
    whole = os.path.commonpath(paths)
    return [path.relative_to(whole).as_posix() for path in paths]


def _text(model: TransferModel, report: dict[str, Any]) -> str:
    low, high = report["accuracy_interval_95"]
    train, test = report["train_size"], report["test_size"]
    kept = " (features that were kept are not extracted again)" * report["features_kept"]
    losses = " → ".join(f"{loss:.3f}" for loss in report["epoch_losses"])
    lines = [
        str(model.summary()),
        f"{report['data']}: {len(report['classes'])} classes, {train:,} + {test:,} images",
        f"trained in {report['train_s']:.1f} s{kept}; loss {losses}",
        f"test accuracy {report['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f}",
        f"(always the most common class: {report['most_common_class']:.4f})",
    ]
    if report["steps"] < FEW_STEPS:
        lines.append(f"only {report['steps']} steps of training: take more --epochs")
    lines += [f"{name}: {report[name]}" for name in ("report", "saved") if report[name]]
    return "\n".join(lines)
