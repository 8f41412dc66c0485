"""The result row: one benchmark's part of a result file, pytest-benchmark's ``extra_info``.

Everything that reads, writes or checks result files does so by this type, and the published
schema is made from it. What doesn't apply to a benchmark is null. What isn't known yet is absent
in the file and None here, such as all that version 1 of the format lacks. Fields that a later
version adds are ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

from tlbench.figures import Amount, Count, Positive, Share, Whole
from tlbench.machine.noise_sample import NoiseSample
from tlbench.timing.quality import Label

Stage = Literal[
    "decode", "resize", "extract", "train", "evaluate", "classify", "pipeline", "time_to_accuracy",
    "scaling",
]  # fmt: skip
#: How a stage gets its features: in each epoch, once before, or in each epoch from picture files.
#: Of scaling, whether more workers share the same images, or each has as many.
Track = Literal["recompute", "cached", "files", "strong", "weak"]
#: In the order in which they happen, are measured and are shown.
STAGES: tuple[Stage, ...] = get_args(Stage)
#: Fields that runs of the same job have in common, so that their speeds may stand side by side.
#: The track isn't here: it is part of a benchmark's name.
JOB = (
    *("workload", "model", "model_fingerprint", "data", "data_fingerprint", "precision"),
    *("image_size", "batch_size", "train_size", "test_size"),
)
#: Fields that tell two setups of a machine apart: these are what one compares on purpose.
SETUP = ("engine", "device", "threads")
#: The stage that has the sizes of its own recipe, so that ``JOB`` is read from another one.
OWN_RECIPE = "time_to_accuracy"

Text = Annotated[str, msgspec.Meta(min_length=1)]
#: Too long to be matched in each of many files: ``tlbench check`` decodes it.
Base64 = Annotated[
    str, msgspec.Meta(extra_json_schema={"pattern": "^[A-Za-z0-9+/]+={0,2}$"}, min_length=1)
]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
#: A run of an hour with rounds of a second has fewer.
MOST_ROUNDS = 10_000


class Noise(msgspec.Struct, frozen=True):
    """What a row says of its own rounds.

    Attributes:
        verdict: The rounds' timing quality.
        reasons: Why they aren't steady, a sentence each.
        seen: Sum of what was sampled during the timed rounds; null where nothing was.
    """

    verdict: Label
    reasons: tuple[Text, ...]
    seen: NoiseSample | None


class Round(msgspec.Struct, frozen=True):
    """One round.

    Attributes:
        order: Its position among all rounds, from 0.
        timed: Whether it counts: false for a warm-up, and for a throttled one beside others.
        started_at: Unix time in seconds.
        unfinished_s: The part of it that passed after the stage had returned.
        noise: What was sampled meanwhile; null where nothing was.
        joules: Energy of the round; null where the machine doesn't count it.
        throttled: What held a GPU's clock down meanwhile; null where that isn't known.
        idle_joules: What the idle machine would have used meanwhile; null where that isn't known.
    """

    order: Whole
    timed: bool
    started_at: Positive
    seconds: Positive
    unfinished_s: Amount
    noise: NoiseSample | None
    joules: Amount | None
    throttled: tuple[Text, ...] | None = None
    idle_joules: Amount | None = None


class CpuTime(msgspec.Struct, frozen=True):
    """CPU seconds that workers have per image, threads times time, by what they go to.

    Attributes:
        read: Reading files, and hashing their bytes.
        decode: Decoding pictures.
        resize: Resizing them.
        network: The network, and all else in the workers' processes.
        write: Making shards and writing them.
        waiting: No CPU was used while a worker had a shard: storage, a GPU, other processes.
        scheduling: A worker had no shard: at the begin, between shards, and at the end.
    """

    read: Amount
    decode: Amount
    resize: Amount
    network: Amount
    write: Amount
    waiting: Amount
    scheduling: Amount


class Scaling(msgspec.Struct, frozen=True):
    """A row's work on some of its GPUs, or by some workers of a cluster.

    Attributes:
        devices: How many of them; each has the same chunk and the same number of threads.
        images_per_s: Median throughput.
        efficiency: That as a share of so many times the throughput of one.
        images: That they extracted; absent of GPUs, as all further fields.
        threads: Of each worker.
        start_s: Median seconds until all workers had opened the model and run it once, which
            aren't part of the throughput.
        cpu_time: Where their time went, in the turn of that throughput.
    """

    devices: Count
    images_per_s: Positive
    efficiency: Positive
    images: Count | None = None
    threads: Count | None = None
    start_s: Positive | None = None
    cpu_time: CpuTime | None = None

    @property
    def shares(self) -> dict[str, float]:
        """What CPU time went to, as shares that add up to 1; empty where it isn't known."""
        parts = msgspec.structs.asdict(self.cpu_time) if self.cpu_time else {}
        return {name: part / sum(parts.values()) for name, part in parts.items() if part}


class FurtherTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A higher accuracy than a time-to-accuracy row's own target.

    Attributes:
        target: Top-1 on all test images.
        model: Of the recipe that reaches it; where none does, of the best that was tried.
        image_size: Its, in pixels.
        held_out: Its accuracy on training images that were held out.
        seconds: Time to the target, once; null where no recipe reaches it.
        accuracy: On the test images then.
    """

    target: Share
    model: Text
    image_size: Count
    held_out: Share
    seconds: Positive | None = None
    accuracy: Share | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A test image with its prediction.

    Attributes:
        image: JPEG as base64.
        label: The image's class; absent where that isn't known.
        predicted: The class that the model named.
        probability: What the model gave to that class.
    """

    image: Base64
    label: Text | msgspec.UnsetType = msgspec.UNSET
    predicted: Text
    probability: Share


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark of a result file.

    Attributes:
        track: Whether training extracts features in each epoch, or once, or in each epoch from
            picture files; whether scaling is strong or weak; null for other stages.
        model: The model's handle, without the folder where a person keeps it.
        model_fingerprint: Of its files, or of what it was converted from.
        data_fingerprint: Of its pixels and labels.
        batch_size: Images per step.
        image_size: Side of the network's input in pixels.
        images: Images per round.
        images_per_s: Throughput at the median round.
        accuracy: Top-1 on the test images.
        accuracy_floor: The lowest accuracy at which the speed counts.
        accuracy_ceiling: The highest one, above which test data must have leaked.
        first_call_s: Seconds of its first call.
        peak_rss_bytes: Largest resident memory of the process.
        median_s: Median of the timed rounds in seconds.
        interval_s: Confidence interval of that; null for too few rounds.
        spread: Of the timed rounds, relative to the median.
        warmed_up: Whether warm-up converged.
        peak_device_bytes: Largest memory on GPUs.
        joules_per_image: Energy per image, without what the idle machine uses where that is known.
        cost_per_million_images: In the currency of ``--price-per-hour``.
        gflops_per_s: Arithmetic of the network per second.
        peak_gflops_per_s: The device's fastest matrix multiply in the same minutes.
        peak_fraction: The first as a share of the second.
        peak_precision: What that matrix multiply computed in: fp32, tf32, bf16 or fp16.
        bytes_per_image: What the network's layers at least move in the GPU's memory; null on CPUs.
        bandwidth_gb_per_s: The GPU's memory bandwidth in the same minutes, in 10^9 bytes.
        bandwidth_fraction: The bytes per second as a share of it.
        throttled_rounds: Rounds in which heat or power held a GPU's clock down; they don't count
            unless all are such. Null where that isn't known.
        idle_power_w: Power before the job, which is subtracted; null where it wasn't measured.
        energy_source: Whose counters energy is from, such as NVML.
        correct: Which test images were right, a bit for each, as base64; see ``answers``.
        samples: A few images with their predictions; null for a person's own images.
        cosine: Least cosine similarity to the reference engine's features, on real images.
        top1_agreement: Share of these images with the reference engine's class.
        workers: Processes or requests in parallel.
        chunk: Images per call, those that were run: fewer than asked for, or than a batch, where
            more didn't fit into memory.
        accuracy_kept: Accuracy as a share of single precision's.
        decoder: What decoded JPEG files, with its version.
        megabytes_per_s: Of the files that were decoded, in 10^6 bytes.
        megapixels_per_s: Of the pictures in them, at their own size.
        scaling: Throughput on 1, 2, ... of several GPUs or workers; null for other rows.
        trusted: Whether the model was run without the checks of its program.
        further_targets: Of time to accuracy, higher targets; empty where the data have none.
    """

    workload: Text
    stage: Stage
    track: Track | None
    model: Text
    data: Text
    data_fingerprint: Fingerprint
    engine: Text
    precision: Text
    device: Annotated[str, msgspec.Meta(pattern="^(cpu|gpu(:[0-9]+)?)$")]
    threads: Count
    batch_size: Count
    image_size: Count
    train_size: Count
    test_size: Count
    images: Count
    images_per_s: Positive
    accuracy: Share | None
    accuracy_floor: Share | None
    accuracy_ceiling: Share | None
    load_s: Positive
    first_call_s: Positive
    peak_rss_bytes: Count | None
    # Since version 2 of the format.
    median_s: Positive | None = None
    interval_s: tuple[Positive, Positive] | None = None
    interval_coverage: Share | None = None
    spread: Amount | None = None
    warmed_up: bool | None = None
    noise: Noise | None = None
    rounds: (
        Annotated[tuple[Round, ...], msgspec.Meta(min_length=1, max_length=MOST_ROUNDS)] | None
    ) = None
    peak_device_bytes: Count | None = None
    joules_per_image: Positive | None = None
    cost_per_million_images: Positive | None = None
    gflops_per_s: Positive | None = None
    peak_gflops_per_s: Positive | None = None
    peak_fraction: Positive | None = None
    # Since some later day.
    correct: Base64 | None = None
    samples: tuple[Sample, ...] | None = None
    cosine: Annotated[float, msgspec.Meta(ge=-1, le=1.001)] | None = None
    top1_agreement: Share | None = None
    workers: Count | None = None
    chunk: Count | None = None
    accuracy_kept: Positive | None = None
    model_fingerprint: Fingerprint | None = None
    decoder: Text | None = None
    megabytes_per_s: Positive | None = None
    megapixels_per_s: Positive | None = None
    peak_precision: Text | None = None
    bytes_per_image: Positive | None = None
    bandwidth_gb_per_s: Positive | None = None
    bandwidth_fraction: Positive | None = None
    throttled_rounds: Whole | None = None
    idle_power_w: Amount | None = None
    energy_source: Text | None = None
    scaling: tuple[Scaling, ...] | None = None
    further_targets: tuple[FurtherTarget, ...] | None = None
    trusted: bool | None = None

    @property
    def label(self) -> str:
        """The benchmark's name: stage and track, such as ``train (cached)``."""
        return f"{self.stage} ({self.track})" if self.track else self.stage

    @property
    def has_own_peak(self) -> bool:
        """Whether the peak is of the row's own precision; single precision may be TF32 on GPUs."""
        own = {"fp32": ("fp32", "tf32")}.get(self.precision, (self.precision,))
        return (self.peak_precision or "fp32") in own

    @property
    def timing(self) -> Label | None:
        """The rounds' timing quality, such as ``noisy``; None in files of version 1."""
        return self.noise.verdict if self.noise else None


#: The version of the format that is written now, and all that are read.
CURRENT, VERSIONS = 2, (1, 2)
#: Fields that files of version 2 may lack, since they were added while it was written.
OPTIONAL = frozenset(
    (
        *("correct", "samples", "cosine", "top1_agreement", "workers", "chunk", "accuracy_kept"),
        "model_fingerprint",
        *("decoder", "megabytes_per_s", "megapixels_per_s"),
        *("peak_precision", "bytes_per_image", "bandwidth_gb_per_s", "bandwidth_fraction"),
        *("throttled_rounds", "idle_power_w", "energy_source"),
        *("scaling", "further_targets", "trusted"),
    )
)
#: Fields that every file of version 2 has, and none of version 1.
SINCE_2 = tuple(
    field.name
    for field in msgspec.structs.fields(Row)
    if not field.required and field.name not in OPTIONAL
)
