"""Reading result files: pytest-benchmark's JSON with our rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tlbench.errors import InputError
from tlbench.figures import Positive
from tlbench.runs.row import Row, Text
from tlbench.text_files import check_json, parse_json, read_bytes, read_text

if TYPE_CHECKING:
    from pathlib import Path


class ResultError(InputError):
    """A result file that can't be read: which, where in it, what was expected."""


#: pytest-benchmark runs what is short for a second, up to a million rounds.
MOST_SECONDS = 1_000_000


class Stats(msgspec.Struct, frozen=True):
    """pytest-benchmark's statistics: the timed rounds in seconds, in order."""

    data: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1, max_length=MOST_SECONDS)]


class OtherBenchmark(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark of another suite, which a file may hold too: its row has no stage."""

    extra_info: dict[str, Any]
    stats: Stats
    name: Text
    fullname: Text


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark of this suite."""

    row: Row = msgspec.field(name="extra_info")
    stats: Stats
    name: Text
    fullname: Text


class Facts(msgspec.Struct, frozen=True):
    """Of a machine's fingerprint, what every file has, and what is more than shown."""

    cpu: str
    packages: dict[str, Any]
    cpus_usable: Positive
    cpu_id: str | None = None
    gpus: tuple[str, ...] | None = None
    instance_type: str | None = None


class Machine(msgspec.Struct, frozen=True):
    """The machine's fingerprint as JSON, which many files share."""

    tlbench: msgspec.Raw


class Commit(msgspec.Struct, frozen=True):
    """The commit that was measured, as pytest-benchmark has it."""

    id: str | None = None
    dirty: bool | None = None

    def __str__(self) -> str:
        """Its first characters, with ``+`` where there were changes; empty outside a checkout."""
        if not self.id or self.id == "unversioned":
            return ""
        return f"{self.id[:12]}{'+' if self.dirty else ''}"


class About(msgspec.Struct, frozen=True):
    """What a file says of itself: its version, and the benchmarks that have no row, with why."""

    version: int
    not_measured: dict[str, str]
    isolated: bool = False


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """A result file, with the benchmarks that are of this suite."""

    benchmarks: tuple[Benchmark, ...]
    datetime: Text
    version: Text
    machine_info: Machine
    commit_info: Commit | None = None
    tlbench: About | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which they ran."""
        return tuple(each.row for each in self.benchmarks)


_DECODER = msgspec.json.Decoder(ResultFile)


def read_file(path: Path) -> ResultFile:
    """A result file.

    Raises:
        ResultError: It isn't readable, has no benchmark of this suite, or something in it is
            missing or of another kind.
    """
    try:
        file = _DECODER.decode(read_bytes(path))
    except (ValueError, RecursionError):
        # It has NaN, as pytest-benchmark writes it; or benchmarks of others; or something is wrong.
        return _read_slowly(path)
    return file if file.benchmarks else _read_slowly(path)


def _read_slowly(path: Path) -> ResultFile:
    """As ``read_file``, without benchmarks of others, and with NaN where nothing reads it."""
    return result_of(read_json(path), path)


def result_of(content: dict[str, Any], name: object) -> ResultFile:
    """As ``read_file``, of a file's JSON; errors call it by ``name``."""
    own = [each for each in content["benchmarks"] if not is_other(each)]
    if not own:
        raise ResultError(f"{name}: no benchmark of this suite in it")
    content |= {"benchmarks": own}
    machine = content.get("machine_info")
    if isinstance(machine, dict) and "tlbench" in machine:
        raw = msgspec.Raw(json.dumps(machine["tlbench"]).encode())
        content |= {"machine_info": {"tlbench": raw}}
    try:
        return msgspec.convert(content, ResultFile)
    except ValueError as error:
        raise ResultError(f"{name}: {error}; tlbench check lists every problem") from error


def facts_of(machine: Machine) -> dict[str, Any]:
    """A machine's fingerprint; ValueError says what is wrong with it."""
    facts = msgspec.json.decode(machine.tlbench, type=dict[str, Any])
    msgspec.convert(facts, Facts)
    check_json(facts)
    return facts


def read_json(path: Path) -> dict[str, Any]:
    """The whole file as pytest-benchmark wrote it.

    Raises:
        ResultError: Absent, no JSON, or not a benchmark file.
    """
    try:
        text = read_text(path)
    except InputError as error:
        raise ResultError(str(error)) from error
    if not text:
        raise ResultError(f"{path}: the file is empty; copy it again or measure again")
    try:
        content = parse_json(text)
    except InputError as error:
        raise ResultError(
            f"{path}: not a readable JSON file ({error}); the file is damaged or cut off: copy it "
            "again or measure again"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("benchmarks"), list):
        raise ResultError(f"{path}: no list under 'benchmarks'; expected pytest-benchmark's JSON")
    return content


def is_other(benchmark: Any) -> bool:  # noqa: ANN401 - anything that JSON may have
    """Whether a benchmark is another suite's, by its lack of a stage."""
    if not isinstance(benchmark, dict) or "extra_info" not in benchmark:
        return False
    info = benchmark["extra_info"]
    return info is None or (isinstance(info, dict) and "stage" not in info)
