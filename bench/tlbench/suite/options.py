"""The options that pytest and ``tlbench`` share: one table, one meaning.

Every pytest session of the environment imports this module: it imports next to nothing itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tlbench.errors import OptionError
from tlbench.numbers import BATCHES, COUNTS, PIXELS, PRICES, THREADS, YES_NO, Numbers, YesNo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tlbench.suite.workloads import Workload


class Option(NamedTuple):
    """An option of the command line that is also an ini setting: a field of ``Workload``.

    Its value is one of ``numbers``, or text where it has none. One that is repeatable is given
    several times, or once with commas.
    """

    name: str
    help: str
    metavar: str
    numbers: Numbers | YesNo | None = None
    repeatable: bool = False

    @property
    def flag(self) -> str:
        """As typed, such as ``--image-size``."""
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str) -> str | int | float | bool:
        """The value of the type that the workload's field has; else OptionError."""
        if self.name == "limit":
            from tlbench.suite.limit_option import parse_limits

            parse_limits(text)
        if self.numbers is None:
            return text
        value: int | float | bool = self.numbers.parse(self.flag, text)
        return value


OPTIONS = (
    Option(
        "model",
        "efficientnet-lite0, Hub URL, SavedModel, .keras or .h5 file, keras:NAME, keras_hub:NAME",
        "HANDLE",
    ),
    Option(
        "input_range",
        "pixel values of the model's input: 0-1, -1-1, 0-255, imagenet or caffe",
        "NAME",
    ),
    Option("layer", "layer of a Keras model, or output, that gives the features", "NAME"),
    Option(
        "trust", "run the model unchecked: it may write files and run programs", "yes|no", YES_NO
    ),
    Option("data", "photo-patches, digits, cifar10, or folder of class/image files", "NAME|PATH"),
    Option(
        "engine",
        "runtime of the network: tensorflow, tensorflow-xla, litert, onnxruntime, openvino or "
        "auto (fastest)",
        "NAME",
    ),
    Option("precision", "fp32, bf16, fp16 or int8, where the engine has it", "NAME"),
    Option("device", "cpu, gpu (all GPUs) or gpu:N; never falls back", "DEVICE"),
    Option("image_size", "side of the network's input in pixels", "PIXELS", PIXELS),
    Option("batch_size", "images per step", "N", BATCHES),
    Option("train_size", "the first N training images", "N", COUNTS),
    Option("test_size", "the first N test images", "N", COUNTS),
    Option("threads", "threads of all workers together (default: the usable CPUs)", "N", THREADS),
    Option(
        "workers", "network replicas that share the threads (default: by a pilot)", "N", THREADS
    ),
    Option("chunk", "images per call of a worker or GPU (default: by a pilot)", "N", BATCHES),
    Option(
        "price_per_hour",
        "the machine's price per hour, for the cost per million images",
        "PRICE",
        PRICES,
    ),
    Option(
        "limit",
        "what a file may cost, such as picture-pixels=400e6; repeatable",
        "NAME=VALUE",
        repeatable=True,
    ),
)


def workload_from(name: str, values: dict[str, str]) -> Workload:
    """A workload by name, with the options that were given in place of its own values.

    Other data or another model has other sizes: a workload's own are for its own. OptionError for
    no such workload, or a bad value.
    """
    from dataclasses import replace

    from tlbench.suite.workloads import WORKLOADS

    if name not in WORKLOADS:
        raise OptionError(f"--workload {name}: expected one of {', '.join(WORKLOADS)}")
    workload = WORKLOADS[name]
    by_name = {option.name: option for option in OPTIONS}
    parsed: dict[str, Any] = {key: by_name[key].parse(text) for key, text in values.items()}
    if parsed.get("data", workload.data) != workload.data:
        parsed = {"train_size": None, "test_size": None} | parsed
    if parsed.get("model", workload.model) != workload.model:
        parsed = {"image_size": None} | parsed
    return replace(workload, **parsed)


def known_values(name: str) -> Sequence[str]:
    """Values of an option that can be listed; some options take others too, such as folders."""
    from dataclasses import fields

    import tlbench.suite.tutorial_engine  # noqa: F401 - adds an engine
    from tl_core.data import data_names
    from tl_core.engines.names import engine_names
    from tl_core.limits import Limits
    from tl_core.models import embedded
    from tl_core.models.input_range import RANGES
    from tl_core.models.settings import PRECISIONS

    known: dict[str, Callable[[], Sequence[str]]] = {
        "engine": engine_names,
        "precision": lambda: PRECISIONS,
        "data": data_names,
        "device": lambda: ("cpu", "gpu", "gpu:0"),
        "model": lambda: (*embedded.MODELS, "https://", "keras:", "keras_hub:"),
        "input_range": lambda: tuple(RANGES),
        "limit": lambda: [f"{each.name.replace('_', '-')}=" for each in fields(Limits)],
        "trust": lambda: ("yes", "no"),
    }
    return known[name]() if name in known else ()


def check_names(workload: Workload) -> None:
    """Refuse an unknown engine, device or data set before anything is loaded; OptionError."""
    import tlbench.suite.tutorial_engine  # noqa: F401 - adds an engine
    from tl_core.data import data_names
    from tl_core.engines.names import check_engine
    from tl_core.errors import ModelError
    from tl_core.models.input_range import RANGES

    try:
        check_engine(workload.engine, workload.precision, workload.device)
    except ModelError as error:
        raise OptionError(f"--{error}") from error
    if workload.input_range not in (None, *RANGES):
        known = ", ".join(RANGES)
        raise OptionError(f"--input-range {workload.input_range}: expected one of {known}")
    if not re.fullmatch(r"cpu|gpu(:[0-9]+)?", workload.device):
        raise OptionError(f"--device {workload.device}: expected cpu, gpu or gpu:N")
    if workload.data not in data_names() and not Path(workload.data).expanduser().is_dir():
        known = ", ".join(data_names())
        raise OptionError(f"--data {workload.data}: no such folder; expected one, or {known}")
