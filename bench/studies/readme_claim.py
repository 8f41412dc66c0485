"""What the README opens with, in English and Chinese: speed, memory, accuracy, machine, n."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.speed_tables import machine_text
from tl_core.engines.names import ENGINES

if TYPE_CHECKING:
    from collections.abc import Sequence

ENGLISH = (
    "The whole job of a well-known tutorial (MobileNetV2 from TensorFlow Hub on CIFAR-10) takes "
    "**{seconds} s and {memory:.2f} GB of peak memory**: from {train:,} training and {test:,} test "
    "images, resized from 32×32 to {side}×{side} pixels, to a top-1 accuracy of {accuracy}, with "
    "the frozen network and one epoch of `Dense(10)`. That is **{ratio} times as fast** as the "
    "tutorial's own procedure (its time is extrapolated from {part:,} images, for which it needs "
    "{their_memory:.1f} GB). The tutorial's accuracy, {target}, is reached in **{quick} s**, model "
    "loading included, with another network ({model} at {size} pixels), {images:,} training images "
    "and a closed-form (ridge) head. {machine}; runs alternate, n = {n}, medians with the range of "
    "the runs ([data](results/studies/whole-job.json), "
    "[method](docs/engines.md#the-whole-job)). To repeat it: "
    "`TLBENCH_DOWNLOAD=1 python -m bench.studies.whole_job FILE --engine {engine}`."
)
CHINESE = (
    "一个知名教程（用 TensorFlow Hub 的 MobileNetV2 对 CIFAR-10 图像分类）的完整任务"
    "**耗时 {seconds} s，峰值内存 {memory:.2f} GB**："
    "使用 {train:,} 张训练图像和 {test:,} 张测试图像（由 32×32 放大到 {side}×{side} 像素），"
    "网络冻结，`Dense(10)` 训练一个 epoch，top-1 准确率为 {accuracy}。"
    "速度是教程原始实现的 **{ratio}倍**"
    "（教程原始实现的时间由 {part:,} 张图像外推，仅这些图像就需要 {their_memory:.1f} GB 内存）。"
    "如果只要求达到教程的准确率 {target}，可换用另一个网络"
    "（{model}，输入尺寸为 {size} 像素的骨干网络）、{images:,} 张训练图像"
    "和采用闭式解的岭回归分类头，连同模型加载共需 **{quick}s**。"
    "{machine}；各方案交替运行，n = {n}，数值为中位数，括号内为各次运行的范围"
    "（[数据](results/studies/whole-job.json)，[方法](docs/engines.md#the-whole-job)）。"
    "复现命令：`TLBENCH_DOWNLOAD=1 python -m bench.studies.whole_job FILE --engine {engine}`。"
)
#: A median, the least and the greatest value.
ENGLISH_RANGE = "{1} ({0} to {2})"
CHINESE_RANGE = "{1}（{0} 至 {2}）"
#: Models as their authors write them.
MODELS = {"efficientnet-lite0": "EfficientNet-Lite0"}


def value_range(values: Sequence[float], form: str, template: str) -> str:
    """Values as text by ``ENGLISH_RANGE`` or ``CHINESE_RANGE``, each in the form of a number."""
    return template.format(*(form.format(of(values)) for of in (min, median, max)))


def claim(study: dict[str, Any], template: str = ENGLISH, form: str = ENGLISH_RANGE) -> str:
    """The claim from the study of the whole job.

    Args:
        study: What ``results/studies/whole-job.json`` holds.
        template: The sentences.
        form: How a range is written.
    """
    ours, theirs, quick = (study["runs"][who] for who in ("ours", "tutorial", "to_accuracy"))
    summary, machine, recipe = study["summary"], study["machine"], quick[0]["recipe"]
    engine = ours[0]["engine"]
    runtime = ENGINES[engine].package if engine in ENGINES else "tensorflow"
    return template.format(
        seconds=f"{median(summary['ours']['job_s']):,.0f}",
        memory=max(each["peak_rss_bytes"] for each in ours) / 1e9,
        train=ours[0]["train"],
        test=ours[0]["test"],
        accuracy=value_range([each["accuracy"] for each in ours], "{:.4f}", form),
        ratio=value_range(summary["tutorial"]["times_faster"], "{:.1f}", form),
        part=theirs[0]["train"] + theirs[0]["test"],
        their_memory=max(each["peak_rss_bytes"] for each in theirs) / 1e9,
        target=quick[0]["target"],
        quick=value_range([each["seconds"] for each in quick], "{:.1f}", form),
        side=study["options"]["image_size"],
        model=MODELS[recipe["model"]],
        size=recipe["image_size"],
        images=recipe["train_size"],
        machine=f"{machine_text(machine)}, {runtime} {machine['packages'][runtime]}",
        n=len(ours),
        engine=engine,
    )


def chinese_claim(study: dict[str, Any]) -> str:
    """The claim in Chinese."""
    return claim(study, CHINESE, CHINESE_RANGE)
