"""Writing result files, whole or not at all."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tlbench.machine.fingerprint import machine_name
from tlbench.runs.files import write_file
from tlbench.runs.model_name import short_name

if TYPE_CHECKING:
    from pathlib import Path

    from tlbench.suite.workloads import Workload


def write_results(session: Any, workload: Workload, folder: Path) -> Path:  # noqa: ANN401
    """Write a run to ``folder/<machine>/``.

    Args:
        session: pytest-benchmark's session, whose hooks make the JSON.
        workload: What was run.
        folder: The folder that ``--results`` names.

    Returns:
        The file, named after workload, model, data, engine, precision, device and time.
    """
    config, hook = session.config, session.config.hook
    machine = session.get_machine_info()
    commit = hook.pytest_benchmark_generate_commit_info(config=config)
    run = hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=session.benchmarks,
        include_data=True,
        machine_info=machine,
        commit_info=commit,
    )
    hook.pytest_benchmark_update_json(config=config, benchmarks=session.benchmarks, output_json=run)
    target = folder / machine_name(machine["tlbench"]) / file_name(workload, datetime.now(UTC))
    for number in itertools.count(2):  # another run may have ended in the same second
        if not target.exists():
            break
        target = target.with_stem(f"{target.stem.split('+')[0]}+{number}")
    write_file(target, json.dumps(run, indent=1, default=str) + "\n")
    return target


def file_name(workload: Workload, when: datetime) -> str:
    """Such as ``quick_efficientnet-lite0_photo-patches_tensorflow_fp32_cpu_<time>.json``."""
    device = workload.device.replace(":", "")
    data = re.split(r"[/\\]", workload.data.rstrip("/\\"))[-1]
    words = [
        workload.name,
        short_name(workload.model),
        data,
        workload.engine,
        workload.precision,
        device,
        when.strftime("%Y%m%dT%H%M%SZ"),
    ]
    return "_".join(re.sub(r"[^\w.-]+", "-", word) for word in words) + ".json"
