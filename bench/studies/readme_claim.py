"""What the README opens with, in English and Chinese: speed, memory, accuracy, machine, n."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.speed_tables import machine_text
from tl_core.engines.names import ENGINES

if TYPE_CHECKING:
    from collections.abc import Sequence

ENGLISH = (
    "The whole job of a well-known tutorial takes **{seconds} s and {memory:.2f} GB**: from "
    "{train:,} + {test:,} raw images of CIFAR-10, resized from 32 to 224 pixels, to a top-1 "
    "accuracy of {accuracy} with a frozen MobileNetV2 from TensorFlow Hub and one epoch of "
    "`Dense(10)`. That is **{ratio} times as fast** as the tutorial's own procedure (its time is "
    "extrapolated from {part:,} images, for which it needs {their_memory:.1f} GB). The tutorial's "
    "accuracy, {target}, is reached in **{quick} s**, model loading included, with a "
    "{size}-pixel backbone and a closed-form (ridge) head. {machine}; runs alternate, n = {n}, "
    "medians with the range of the runs "
    "([data](results/studies/whole-job.json), [method](docs/engines.md#the-whole-job))."
)
CHINESE = (
    "一个知名教程的完整任务只需 **{seconds} s 和 {memory:.2f} GB 内存**："
    "从 CIFAR-10 的 {train:,} + {test:,} 张原始图像（从 32 像素放大到 224 像素）开始，"
    "用冻结的 MobileNetV2（来自 TensorFlow Hub）提取特征，`Dense(10)` 训练一个 epoch，"
    "top-1 准确率为 {accuracy}。速度是教程自身做法的 **{ratio} 倍**"
    "（教程做法的时间由 {part:,} 张图像外推，仅这些图像就需要 {their_memory:.1f} GB 内存）。"
    "如果只要求达到教程的准确率 {target}，用 {size} 像素输入的骨干网络和闭式解（岭回归）分类头，"
    "连同模型加载共需 **{quick} s**。{machine}；各方案交替运行，n = {n}，"
    "数值为中位数，括号内为各次运行的范围"
    "（[数据](results/studies/whole-job.json)，[方法](docs/engines.md#the-whole-job)）。"
)


@dataclass(frozen=True)
class Range:
    """Values as text: the median, and in brackets the least and the greatest."""

    values: Sequence[float]
    form: str
    word: str

    def __str__(self) -> str:
        low, middle, high = (self.form.format(of(self.values)) for of in (min, median, max))
        return f"{middle} ({low} {self.word} {high})"


def claim(study: dict[str, Any], template: str = ENGLISH, to: str = "to") -> str:
    """The claim from the study of the whole job.

    Args:
        study: What ``results/studies/whole-job.json`` holds.
        template: The sentences.
        to: Between the ends of a range.
    """
    ours, theirs, quick = (study["runs"][who] for who in ("ours", "tutorial", "to_accuracy"))
    summary, machine = study["summary"], study["machine"]
    engine = ours[0]["engine"]
    runtime = ENGINES[engine].package if engine in ENGINES else "tensorflow"
    return template.format(
        seconds=f"{median(summary['ours']['job_s']):,.0f}",
        memory=max(each["peak_rss_bytes"] for each in ours) / 1e9,
        train=ours[0]["train"],
        test=ours[0]["test"],
        accuracy=Range([each["accuracy"] for each in ours], "{:.4f}", to),
        ratio=Range(summary["tutorial"]["times_faster"], "{:.1f}", to),
        part=theirs[0]["train"] + theirs[0]["test"],
        their_memory=max(each["peak_rss_bytes"] for each in theirs) / 1e9,
        target=quick[0]["target"],
        quick=Range([each["seconds"] for each in quick], "{:.1f}", to),
        size=quick[0]["recipe"]["image_size"],
        machine=f"{machine_text(machine)}, {runtime} {machine['packages'][runtime]}",
        n=len(ours),
    )


def chinese_claim(study: dict[str, Any]) -> str:
    """The claim in Chinese."""
    return claim(study, CHINESE, "至")
