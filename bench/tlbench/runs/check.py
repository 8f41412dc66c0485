"""Whether result files are what they say: by the schema, and by arithmetic on their own rounds."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.runs.read import ResultError, read_run
from tlbench.runs.schema import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Largest relative difference between a figure and the same worked out from the rounds.
TOLERANCE = 1e-6


def problems(path: Path) -> list[str]:
    """What is wrong with a result file, one line each, naming the file and the field.

    A file without our part is a stranger's pytest-benchmark file, which is said.
    """
    try:
        run = read_run(path)
    except ResultError as error:
        return [str(error)]
    version = _version(run)
    if version not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        return [f"{path}: tlbench.version: {version!r}, expected one of {known}"]
    found = list(_schema_problems(run, version)) or list(_figure_problems(run["benchmarks"]))
    return [f"{path}: {line}" for line in found]


def _version(run: dict[str, Any]) -> object:
    ours = run.get("tlbench")
    version = ours.get("version") if isinstance(ours, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _schema_problems(run: dict[str, Any], version: object) -> Iterator[str]:
    import jsonschema

    assert isinstance(version, int)  # noqa: S101 - a key of VERSIONS
    validator = jsonschema.Draft202012Validator(VERSIONS[version])
    for error in sorted(validator.iter_errors(run), key=lambda error: list(map(str, error.path))):
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        message = error.message.replace("\n", " ")
        yield f"{place.lstrip('.') or 'file'}: {message[:200]}"


def _figure_problems(benchmarks: list[dict[str, Any]]) -> Iterator[str]:
    """Throughput, median and accuracy must follow from what stands beside them."""
    for number, benchmark in enumerate(benchmarks):
        info, seconds = benchmark["extra_info"], benchmark["stats"]["data"]
        if "stage" not in info:
            continue
        place = f"benchmarks[{number}].extra_info"
        rate = info["images"] / median(seconds)
        if "rounds" in info:
            timed = [each["seconds"] for each in info["rounds"] if each["timed"]]
            if len(timed) != len(seconds):
                yield f"{place}.rounds: {len(timed)} timed rounds, stats.data has {len(seconds)}"
                continue
            rate = info["images"] / median(timed)
        if not math.isclose(info["images_per_s"], rate, rel_tol=TOLERANCE):
            yield f"{place}.images_per_s: {info['images_per_s']}, its rounds say {rate:.6g}"
        accuracy, floor = info["accuracy"], info["accuracy_floor"]
        if accuracy is not None and floor is not None and accuracy < floor:
            yield f"{place}.accuracy: {accuracy} is below its floor {floor}"
