"""What is run: data, model, sizes and setup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

#: Google's module as Hub serves it; the tutorial's backbone.
MOBILENET_V2 = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"


@dataclass(frozen=True)
class Workload:
    """One job, from raw uint8 images to test accuracy; most fields are ``options.OPTIONS``.

    Attributes:
        name: What ``--workload`` calls it.
        train_size, test_size: The first so many images; None takes all.
        image_size: Side of the network's input in pixels; None takes the model's own.
        batch_size: Images per step, in training and in extraction.
        threads: Threads of all the engine's workers; None takes the CPUs that this process may use.
        workers: Replicas that share the threads; None lets a pilot choose.
        chunk: Images per call of a worker; None lets a pilot choose.
        seed: Random seed of head and shuffling.
        input_range: Pixel values that the model takes; None finds it out.
        layer: Layer or output of the model that gives the features; None takes the pooled ones.
        trust: Whether the model is run without the checks of its program.
        price_per_hour: Price of the machine per hour, in any currency; None where unknown.
        limit: Limits on what files may cost that aren't the defaults, as ``NAME=VALUE,...``.
    """

    name: str
    model: str
    data: str
    train_size: int | None
    test_size: int | None
    engine: str = "tensorflow"
    device: str = "cpu"
    image_size: int | None = None
    batch_size: int = 32
    threads: int | None = None
    precision: str = "fp32"
    workers: int | None = None
    chunk: int | None = None
    seed: int = 0
    input_range: str | None = None
    layer: str | None = None
    trust: bool = False
    price_per_hour: float | None = None
    limit: str | None = None

    @property
    def network(self) -> dict[str, Any]:
        """How the network is run, as arguments of ``FeatureExtractor`` and ``ImageClassifier``."""
        names = ("engine", "device", "threads", "precision", "workers", "chunk")
        return {name: getattr(self, name) for name in names}

    @property
    def reading(self) -> dict[str, Any]:
        """How the model is read, as arguments of the same; nothing for other models."""
        return {"input_range": self.input_range, "layer": self.layer, "trust": self.trust}


#: Embedded model and data, no network; about 3 minutes on 2 cores, 5 on slow ones. At 160 pixels
#: the network costs half of what it does at 224, and is as accurate on these patches of 32.
QUICK = Workload(
    name="quick",
    model="efficientnet-lite0",
    data="photo-patches",
    train_size=2_000,
    test_size=500,
    image_size=160,
)
#: The tutorial's own job and sizes: https://tfhub.dev module, batch 32, Adam, one epoch.
TUTORIAL = Workload(
    name="tutorial",
    model=MOBILENET_V2,
    data="cifar10",
    train_size=30_000,
    test_size=10_000,
    image_size=224,
)
#: The same with every training image, which the tutorial's author could not hold in memory.
FULL = replace(TUTORIAL, name="full", train_size=50_000)
WORKLOADS = {workload.name: workload for workload in (QUICK, TUTORIAL, FULL)}
