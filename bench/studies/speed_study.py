"""Tables of the speed studies: ``python -m bench.studies.speed_study`` puts them in the guide."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.blocks import Block, cell_line, rewrite
from bench.studies.readme import runtime_text
from tl_core.engines.names import ENGINES
from tlbench.report.table import gigabytes, seconds, share
from tlbench.suite.precision import LEAST_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Study = dict[str, Any]

GUIDE = Path("docs/engines.md")
#: What the procedures of the whole job are called.
PROCEDURES = {
    "ours": "this suite",
    "keras": "Keras, as its guides have it",
    "tutorial": "the tutorial's procedure",
}


def engines(study: Study) -> str:
    """Speed, nearness to the reference, start and memory of each engine."""
    lines = _head("engine", "images/s", "prepared", "of the peak", "cosine", "top-1 agreement",
                  "load", "first call", "memory", "n")  # fmt: skip
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
    return "\n".join([*lines, "", *_rawest(study, peak, effort), *_kept(study), measured_on(study)])


def _kept(study: Study) -> Iterable[str]:
    """What lower precision keeps of the accuracy, and whether that is enough."""
    for name, found in study["accuracy kept"].items():
        if "refused" in found:
            continue
        enough = "admitted" if found["share"] >= LEAST_SHARE else "refused"
        yield (
            f"{name} keeps {found['share']:.1%} of the accuracy of the reference's features "
            f"({share(found['accuracy'])} of {share(found['reference'])}), and is {enough}."
        )


def _rawest(study: Study, peak: float, effort: float) -> Iterable[str]:
    """Extraction from raw images beside the best that any tool reports for the bare network."""
    exact = {name: runs for name, runs in study["engines"].items() if name.endswith("fp32")}
    ours = {name: _middle(runs, "images_per_s") for name, runs in exact.items()}
    bare = {name: _middle(runs, "prepared_per_s") for name, runs in exact.items()}
    told = [each["images_per_s"] for each in study["openvino benchmark_app"]]
    if told:
        bare["OpenVINO's `benchmark_app`"] = median(told)
    best, rawest = max(ours, key=ours.__getitem__), max(bare, key=bare.__getitem__)
    yield (
        f"The matrix-multiply peak of the same minutes is {peak:,.0f} GFLOP/s, and an image takes "
        f"{effort:.3g} GFLOP. From raw images {best} reaches {ours[best] / bare[rawest]:.1%} of "
        f"the best rate of a bare network, which is that of {rawest}: {bare[rawest]:,.0f} images/s"
        + (f" (`benchmark_app`: {median(told):,.0f})." if told else ".")
    )


def resizing(study: Study) -> str:
    """Rates beside Pillow's on one thread, and whether pixels are its."""
    lines = _head("filter", "images/s", "Pillow", "times as fast", "values that differ", "n")
    for name, found in study["filters"].items():
        runs, exact = found["runs"], found["exact"]
        of = exact["images"] * exact["size"] ** 2 * 3
        figures = [
            f"{_middle(runs, 'ours_per_s'):,.0f}",
            f"{_middle(runs, 'pillow_per_s'):,.0f}",
            _between(runs, "times_faster", "{:.1f}"),
            f"{exact['values_that_differ']} of {of:,}",
        ]
        lines.append(cell_line([name, *figures, str(len(runs))]))
    runs = study["extraction"]
    gained = (
        f"Extraction by {runs[0]['engine']} is {_between(runs, 'times_faster', '{:.2f}')} times as "
        f"fast as with Pillow in its place ({len(runs)} processes, {runs[0]['n']} turns each)."
    )
    return "\n".join([*lines, "", gained, measured_on(study)])


def whole_job(study: Study) -> str:
    """The tutorial's job by each procedure, and time to accuracy."""
    lines = _head("procedure", "images", "seconds", "images/s", "times as fast", "top-1",
                  "memory", "n")  # fmt: skip
    for who, name in PROCEDURES.items():
        runs, told = study["runs"][who], study["summary"][who]
        images = runs[0]["train"] + runs[0]["test"]
        seconds_of = told["job_s"] if who == "ours" else [_seconds(each) for each in runs]
        figures = [
            f"{runs[0]['train']:,} + {runs[0]['test']:,}",
            f"{median(seconds_of):,.1f}",
            range_text(
                told.get("images_per_s") or [images / each for each in told["job_s"]], "{:,.0f}"
            ),
            range_text(told["times_faster"], "{:.1f}") if "times_faster" in told else "",
            _between(runs, "accuracy", "{:.4f}"),
            gigabytes(max(each["peak_rss_bytes"] for each in runs)),
        ]
        lines.append(cell_line([name, *figures, str(len(runs))]))
    return "\n".join([*lines, "", *_told(study), measured_on(study)])


def _seconds(rival: Study) -> float:
    return float(rival["prepare_s"] + rival["train_s"] + rival["evaluate_s"])


def _told(study: Study) -> Iterable[str]:
    every, quick = study["all images"], study["runs"]["to_accuracy"]
    yield (
        f"With all {every['train']:,} training images this suite's peak is "
        f"{gigabytes(every['peak_rss_bytes'])}, at a top-1 of {share(every['accuracy'])}."
    )
    if quick:
        recipe, ratios = quick[0]["recipe"], study["summary"]["tutorial"]
        yield (
            f"To a top-1 of {quick[0]['target']} on all {recipe['test_size']:,} test images: "
            f"{_between(quick, 'seconds', '{:.1f}')} s from raw images, model loading included, "
            f"with {_between(quick, 'accuracy', '{:.4f}')}; "
            f"{range_text(ratios['to_accuracy_times_faster'], '{:.0f}')} times as fast as the "
            f"tutorial's procedure would do its job of {study['runs']['ours'][0]['train']:,} + "
            f"{study['runs']['ours'][0]['test']:,} images at its rates (n = {len(quick)}; "
            f"{recipe['model']} at {recipe['image_size']} pixels, {recipe['train_size']:,} images, "
            f"a ridge head of strength {recipe['strength']:g})."
        )


def heads(study: Study) -> str:
    """Accuracies by Keras's training of the head and by ours, and what the difference can be."""
    keras, ours = study["by_keras"]["top1"], study["by_us"]["top1"]
    means = 100 * study["difference"]["means"]
    low, high = (100 * each for each in study["difference"]["interval_95"])
    return (
        f"{len(keras)} seeds each: by Keras's own fit on the reference engine's features "
        f"{range_text(keras, '{:.4f}')}, by this suite on those of {study['by_us']['engine']} "
        f"{range_text(ours, '{:.4f}')}. The means differ by {means:+.2f} points, with a 95 % "
        f"interval of {low:+.2f} to {high:+.2f}. {measured_on(study)}"
    )


def claim(study: Study) -> str:
    """What the README opens with: speed, memory, accuracy, on what, and n."""
    ours, told, machine = study["runs"]["ours"], study["summary"]["tutorial"], study["machine"]
    quick, theirs = study["runs"]["to_accuracy"], study["runs"]["tutorial"]
    taken = study["summary"]["ours"]["job_s"]
    packages = machine["packages"]
    engine = ours[0]["engine"]
    runtime = f", {runtime_text(engine, packages)}" * (ENGINES[engine].runtime is not None)
    return (
        f"The job of a well-known tutorial ({ours[0]['train']:,} + {ours[0]['test']:,} images of "
        f"CIFAR-10 resized from 32 to 224 pixels, MobileNetV2 from TensorFlow Hub, frozen, "
        f"`Dense(10)`, one epoch) takes **{median(taken):,.0f} s and "
        f"{max(each['peak_rss_bytes'] for each in ours) / 1e9:.2f} GB** from raw images to "
        f"{range_text([each['accuracy'] for each in ours], '{:.4f}')} top-1: "
        f"**{range_text(told['times_faster'], '{:.1f}')} times as fast** as the tutorial's own "
        f"procedure, which took {max(each['peak_rss_bytes'] for each in theirs) / 1e9:.1f} GB for "
        f"{theirs[0]['train'] + theirs[0]['test']:,} of these images. The tutorial's 76.57 % are "
        f"reached in **{_between(quick, 'seconds', '{:.1f}')} s**, model loading included, by a "
        f"shorter way: {range_text(told['to_accuracy_times_faster'], '{:.0f}')} times as fast. "
        f"{machine_text(machine)}{runtime}, both sides in turns, n = {len(ours)} "
        f"([whole-job.json](results/studies/whole-job.json), "
        f"[how](docs/engines.md#the-whole-job))."
    )


def feature_cache(study: Study) -> str:
    """How much faster kept features are read than extracted."""
    first, again = study["extracted"], study["read"]
    return (
        f"Of {first['images']:,} images: extracted in {seconds(first['seconds'])}, read again in "
        f"{_between(again, 'seconds', '{:.3f}')} s, every checksum compared: "
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


def _head(*names: str) -> list[str]:
    return [cell_line(names), cell_line(["---", *["---:"] * (len(names) - 1)])]


def _middle(runs: Sequence[Study], key: str) -> float:
    return median(float(each[key]) for each in runs)


def _least(runs: Sequence[Study], key: str) -> float:
    return min(float(each[key]) for each in runs)


def _between(runs: Sequence[Study], key: str, form: str) -> str:
    return range_text([float(each[key]) for each in runs], form)


def range_text(values: Sequence[float], form: str) -> str:
    """The median, and in brackets the least and the greatest."""
    low, middle, high = (form.format(each(values)) for each in (min, median, max))
    return middle if low == high else f"{middle} ({low} to {high})"


TABLES: dict[str, tuple[str, Callable[[Study], str]]] = {
    "engines": ("engines.json", engines),
    "resizing": ("resizing.json", resizing),
    "whole job": ("whole-job.json", whole_job),
    "heads": ("heads.json", heads),
    "kept features": ("feature-cache.json", feature_cache),
}
BLOCKS = tuple(Block(name, file, table) for name, (file, table) in TABLES.items())
README = Path("README.md")
CLAIM = (Block("claim", "whole-job.json", claim),)


def main() -> None:
    """Rewrite the guide and the README in this folder."""
    rewrite(GUIDE, BLOCKS)
    rewrite(README, CLAIM)


if __name__ == "__main__":
    main()
