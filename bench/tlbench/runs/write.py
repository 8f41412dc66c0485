"""Writing result files, whole or not at all."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tlbench.machine.naming import machine_name
from tlbench.runs.files import keep
from tlbench.runs.model_name import short_name

if TYPE_CHECKING:
    from pathlib import Path


class Subject(NamedTuple):
    """What a run is of, for the name of its file."""

    workload: str
    model: str
    data: str
    engine: str
    precision: str
    device: str

    def file_name(self, when: datetime) -> str:
        """Such as ``quick_efficientnet-lite0_photo-patches_tensorflow_fp32_cpu_<time>.json``."""
        words = self._replace(
            model=short_name(self.model),
            data=re.split(r"[/\\]", self.data.rstrip("/\\"))[-1],
            device=self.device.replace(":", ""),
        )
        named = (*words, when.strftime("%Y%m%dT%H%M%SZ"))
        return "_".join(re.sub(r"[^\w.-]+", "-", word) for word in named) + ".json"


class Written(NamedTuple):
    """A run as JSON, the file that has it, and why it isn't in the results; see ``files.keep``."""

    text: str
    path: Path | None
    problem: str | None


def write_results(session: Any, subject: Subject, folder: Path) -> Written:  # noqa: ANN401
    """Write a run to ``folder/<machine>/``, in a file that is named after the subject and the time.

    ``session`` is pytest-benchmark's, whose hooks make the JSON. Without an error: what was
    measured isn't lost for a full disk.
    """
    config, hook = session.config, session.config.hook
    machine = session.get_machine_info()
    content = hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=session.benchmarks,
        include_data=True,
        machine_info=machine,
        commit_info=hook.pytest_benchmark_generate_commit_info(config=config),
    )
    hook.pytest_benchmark_update_json(
        config=config, benchmarks=session.benchmarks, output_json=content
    )
    name = subject.file_name(datetime.now(UTC))
    target = free_name(folder / machine_name(machine["tlbench"]) / name)
    text = json.dumps(content, indent=1, default=str) + "\n"
    return Written(text, *keep(target, text))


def free_name(target: Path) -> Path:
    """The path, or one with a number: another run may have ended in the same second."""
    for number in itertools.count(2):
        if not target.exists():
            break
        target = target.with_stem(f"{target.stem.split('+')[0]}+{number}")
    return target
