"""``tlbench train``."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from bench.quiet import import_tensorflow
from tl_core.errors import ModelError

if TYPE_CHECKING:
    from bench.workloads import Workload
    from tl_core.data import DataSet
    from tl_core.transfer import Track, TransferModel


def run(
    *,
    data: str,
    epochs: int,
    fine_tune: int,
    seed: int,
    track: Track,
    save: str | None,
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
    if save:
        _check_target(Path(save))
    import_tensorflow(options.device)
    images = _data(data, given, seed, options, download=download)
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
    result = model.evaluate(images.test.images, images.test.labels, batch_size=options.batch_size)
    correct = int((result.predictions == images.test.labels).sum())
    report = _report(
        model,
        images,
        losses=losses,
        seconds=seconds,
        correct=correct,
        test_loss=result.loss,
        track=track,
    )
    if save:
        model.save(save)
        report["saved"] = save
    click.echo(json.dumps(report, indent=1) if as_json else _text(model, report))
    if min_accuracy is not None and report["accuracy"] < min_accuracy:
        click.echo(f"accuracy {report['accuracy']:.4f} is below {min_accuracy}", err=True)
        raise SystemExit(1)


def _check_target(folder: Path) -> None:
    """Find out before training whether the model can be saved there.

    Raises:
        ModelError: The folder holds something.
        OSError: It can't be made.
    """
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
    *,
    losses: list[float],
    seconds: float,
    correct: int,
    test_loss: float,
    track: Track,
) -> dict[str, Any]:
    from scipy.stats import binomtest

    interval = binomtest(correct, len(data.test)).proportion_ci(0.95, method="wilson")
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
        "test_loss": test_loss,
        "accuracy": correct / len(data.test),
        "accuracy_interval_95": [interval.low, interval.high],
        "most_common_class": data.majority_rate,
        "saved": None,
    }


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
    return "\n".join([*lines, *([f"saved: {report['saved']}"] if report["saved"] else [])])
