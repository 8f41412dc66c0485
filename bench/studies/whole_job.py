"""The tutorial's whole job, by this suite and by others, each in a fresh process, in turns.

Run as ``python -m bench.studies.whole_job FILE`` with the suite's own options. Ours runs the job at
its full size; the others, which hold every resized image or take minutes, a part of it, so that
rates are compared. Time to accuracy is measured in the same turns.
"""

from __future__ import annotations

import dataclasses
from statistics import mean
from time import perf_counter
from typing import TYPE_CHECKING

from bench.job import open_data
from bench.measure.memory import peak_rss_bytes, reset_peak
from bench.recipes import follow, recipe_for
from bench.rivals import RIVALS
from bench.studies.fresh import Task, as_workload, run_fresh, study
from tl_core.devices import set_threads, usable_cpus
from tl_core.extractor import FeatureExtractor
from tl_core.models import resolve
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

MODULE = "bench.studies.whole_job"


def ours(*, options: Task, seed: int) -> Task:
    """One epoch with recomputed features, then evaluation; everything from the model on counts."""
    workload = as_workload(options)
    data = open_data(workload)
    reset_peak()
    start = perf_counter()
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size, **workload.network)
    loaded = perf_counter()
    model = TransferModel(extractor, data.class_names, seed=seed)
    model.fit(data.train.images, data.train.labels, batch_size=workload.batch_size)
    trained = perf_counter()
    accuracy = model.evaluate(data.test.images, data.test.labels).accuracy
    end = perf_counter()
    return {
        "engine": extractor.engine,
        "train": len(data.train),
        "test": len(data.test),
        "load_s": loaded - start,
        "train_s": trained - loaded,
        "evaluate_s": end - trained,
        "accuracy": accuracy,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def rival(*, options: Task, who: str, seed: int) -> Task:
    """Another's procedure at the sizes that the options have."""
    workload = as_workload(options)
    data = open_data(workload)
    assert workload.image_size is not None  # noqa: S101 - run() looks
    set_threads(workload.threads or usable_cpus())
    reset_peak()
    outcome = RIVALS[who](
        resolve(workload.model, "features"),
        data,
        size=workload.image_size,
        batch_size=workload.batch_size,
        seed=seed,
    )
    return {
        **dataclasses.asdict(outcome),
        "train": len(data.train),
        "test": len(data.test),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def to_accuracy(*, options: Task, seed: int) -> Task:
    """The recipe of the job: from raw images in memory to a judged model, everything counted."""
    workload = as_workload(options)
    data = open_data(workload)
    recipe = recipe_for(data)
    assert recipe is not None  # noqa: S101 - run() looks
    reset_peak()
    start = perf_counter()
    result, _ = follow(recipe, data, seed, workload.network)
    return {
        "seconds": perf_counter() - start,
        "accuracy": result.accuracy,
        "target": recipe.target,
        "recipe": dataclasses.asdict(recipe),
        "peak_rss_bytes": peak_rss_bytes(),
    }


TASKS: dict[str, Callable[..., Task]] = {
    "ours": ours,
    "rival": rival,
    "to_accuracy": to_accuracy,
}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """All in turns, then all images."""
    part = {
        **options,
        "train_size": str(arguments.part_train),
        "test_size": str(arguments.part_test),
    }
    part.pop("engine", None)
    found: dict[str, list[Task]] = {"ours": [], "to_accuracy": [], **{who: [] for who in RIVALS}}
    workload = as_workload(options)
    if workload.image_size is None:
        raise SystemExit("--image-size: expected one, since other procedures know no model's own")
    has_recipe = recipe_for(open_data(workload)) is not None
    if has_recipe:  # what is made once and kept, such as the converted model, is made here
        run_fresh(MODULE, {"name": "to_accuracy", "options": options, "seed": 0})
    for seed in range(arguments.rounds):
        tasks: list[Task] = [
            {"name": "ours", "options": options},
            *({"name": "rival", "options": part, "who": who} for who in RIVALS),
        ]
        if has_recipe:
            tasks.append({"name": "to_accuracy", "options": options})
        for task in tasks[:: 1 if seed % 2 == 0 else -1]:
            who = str(task.get("who", task["name"]))
            found[who].append(run_fresh(MODULE, {**task, "seed": seed}))
            print(who, {k: v for k, v in found[who][-1].items() if k != "recipe"}, flush=True)  # noqa: T201
    whole = {key: text for key, text in options.items() if key != "train_size"}
    every = run_fresh(
        MODULE, {"name": "ours", "options": {**whole, "workload": arguments.whole}, "seed": 0}
    )
    summary = summarize(found)
    print(summary, every)  # noqa: T201
    return {"runs": found, "all images": every, "summary": summary}


def summarize(found: dict[str, list[Task]]) -> Task:
    """Rates and ratios, round by round: each of ours beside the rival's of the same turn."""
    told: Task = {}
    for who in RIVALS:
        pairs = list(zip(found["ours"], found[who], strict=True))
        ratios = [_seconds(theirs, us) / _seconds(us, us) for us, theirs in pairs]
        told[who] = {"times_faster": ratios, "mean": mean(ratios)}
        if found["to_accuracy"]:
            quick = [
                _seconds(theirs, us) / each["seconds"]
                for (us, theirs), each in zip(pairs, found["to_accuracy"], strict=True)
            ]
            told[who] |= {"to_accuracy_times_faster": quick, "to_accuracy_mean": mean(quick)}
    return told


def _seconds(run: Task, size: Task) -> float:
    """Seconds that a job of this size takes at a run's rates; loading counts once."""
    prepared = run.get("prepare_s", 0.0) / (run["train"] + run["test"])
    return float(
        run.get("load_s", 0.0)
        + prepared * (size["train"] + size["test"])
        + run["train_s"] / run["train"] * size["train"]
        + run["evaluate_s"] / run["test"] * size["test"]
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part-train", type=int, default=1_000, help="the others' training images")
    parser.add_argument("--whole", default="full", help="workload of the run with all images")
    parser.add_argument("--part-test", type=int, default=500, help="and test images")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="tutorial")


if __name__ == "__main__":
    main()
