"""What is fuzzed: every parser of this project that reads bytes from strangers.

A target takes bytes. It raises only if the parser did something else than read them or refuse them
by its own error.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.studies.fuzz_seeds import (
    archive_seeds,
    baseline_seeds,
    checkpoint_seeds,
    graph_seeds,
    journal_seeds,
    keras_seeds,
    manifest_seeds,
    npz_seeds,
    pickle_seeds,
    result_seeds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        read: Takes the bytes, and a file that has them.
        seeds: Valid input to start from.
        modules: What is instrumented: the parser and what it calls in Python.
    """

    read: Callable[[bytes, Path], None]
    seeds: Callable[[], Iterable[bytes]]
    modules: tuple[str, ...]


def read_result(data: bytes, path: Path) -> None:
    """A result file; what ``check`` accepts must be readable."""
    del data
    from tlbench.runs.check import problems
    from tlbench.runs.read import ResultError, read_file

    accepted = not problems(path)
    try:
        read_file(path)
    except ResultError:
        if accepted:
            raise AssertionError("check accepts what can't be read") from None


def read_stored_baseline(data: bytes, path: Path) -> None:
    """A stored baseline."""
    del data
    from tlbench.gate.baseline import BaselineError, read_baseline

    with suppress(BaselineError):
        read_baseline(path)


def read_journal(data: bytes, path: Path) -> None:
    """The journal of an interrupted gate."""
    del data
    from tlbench.gate.pair_result import Journal, JournalError

    with suppress(JournalError):
        Journal(path, {}).resume()


def read_price_file(data: bytes, path: Path) -> None:
    """A file of prices."""
    del data
    from tlbench.compare.prices import read_prices
    from tlbench.errors import InputError

    with suppress(InputError):
        read_prices(path)


def read_arm(data: bytes, path: Path) -> None:
    """An arm of a gate, as typed."""
    del path
    from tlbench.errors import InputError
    from tlbench.gate.arms import ArmError, parse_arm
    from tlbench.suite.arm_options import ARM_OPTIONS

    with suppress(ArmError, InputError):
        parse_arm(data.decode("utf-8", "surrogateescape"), ARM_OPTIONS)


def read_cifar_pickle(data: bytes, path: Path) -> None:
    """A pickled batch of CIFAR-10."""
    del path
    from tl_core.data.restricted_pickle import read_pickle
    from tl_core.errors import DataError

    with suppress(DataError):
        read_pickle(data, "batch")


def read_graph(data: bytes, path: Path) -> None:
    """The graph of a SavedModel, read as data before anything of it runs."""
    from tl_core.errors import ModelError
    from tl_core.models.program import check_program

    folder = path.with_name("model")
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(data)
    with suppress(ModelError):
        check_program(folder, "model")


def read_keras_config(data: bytes, path: Path) -> None:
    """A Keras model's description."""
    del path
    from tl_core.errors import ModelError
    from tl_core.models.keras_config import check_config

    with suppress(ModelError, ValueError):  # ValueError: not JSON
        check_config(json.loads(data), "model")


def read_model_notes(data: bytes, path: Path) -> None:
    """Notes beside a model."""
    from tl_core.errors import ModelError
    from tl_core.models.notes import NOTES_FILE, read_notes

    file = path.with_name("notes") / NOTES_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    with suppress(ModelError):
        read_notes(path.with_name("notes"))


def read_checkpoint(data: bytes, path: Path) -> None:
    """A PyTorch checkpoint in the old format."""
    del data
    from tl_core.errors import ModelError
    from tl_core.models.torch_pickle import read_tensors

    with suppress(ModelError):
        read_tensors(path)


def read_archive(data: bytes, path: Path) -> None:
    """An archive of a model; its SavedModel is never complete."""
    del data
    from tl_core.errors import ModelError
    from tl_core.models.archive import unpack

    with suppress(ModelError):
        unpack(path)


def read_npz(data: bytes, path: Path) -> None:
    """CIFAR-10 as Keras stores it, of two training batches with one image each."""
    del data
    from tl_core.data import cifar_layouts
    from tl_core.errors import DataError

    with suppress(DataError):
        cifar_layouts.read_npz(path, records=1)


def read_features_manifest(data: bytes, path: Path) -> None:
    """The manifest of extracted features."""
    from tl_core.errors import DataError
    from tl_core.extraction import Settings
    from tl_core.extraction.manifest import FILE, read_manifest
    from tl_core.extraction.output import output_at

    folder = path.with_name("features")
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(data)
    with suppress(DataError):
        read_manifest(output_at(str(folder)), Settings())


TARGETS = {
    "result": Target(
        read_result, result_seeds, ("tlbench.runs.check", "tlbench.runs.read", "tlbench.text_files")
    ),
    "baseline": Target(
        read_stored_baseline, baseline_seeds, ("tlbench.gate.baseline", "tlbench.text_files")
    ),
    "prices": Target(
        read_price_file, lambda: [b"m = 0.1\na.b = 2\n"], ("tlbench.compare.prices", "tomllib")
    ),
    "arm": Target(
        read_arm,
        lambda: [b"ref=main,pip=numpy==2.0,env.A=1,threads=2", b"python=/bin/python,engine=litert"],
        ("tlbench.gate.arms", "tlbench.suite.options", "tlbench.suite.arm_options"),
    ),
    "journal": Target(read_journal, journal_seeds, ("tlbench.gate.pair_result",)),
    "graph": Target(
        read_graph, graph_seeds, ("tl_core.models.program", "tl_core.models.graph_program")
    ),
    "keras": Target(read_keras_config, keras_seeds, ("tl_core.models.keras_config",)),
    "notes": Target(read_model_notes, lambda: [b'{"image_size": 32}'], ("tl_core.models.notes",)),
    "pickle": Target(
        read_cifar_pickle, pickle_seeds, ("tl_core.data.restricted_pickle", "tl_core.pickle_reader")
    ),
    "checkpoint": Target(
        read_checkpoint, checkpoint_seeds, ("tl_core.models.torch_pickle", "tl_core.pickle_reader")
    ),
    "archive": Target(read_archive, archive_seeds, ("tl_core.models.archive", "tl_core.tar_files")),
    "npz": Target(read_npz, npz_seeds, ("tl_core.data.cifar_layouts", "tl_core.zip_files")),
    "manifest": Target(
        read_features_manifest, manifest_seeds, ("tl_core.extraction.manifest", "json.decoder")
    ),
}
