"""Tables of the speed studies, which ``python -m bench.studies.guide_tables`` puts in the guide."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import cell_line, heading, of_study, range_text
from tlbench.report.table import gigabytes, seconds, share
from tlbench.suite.precision import LEAST_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Study = dict[str, Any]

#: What the procedures of the whole job are called.
PROCEDURES = {
    "ours": "this suite",
    "keras": "Keras's guides",
    "tutorial": "the tutorial's procedure",
}


def engines(study: Study) -> str:
    """Speed, nearness to the reference engine, start and memory of each engine."""
    lines = heading("engine", "images/s", "network only", "of the peak", "cosine",
                    "top-1 agreement", "load", "first call", "memory", "n")  # fmt: skip
    peak = median(each["gflops_per_s"] for each in study["peak"])
    effort = study["peak"][0]["gflop_an_image"]
    for name, runs in study["engines"].items():
        if "refused" in runs[0]:
            lines.append(cell_line([name, f"refused: {runs[0]['refused']}", *[""] * 8]))
            continue
        rate = _middle(runs, "images_per_s")
        figures = [
            _between(runs, "images_per_s", "{:,.0f}"),
            f"{_middle(runs, 'prepared_per_s'):,.0f}",
            f"{rate * effort / peak:.0%}",
            "reference" if runs[0]["cosine"] is None else f"{_least(runs, 'cosine'):.6f}",
            "" if runs[0]["cosine"] is None else share(_least(runs, "top1_agreement")),
            seconds(_middle(runs, "load_s")),
            seconds(_middle(runs, "first_call_s")),
            gigabytes(int(_middle(runs, "peak_rss_bytes"))),
        ]
        lines.append(cell_line([name, *figures, str(len(runs))]))
    return "\n".join(
        [*lines, "", *_best_rate(study, peak, effort), *_accuracy_kept(study), measured_on(study)]
    )


def _accuracy_kept(study: Study) -> Iterable[str]:
    """What lower precisions keep of the accuracy, and whether that is enough."""
    for name, kept in study["accuracy kept"].items():
        if "refused" in kept:
            continue
        decision = "admitted" if kept["share"] >= LEAST_SHARE else "refused"
        yield (
            f"{name} keeps {kept['share']:.1%} of the reference engine's accuracy "
            f"({share(kept['accuracy'])} of {share(kept['reference'])}): {decision}."
        )


def _best_rate(study: Study, peak: float, effort: float) -> Iterable[str]:
    """Extraction from raw images beside the highest rate of the network alone, by any tool."""
    exact = {name: runs for name, runs in study["engines"].items() if name.endswith("fp32")}
    ours = {name: _middle(runs, "images_per_s") for name, runs in exact.items()}
    bare = {name: _middle(runs, "prepared_per_s") for name, runs in exact.items()}
    tool = [each["images_per_s"] for each in study["openvino benchmark_app"]]
    if tool:
        bare["OpenVINO's `benchmark_app`"] = median(tool)
    best, fastest = max(ours, key=ours.__getitem__), max(bare, key=bare.__getitem__)
    yield (
        f"The matrix-multiply peak measured in the same minutes is {peak:,.0f} GFLOP/s; one image "
        f"takes {effort:.3g} GFLOP. From raw images, {best} reaches "
        f"{ours[best] / bare[fastest]:.1%} of the highest network-only rate, that of {fastest}: "
        f"{bare[fastest]:,.0f} images/s"
        + (f" (OpenVINO's `benchmark_app`: {median(tool):,.0f})." if tool else ".")
    )


def resizing(study: Study) -> str:
    """Rates beside Pillow's on one thread, and how many pixels differ."""
    lines = heading("filter", "images/s", "Pillow", "times as fast", "values that differ", "n")
    for name, measured in study["filters"].items():
        runs, exact = measured["runs"], measured["exact"]
        of = exact["images"] * exact["size"] ** 2 * 3
        figures = [
            f"{_middle(runs, 'ours_per_s'):,.0f}",
            f"{_middle(runs, 'pillow_per_s'):,.0f}",
            _between(runs, "times_faster", "{:.1f}"),
            f"{exact['values_that_differ']} of {of:,}",
        ]
        lines.append(cell_line([name, *figures, str(len(runs))]))
    runs = study["extraction"]
    gain = (
        f"With {runs[0]['engine']}, extraction is {_between(runs, 'times_faster', '{:.2f}')} times "
        f"as fast as with Pillow ({len(runs)} processes, {runs[0]['n']} turns each)."
    )
    return "\n".join([*lines, "", gain, measured_on(study)])


def whole_job(study: Study) -> str:
    """The tutorial's job by each procedure, and time to accuracy."""
    lines = heading("procedure", "images", "seconds", "images/s", "times as fast", "top-1",
                  "memory", "n")  # fmt: skip
    for who, name in PROCEDURES.items():
        runs, summary = study["runs"][who], study["summary"][who]
        images = runs[0]["train"] + runs[0]["test"]
        seconds_of = summary["job_s"] if who == "ours" else [_seconds(each) for each in runs]
        figures = [
            f"{runs[0]['train']:,} + {runs[0]['test']:,}",
            f"{median(seconds_of):,.1f}",
            range_text(
                summary.get("images_per_s") or [images / each for each in summary["job_s"]],
                "{:,.0f}",
            ),
            range_text(summary["times_faster"], "{:.1f}") if "times_faster" in summary else "",
            _between(runs, "accuracy", "{:.4f}"),
            gigabytes(max(each["peak_rss_bytes"] for each in runs)),
        ]
        lines.append(cell_line([name, *figures, str(len(runs))]))
    return "\n".join([*lines, "", *_peak_and_target(study), measured_on(study)])


def _seconds(run: Study) -> float:
    return float(run["prepare_s"] + run["train_s"] + run["evaluate_s"])


def _peak_and_target(study: Study) -> Iterable[str]:
    """Memory with all training images, and the time to the target accuracy."""
    every, quick = study["all images"], study["runs"]["to_accuracy"]
    yield (
        f"With all {every['train']:,} training images, this suite's peak memory is "
        f"{gigabytes(every['peak_rss_bytes'])} at a top-1 accuracy of {share(every['accuracy'])}."
    )
    if quick:
        recipe, ratios = quick[0]["recipe"], study["summary"]["tutorial"]
        yield (
            f"A top-1 accuracy of {quick[0]['target']} on all {recipe['test_size']:,} test images "
            f"takes {_between(quick, 'seconds', '{:.1f}')} s from raw images, model loading "
            f"included; {_between(quick, 'accuracy', '{:.4f}')} is reached. That is "
            f"{range_text(ratios['to_accuracy_times_faster'], '{:.0f}')} times as fast as the "
            f"tutorial's procedure for its {study['runs']['ours'][0]['train']:,} + "
            f"{study['runs']['ours'][0]['test']:,} images at its rate (n = {len(quick)}; "
            f"{recipe['model']} at {recipe['image_size']} pixels, {recipe['train_size']:,} images, "
            f"a ridge head with penalty {recipe['strength']:g})."
        )


def heads(study: Study) -> str:
    """Accuracies by Keras's training of the head and by ours, and what the difference can be."""
    keras, ours = study["by_keras"]["top1"], study["by_us"]["top1"]
    means = 100 * study["difference"]["means"]
    low, high = (100 * each for each in study["difference"]["interval_95"])
    return (
        f"{len(keras)} seeds each: top-1 accuracy is {range_text(keras, '{:.4f}')} with Keras's "
        f"fit on the reference engine's features, and {range_text(ours, '{:.4f}')} with this "
        f"suite's head on those of {study['by_us']['engine']}. The means differ by {means:+.2f} "
        f"points (95 % interval {low:+.2f} to {high:+.2f}). {measured_on(study)}"
    )


def feature_cache(study: Study) -> str:
    """How much faster cached features are read than extracted."""
    first, again = study["extracted"], study["read"]
    return (
        f"{first['images']:,} images: extraction takes {seconds(first['seconds'])}; reading the "
        f"cached features takes {_between(again, 'seconds', '{:.3f}')} s, every checksum verified: "
        f"{range_text(study['times_faster'], '{:,.0f}')} times as fast (n = {len(again)}). "
        f"{measured_on(study)}"
    )


def measured_on(study: Study) -> str:
    """The machine and its software, in a sentence."""
    return f"Measured on {machine_text(study['machine'])}."


def machine_text(machine: Study) -> str:
    """The processor, how many CPUs, TensorFlow's version."""
    return (
        f"{machine['cpu']}, {machine['cpus_usable']} CPUs, "
        f"TensorFlow {machine['packages']['tensorflow']}"
    )


def _middle(runs: Sequence[Study], key: str) -> float:
    return median(float(each[key]) for each in runs)


def _least(runs: Sequence[Study], key: str) -> float:
    return min(float(each[key]) for each in runs)


def _between(runs: Sequence[Study], key: str, form: str) -> str:
    return range_text([float(each[key]) for each in runs], form)


GUIDE = "docs/engines.md"
TABLES: dict[str, tuple[str, Callable[[Study], str]]] = {
    "engines": ("engines.json", engines),
    "resizing": ("resizing.json", resizing),
    "whole job": ("whole-job.json", whole_job),
    "heads": ("heads.json", heads),
    "cached features": ("feature-cache.json", feature_cache),
}
BLOCKS = tuple(of_study(name, file, table) for name, (file, table) in TABLES.items())
