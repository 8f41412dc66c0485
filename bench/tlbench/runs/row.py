"""Of a result file, what comparing many of them needs: decoded with its types, without the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tlbench.runs.read import ResultError, label_of, read_run

if TYPE_CHECKING:
    from pathlib import Path

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Noise(msgspec.Struct, frozen=True, gc=False):
    """What a row says of its own rounds."""

    verdict: str | None = None


class ShortRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One benchmark of a result file, by DESIGN's result rows.

    What every version of the format has is required; the rest is None where it is absent or null.
    """

    workload: str
    stage: str
    track: str | None = None
    model: str
    data: str
    data_fingerprint: str
    engine: str
    precision: str
    device: str
    threads: int
    batch_size: int
    image_size: int
    train_size: int
    test_size: int
    images: int
    images_per_s: Positive
    accuracy: float | None = None
    load_s: Positive
    first_call_s: Positive
    median_s: Positive | None = None
    interval_s: tuple[Positive, Positive] | None = None
    gflops_per_s: Positive | None = None
    peak_gflops_per_s: Positive | None = None
    cost_per_million_images: Positive | None = None
    noise: Noise | None = None

    @property
    def label(self) -> str:
        """Stage and track, such as ``train (cached)``."""
        return label_of(self.stage, self.track)

    @property
    def verdict(self) -> str | None:
        """What its rounds are worth, such as ``noisy``; None in files of version 1."""
        return self.noise.verdict if self.noise else None


class _Stats(msgspec.Struct, gc=False):
    data: Annotated[list[Positive], msgspec.Meta(min_length=1)]


class _Benchmark(msgspec.Struct, gc=False):
    extra_info: ShortRow
    stats: _Stats


class _Machine(msgspec.Struct, gc=False):
    tlbench: msgspec.Raw


class _Ours(msgspec.Struct, gc=False):
    not_measured: dict[str, str] | None = None
    isolated: bool | None = None


class _Commit(msgspec.Struct, gc=False):
    id: str | None = None
    dirty: bool | None = None

    @property
    def name(self) -> str | None:
        """Its first characters, with ``+`` where there were changes; None outside a checkout."""
        if not self.id or self.id == "unversioned":
            return None
        return f"{self.id[:12]}{'+' if self.dirty else ''}"


class ShortRun(msgspec.Struct, gc=False, kw_only=True):
    """A whole result file; ``machine_info.tlbench`` is left as JSON, which many files share."""

    benchmarks: list[_Benchmark]
    datetime: str
    machine_info: _Machine
    commit_info: _Commit | None = None
    tlbench: _Ours | None = None


_DECODER = msgspec.json.Decoder(ShortRun)


def short_run(path: Path) -> ShortRun:
    """A result file in short, with the benchmarks that are of this suite.

    Raises:
        ResultError: It isn't readable, none of its benchmarks is of this suite, or something that
            is needed is absent or of another kind.
    """
    try:
        found = _DECODER.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        # It has NaN, as pytest-benchmark writes it; or benchmarks of others; or something is wrong.
        return _by_detour(path)
    return found if found.benchmarks else _by_detour(path)


def _by_detour(path: Path) -> ShortRun:
    """As ``short_run``, with all of the file read, and null for what is no number."""
    whole = read_run(path)
    ours = [each for each in whole["benchmarks"] if not _foreign(each)]
    if not ours:
        raise ResultError(f"{path}: no benchmark of this suite in it")
    try:
        return _DECODER.decode(msgspec.json.encode(whole | {"benchmarks": ours}))
    except msgspec.MsgspecError as error:
        raise ResultError(f"{path}: {error}; tlbench check tells all that is wrong") from error


def _foreign(benchmark: Any) -> bool:  # noqa: ANN401 - anything that JSON may have
    """Whether a benchmark is another suite's, by its lack of a stage."""
    if not isinstance(benchmark, dict) or "extra_info" not in benchmark:
        return False
    info = benchmark["extra_info"]
    return info is None or (isinstance(info, dict) and "stage" not in info)
