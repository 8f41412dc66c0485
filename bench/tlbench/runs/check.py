"""Whether result files are valid: by the row's type, and by arithmetic on their own rounds."""

from __future__ import annotations

import base64
import math
from statistics import median
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec

from tlbench.runs.collect import read_run
from tlbench.runs.read import (
    Benchmark,
    Facts,
    OtherBenchmark,
    ResultError,
    ResultFile,
    is_other,
    read_json,
)
from tlbench.runs.row import SINCE_2, VERSIONS, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Largest relative difference between a figure and the same computed from the rounds.
TOLERANCE = 1e-6
#: Characters of a value that a problem quotes.
QUOTED = 60


def problems(path: Path) -> list[str]:
    """What is wrong with a result file, one line each, naming the file and the field.

    A file without our part is another suite's pytest-benchmark file, which the line says.
    """
    try:
        content = read_json(path)
    except ResultError as error:
        return [str(error)]
    about = content.get("tlbench")
    version = about.get("version") if isinstance(about, dict) else None
    if type(version) is not int or version not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        return [f"{path}: tlbench.version: {_quoted(version)}, expected one of {known}"]
    lines = list(_field_problems(content, version))
    if not lines:
        for number, each in enumerate(content["benchmarks"]):
            if not is_other(each):
                row = msgspec.convert(each["extra_info"], Row)
                place = f"benchmarks[{number}].extra_info"
                lines += _figure_problems(row, each["stats"]["data"], place)
    return [f"{path}: {line}" for line in lines] or _reading_problems(path)


def _reading_problems(path: Path) -> list[str]:
    """What else a reader refuses: nothing that it refuses is valid."""
    try:
        read_run(path, {})
    except ResultError as error:
        return [str(error)]
    return []


def _field_problems(content: dict[str, Any], version: int) -> Iterator[str]:
    """Fields that are missing or of another kind."""
    machine = content.get("machine_info")
    if isinstance(machine, dict) and "tlbench" in machine:
        yield from _problems_of(machine["tlbench"], Facts, "machine_info.tlbench")
        content = content | {"machine_info": {"tlbench": msgspec.Raw(b"{}")}}
    yield from _problems_of(content | {"benchmarks": []}, ResultFile, "")
    for number, each in enumerate(content["benchmarks"]):
        place = f"benchmarks[{number}]"
        yield from _problems_of(each, OtherBenchmark if is_other(each) else Benchmark, place)
        info = each.get("extra_info") if isinstance(each, dict) else None
        if version > 1 and isinstance(info, dict) and "stage" in info:
            missing = (name for name in SINCE_2 if name not in info)
            yield from (
                f"{place}.extra_info: required field {name!r} is missing" for name in missing
            )


def _problems_of(value: Any, kind: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - JSON, a type
    """Where a value isn't of a type: the innermost fields at fault."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at ")[0]
        inner = list(_inner_problems(value, kind, place))
        yield from inner or [f"{place or 'file'}: {_quoted(value)}: {reason}"]


def _inner_problems(value: Any, kind: Any, place: str) -> Iterator[str]:  # noqa: ANN401
    for each in _alternatives(kind):
        if isinstance(value, dict) and isinstance(each, type) and issubclass(each, msgspec.Struct):
            for field in msgspec.structs.fields(each):
                name = field.encode_name
                if name in value:
                    yield from _problems_of(value[name], field.type, f"{place}.{name}".lstrip("."))
                elif field.required:
                    yield f"{place or 'file'}: required field {name!r} is missing"
        elif isinstance(value, list) and get_origin(each) is tuple:
            for number, part in enumerate(value):
                yield from _problems_of(part, get_args(each)[0], f"{place}[{number}]")


def _alternatives(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - a type
    """The types of a union, without what is noted beside them."""
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def _figure_problems(row: Row, seconds: list[float], place: str) -> Iterator[str]:
    """Throughput, median and accuracy must follow from what stands beside them."""
    samples = ((f"samples[{i}].image", each.image) for i, each in enumerate(row.samples or ()))
    for name, text in (("correct", row.correct or ""), *samples):
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            yield f"{place}.{name}: {_quoted(text)}: Expected base64"
    if row.rounds:
        timed = [each.seconds for each in row.rounds if each.timed]
        if len(timed) != len(seconds):
            yield f"{place}.rounds: {len(timed)} timed rounds, stats.data has {len(seconds)}"
            return
        seconds = timed
    yield from _median_problems(row, median(seconds), place)
    rate = row.images / median(seconds)
    if not math.isclose(row.images_per_s, rate, rel_tol=TOLERANCE):
        yield f"{place}.images_per_s: {row.images_per_s}, its rounds say {rate:.6g}"
    floor = row.accuracy_floor
    if row.accuracy is not None and floor is not None and row.accuracy < floor:
        yield f"{place}.accuracy: {row.accuracy} is below its floor {floor}"


def _median_problems(row: Row, middle: float, place: str) -> Iterator[str]:
    if row.median_s is not None and not math.isclose(row.median_s, middle, rel_tol=TOLERANCE):
        yield f"{place}.median_s: {row.median_s}, its rounds say {middle:.6g}"
    low, high = row.interval_s or (middle, middle)
    if not low * (1 - TOLERANCE) <= middle <= high * (1 + TOLERANCE):
        yield f"{place}.interval_s: {low} to {high}, without the median of its rounds {middle:.6g}"
