"""The tutorial's whole job, by this suite and by others, each in a fresh process, in turns.

Run as ``python -m bench.studies.whole_job FILE`` with the suite's own options. Ours runs the job at
its full size; the others, which hold every resized image or take minutes, a part of it, and a tenth
of that part: what the images between the two take, each of the job's would take too. Time to
accuracy is measured in the same turns.
"""

from __future__ import annotations

import dataclasses
from statistics import mean
from time import perf_counter
from typing import TYPE_CHECKING

from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from bench.studies.other_procedures import PROCEDURES
from tl_core.devices import set_threads, usable_cpus
from tl_core.extractor import FeatureExtractor
from tl_core.models import resolve
from tl_core.transfer import TransferModel
from tlbench.suite.loaded_workload import open_data
from tlbench.suite.recipes import follow, recipe_for
from tlbench.timing.memory import peak_rss_bytes, reset_peak

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


def other(*, options: Task, who: str, seed: int) -> Task:
    """Another's procedure on as many images as the options say."""
    workload = as_workload(options)
    data = open_data(workload)
    assert workload.image_size is not None  # noqa: S101 - run() looks
    set_threads(workload.threads or usable_cpus())
    reset_peak()
    outcome = PROCEDURES[who](
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
    "other": other,
    "to_accuracy": to_accuracy,
}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """All in turns, then all images."""
    runs: dict[str, list[Task]] = {"ours": [], "to_accuracy": []}
    runs |= {who: [] for who in PROCEDURES}
    workload = as_workload(options)
    if workload.image_size is None:
        raise SystemExit("--image-size: expected one, since other procedures know no model's own")
    has_recipe = recipe_for(open_data(workload)) is not None
    # What is cached, such as the converted model, is made here.
    few = {**options, "train_size": "100", "test_size": "100"}
    run_fresh(MODULE, {"name": "ours", "options": few, "seed": 0})
    if has_recipe:
        run_fresh(MODULE, {"name": "to_accuracy", "options": options, "seed": 0})
    for seed in range(arguments.rounds):
        turns = ["ours", *PROCEDURES, *["to_accuracy"] * has_recipe]
        for who in turns[:: 1 if seed % 2 == 0 else -1]:
            if who in PROCEDURES:
                runs[who].append(_parts(who, options, seed, arguments))
            else:
                runs[who].append(run_fresh(MODULE, {"name": who, "options": options, "seed": seed}))
            print(who, {k: v for k, v in runs[who][-1].items() if k != "recipe"}, flush=True)  # noqa: T201
    whole = {key: text for key, text in options.items() if key != "train_size"}
    every = run_fresh(
        MODULE, {"name": "ours", "options": {**whole, "workload": arguments.whole}, "seed": 0}
    )
    summary = summarize(runs)
    print(summary, every)  # noqa: T201
    return {"runs": runs, "all images": every, "summary": summary}


def _parts(who: str, options: Task, seed: int, arguments: argparse.Namespace) -> Task:
    """Another procedure's run of the part, and of a tenth of that."""
    common = {key: text for key, text in options.items() if key != "engine"}

    def on(train: int, test: int) -> Task:
        part = {**common, "train_size": str(train), "test_size": str(test)}
        return run_fresh(MODULE, {"name": "other", "options": part, "who": who, "seed": seed})

    train, test = arguments.part_train, arguments.part_test
    tenth = on(train // 10, test // 10)
    return {**on(train, test), "tenth": tenth}


def summarize(runs: dict[str, list[Task]]) -> Task:
    """Ratios, round by round: a job of our size at another's pace, beside ours in the same turn."""
    own = [taken(us) for us in runs["ours"]]
    summary: Task = {"ours": {"job_s": own}}
    for who in PROCEDURES:
        pairs = zip(runs["ours"], runs[who], strict=True)
        jobs = [job_seconds(theirs, images_of(us)) for us, theirs in pairs]
        ratios = [job / mine for job, mine in zip(jobs, own, strict=True)]
        summary[who] = {
            "job_s": jobs,
            "images_per_s": [1 / image_seconds(theirs) for theirs in runs[who]],
            "times_faster": ratios,
            "mean": mean(ratios),
        }
        if runs["to_accuracy"]:
            quick = [
                job / each["seconds"] for job, each in zip(jobs, runs["to_accuracy"], strict=True)
            ]
            summary[who] |= {"to_accuracy_times_faster": quick, "to_accuracy_mean": mean(quick)}
    return summary


def taken(run: Task) -> float:
    """Seconds of a whole run."""
    parts = ("load_s", "prepare_s", "train_s", "evaluate_s")
    return float(sum(run.get(part, 0.0) for part in parts))


def images_of(run: Task) -> int:
    """Images that were trained with and judged by."""
    return int(run["train"] + run["test"])


def image_seconds(run: Task) -> float:
    """What each further image takes: the difference of its two runs."""
    tenth = run["tenth"]
    return (taken(run) - taken(tenth)) / (images_of(run) - images_of(tenth))


def job_seconds(run: Task, images: int) -> float:
    """Seconds of a job of so many images, as many of them tested: what is done once counts once."""
    once = taken(run) - image_seconds(run) * images_of(run)
    return once + image_seconds(run) * images


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part-train", type=int, default=3_000, help="the others' training images")
    parser.add_argument("--whole", default="full", help="workload of the run with all images")
    parser.add_argument("--part-test", type=int, default=1_000, help="and test images")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="tutorial")


if __name__ == "__main__":
    main()
