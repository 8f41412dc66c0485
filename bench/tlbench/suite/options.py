"""The options that pytest and ``tlbench`` share: one table, one meaning."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.errors import OptionError
from tlbench.suite.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Option:
    """An option of the command line that is also an ini setting.

    Attributes:
        name: The ``Workload`` field that it sets, and with hyphens the option's name.
        help: What it does, in a line.
        metavar: What stands for its value in help.
        integer: Whether the value is a whole number, at least 1.
        positive: Whether it is a number above 0.
    """

    name: str
    help: str
    metavar: str
    integer: bool = False
    positive: bool = False

    @property
    def flag(self) -> str:
        """As typed, such as ``--image-size``."""
        return "--" + self.name.replace("_", "-")

    @property
    def ini(self) -> str:
        """The ini setting's name, such as ``tlbench_image_size``."""
        return "tlbench_" + self.name

    def parse(self, text: str) -> str | int | float:
        """The value of the type that the workload's field has.

        Raises:
            OptionError: Not a number of the kind that is expected.
        """
        if self.positive:
            return self._positive(text)
        if not self.integer:
            return text
        if not text.isdecimal() or int(text) < 1:
            raise OptionError(f"{self.flag} {text}: expected a whole number, at least 1")
        return int(text)

    def _positive(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise OptionError(f"{self.flag} {text}: expected a number above 0")
        return value


OPTIONS = (
    Option(
        "model",
        "efficientnet-lite0, a Hub URL, a SavedModel folder, a .tar.gz, keras:NAME",
        "HANDLE",
    ),
    Option(
        "data", "data set: photo-patches, digits, cifar10, or a folder of class/image", "NAME|PATH"
    ),
    Option(
        "engine",
        "runtime of the network: tensorflow, tensorflow-xla, litert, onnxruntime, openvino or "
        "auto (fastest)",
        "NAME",
    ),
    Option("precision", "fp32, or bf16 or int8 where the engine has it", "NAME"),
    Option("device", "cpu, gpu (all GPUs) or gpu:N; never falls back", "DEVICE"),
    Option("image_size", "side of the network's input in pixels", "PIXELS", integer=True),
    Option("batch_size", "images per step", "N", integer=True),
    Option("train_size", "the first N training images", "N", integer=True),
    Option("test_size", "the first N test images", "N", integer=True),
    Option(
        "threads",
        "threads of all workers together (default: the usable CPUs)",
        "N",
        integer=True,
    ),
    Option(
        "workers",
        "network replicas that share the threads (default: chosen by a pilot)",
        "N",
        integer=True,
    ),
    Option("chunk", "images per call of a worker (default: chosen by a pilot)", "N", integer=True),
    Option(
        "price_per_hour",
        "the machine's price per hour, for the cost per million images",
        "PRICE",
        positive=True,
    ),
)


def add_options(parser: ArgumentParser, workload: str) -> None:
    """The suite's options for a program of argparse.

    Args:
        parser: Gets them.
        workload: The name of the workload that is taken by default.
    """
    parser.add_argument("--workload", choices=list(WORKLOADS), default=workload)
    for option in OPTIONS:
        parser.add_argument(option.flag, metavar=option.metavar, help=option.help)


def chosen_workload(given: Namespace) -> Workload:
    """What the options of ``add_options`` ask for.

    Raises:
        OptionError: As for ``workload_from``.
    """
    values = {option.name: getattr(given, option.name) for option in OPTIONS}
    return workload_from(given.workload, {key: text for key, text in values.items() if text})


def workload_from(name: str, values: dict[str, str]) -> Workload:
    """A workload with the given options in place of its own values.

    Args:
        name: One of ``WORKLOADS``.
        values: Option name to text, only those that were given.

    Raises:
        OptionError: No such workload, or a bad value.
    """
    if name not in WORKLOADS:
        raise OptionError(f"--workload {name}: expected one of {', '.join(WORKLOADS)}")
    by_name = {option.name: option for option in OPTIONS}
    parsed: dict[str, Any] = {key: by_name[key].parse(text) for key, text in values.items()}
    return _sized(WORKLOADS[name], parsed)


def _sized(workload: Workload, parsed: dict[str, Any]) -> Workload:
    """Other data has other sizes: a workload's own are for its own data."""
    if parsed.get("data", workload.data) != workload.data:
        parsed = {"train_size": None, "test_size": None} | parsed
    if parsed.get("model", workload.model) != workload.model:
        parsed = {"image_size": None} | parsed
    return dataclasses.replace(workload, **parsed)


def known_values(name: str) -> Sequence[str]:
    """Values of an option that can be listed; some options take others too, such as folders.

    Args:
        name: The option's, with underscores.
    """
    from tl_core.data import data_names
    from tl_core.engines.names import engine_names
    from tl_core.engines.protocol import PRECISIONS

    known: dict[str, Callable[[], Sequence[str]]] = {
        "engine": engine_names,
        "precision": lambda: PRECISIONS,
        "data": data_names,
        "device": lambda: ("cpu", "gpu", "gpu:0"),
        "model": lambda: (WORKLOADS["quick"].model, "https://", "keras:"),
    }
    return known[name]() if name in known else ()


def check_names(workload: Workload) -> None:
    """Refuse an engine, a device or a data set that can't be meant, before anything is loaded.

    Raises:
        OptionError: It isn't known; what is.
    """
    from tl_core.data import data_names
    from tl_core.engines.names import check_engine
    from tl_core.errors import ModelError

    try:
        check_engine(workload.engine, workload.precision)
    except ModelError as error:
        raise OptionError(f"--{error}") from error
    if not re.fullmatch(r"cpu|gpu(:[0-9]+)?", workload.device):
        raise OptionError(f"--device {workload.device}: expected cpu, gpu or gpu:N")
    if workload.data not in data_names() and not Path(workload.data).expanduser().is_dir():
        known = ", ".join(data_names())
        raise OptionError(f"--data {workload.data}: no such folder; expected one, or {known}")
