"""What ``tlbench train`` says of a training: as JSON, as text, and as the facts of its page."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tl_core.models.handles import public_name
from tlbench.report.training_page import training_page
from tlbench.suite.training import missed_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.suite.training import Training, TrainingJob

#: Steps of Adam below which a head has hardly left where it began: a step moves a weight by about
#: the learning rate, 0.001, and weights begin at up to 0.07 (Glorot's limit for 1,280 features).
FEW_STEPS = 100
#: Losses that are listed; of more, the first and the last.
LISTED = 6


def record(job: TrainingJob, training: Training) -> dict[str, Any]:
    """What is printed as JSON."""
    model, data, counts = training.model, training.data, training.confusion
    summary, extractor = model.summary(), model.extractor
    batches = -(-len(data.train) // job.workload.batch_size)
    return {
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "classes": list(data.class_names),
        "train_size": len(data.train),
        "test_size": len(data.test),
        # Pictures that can't be read, which the sizes don't count.
        "unreadable": dict(zip(("train", "test"), training.unreadable, strict=True)),
        "model": public_name(extractor.handle),
        "model_fingerprint": extractor.fingerprint,
        "engine": extractor.engine,
        "precision": extractor.precision,
        "device": extractor.device,
        "frozen_parameters": summary.frozen,
        "trainable_parameters": summary.trainable,
        "epochs": len(training.losses),
        # "epochs": all that were asked for; "converged"; "limit": the most epochs without one.
        "stopped": _stopped(training),
        "held_out": training.convergence.held_out if training.convergence else None,
        "epoch_losses": training.losses,
        "train_s": training.seconds,
        "features_kept": extractor.cache and job.track == "cached",
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


def facts(job: TrainingJob, training: Training) -> dict[str, str]:
    """How the model was trained, as the page has it."""
    data, extractor = training.data, training.model.extractor
    head_epochs = len(training.losses) - job.fine_tune
    return {
        "data": data.name,
        "images": f"{len(data.train):,} for training, {len(data.test):,} for test",
        "unreadable images": "{} of training, {} of test, left out".format(*training.unreadable),
        "classes": f"{len(data.class_names)}",
        "model": extractor.handle,
        "engine": f"{extractor.engine}, {extractor.precision}, {extractor.device}",
        "image size": f"{extractor.image_size} pixels",
        "epochs": f"{head_epochs}" + " (by held-out images)" * (training.convergence is not None),
        "epochs of fine-tuning": f"{job.fine_tune}",
        "seed": f"{job.seed}",
        "batch size": f"{job.workload.batch_size} images",
        "track": job.track,
        "loss per epoch": _listed(training.losses, ", "),
        "training time": f"{training.seconds:.1f} s",
        "data fingerprint": data.fingerprint,
        "model fingerprint": extractor.fingerprint,
        "tlbench": version("tlbench"),
    }


def page_text(job: TrainingJob, training: Training) -> str:
    """The page of a training, as HTML."""
    data = training.data
    missed = missed_images(data.test, training.result, data.class_names)
    return training_page(facts(job, training), training.confusion, missed, data.majority_rate)


def lines(training: Training, record: dict[str, Any]) -> list[str]:
    """What is printed for a person."""
    low, high = record["accuracy_interval_95"]
    train, test = record["train_size"], record["test_size"]
    reused = "; cached features reused" * training.reused
    saved = [f"{name}: {record[name]}" for name in ("report", "saved") if record[name]]
    return [
        *str(training.model.summary()).splitlines(),
        f"{record['data']}: {len(record['classes'])} classes, {train:,} + {test:,} images",
        f"engine {record['engine']}, {record['precision']}, {record['device']}",
        f"trained in {training.seconds:.1f} s{reused}; loss {_listed(training.losses, ' → ')}",
        *_epochs(training, record),
        (
            f"test accuracy {record['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f} "
            f"({test:,} images)"
        ),
        f"majority-class baseline: {record['most_common_class']:.4f}",
        *saved,
    ]


def _stopped(training: Training) -> str:
    if training.convergence is None:
        return "epochs"
    return "converged" if training.convergence.converged else "limit"


def _epochs(training: Training, record: dict[str, Any]) -> list[str]:
    """Why there were so many epochs, or that there were few."""
    convergence = training.convergence
    if convergence is None:
        few = record["steps"] < FEW_STEPS
        return [f"only {record['steps']} training steps: increase --epochs"] * few
    limit = "" if convergence.converged else ", and still falling at the limit"
    held_out, whole = f"{convergence.held_out:,}", f"{record['train_size']:,}"
    return [
        f"{convergence.epochs} epochs on all {whole} training images: after so many, the loss of",
        f"  {held_out} of them, held out at first, was lowest{limit}",
    ]


def _listed(losses: Sequence[float], between: str) -> str:
    shown = [f"{loss:.3f}" for loss in losses]
    if len(shown) > LISTED:
        shown = [shown[0], "…", shown[-1]]
    return between.join(shown)
