"""A run: hand out the shards that an output lacks, until it has all of them."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tl_core.errors import DataError
from tl_core.extraction.manifest import COMPLETE, REMEDY, begin, complete, read_manifest
from tl_core.extraction.output import output_at
from tl_core.extraction.plan import shards
from tl_core.extraction.pool import OneMachine
from tl_core.extraction.settings import Settings, check_same, digest_of
from tl_core.extraction.shard_file import Done, finished
from tl_core.extraction.worker import Job
from tl_core.progress import progress
from tl_core.streaming import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tl_core.extraction.output import Output
    from tl_core.extraction.plan import Shard
    from tl_core.extraction.pool import Pool
    from tl_core.extraction.sources import Source

log = logging.getLogger(__name__)

#: Threads that look for finished shards: behind a URL each answer takes a while.
LOOKING = 16
#: Errors of pictures that are logged.
LOGGED = 5


@dataclass
class Extraction:
    """What an output has, and what this run did.

    Attributes:
        output: The folder, without secrets.
        pictures: Pictures of all shards.
        errors: Those of them that can't be used.
        shards: Number of shards.
        extracted: Pictures of the shards that this run extracted.
        seconds: Time from its first shard to its last, without opening the model.
    """

    output: str
    pictures: int = 0
    errors: int = 0
    shards: int = 0
    extracted: int = 0
    seconds: float = 0.0

    @property
    def images_per_s(self) -> float | None:
        """Throughput of this run; None if it extracted nothing."""
        return self.extracted / self.seconds if self.extracted else None

    @property
    def record(self) -> dict[str, Any]:
        """All of it, as JSON."""
        rate = self.images_per_s
        return {**vars(self), "images_per_s": None if rate is None else round(rate, 1)}

    def count(self, done: Done) -> None:
        """Add a shard."""
        self.pictures += done.pictures
        self.errors += done.errors
        self.shards += 1


def extract(
    source: Source,
    output: str,
    settings: Settings | None = None,
    *,
    pool: Pool | None = None,
    machine: Mapping[str, Any] | None = None,
) -> Extraction:
    """Write the features of all pictures of a source to a folder of Parquet files.

    Columns: ``id`` (see ``plan.identity``), ``source`` (the picture's name), ``features``
    (fixed_size_list of float32; null where there is an error), ``error`` (one line or null). A
    picture that can't be used is no failure. If the folder has some shards already, of the same
    pictures and settings, only the others are extracted.

    Args:
        source: The pictures, see ``find_source``.
        output: A path or URL.
        settings: How they are extracted.
        pool: The workers; None takes one in this process. It is closed.
        machine: What describes this machine, for the manifest.

    Raises:
        TransferLearningError: The source is empty or can't be listed; the output has other pictures
            or settings, or is used by another run, or can't be written; the model can't be opened.
            Shards that are finished stay.
    """
    run = _Run(source, output_at(output), settings or Settings(), dict(machine or {}))
    with run.output.locked(), closing(pool or OneMachine()) as workers:
        return run.all(workers)


class _Run:
    def __init__(
        self, source: Source, output: Output, settings: Settings, machine: dict[str, Any]
    ) -> None:
        self.source, self.output, self.settings, self.machine = source, output, settings, machine
        self.manifest: dict[str, Any] | None = None
        self.result = Extraction(output.name)
        self.logged = 0

    def all(self, pool: Pool) -> Extraction:
        """Every shard, and the manifest at the end."""
        self.output.clean()
        self.manifest = read_manifest(self.output, self.settings)
        opened_at: float | None = None
        with progress(None, "extract") as bar:
            for shard in self._absent(bar.update):
                if opened_at is None:
                    self._open(pool, shard)
                    opened_at = perf_counter()
                while not pool.has_room:
                    self._count(pool.wait(), bar.update)
                pool.submit(shard)
            while pool.is_busy:
                self._count(pool.wait(), bar.update)
        self._check_end()
        self.output.clean()  # of workers that died on the way
        if opened_at is not None:
            self.result.seconds = round(perf_counter() - opened_at, 3)
        assert self.manifest is not None  # noqa: S101 - there was a shard
        if self.manifest["state"] != COMPLETE:
            complete(self.output, self.manifest, self.result.record, pool.machines)
        return self.result

    def _absent(self, update: Any) -> Iterator[Shard]:  # noqa: ANN401 - of a progress bar
        """The shards that the output lacks; those that it has are counted."""
        plan = shards(self.source.names(), self.settings.shard_size)
        if self.manifest is None:
            yield from plan
            return
        digest = digest_of(self.manifest["settings"])
        looked = ahead(plan, lambda s: finished(self.output, s, digest), LOOKING, 2 * LOOKING)
        with closing(looked):
            for shard, done in looked:
                if done is None:
                    if shard.number >= self.manifest.get("shards", shard.number + 1):
                        raise DataError(self._changed("more"))
                    yield shard
                else:
                    self.result.count(done)
                    update(done.pictures)

    def _open(self, pool: Pool, shard: Shard) -> None:
        """Open the model, with what the output's first run chose, and begin the manifest."""
        visible = self.source.visible(shard.names)
        job = Job(self.source, self.output, self.settings, visible)
        if self.manifest is None:
            facts = pool.open(job)
            first = pool.machines[0]
            self.manifest = begin(job, facts, first, self.machine)
        else:
            earlier, first = self.manifest["settings"], self.manifest["workers"][0]
            settings = self.settings.as_resolved(earlier)
            facts = pool.open(replace(job, settings=settings, like=first))
            check_same(facts, earlier, f"{self.output.name} was begun with", REMEDY)
        settings = self.settings.as_resolved(facts)
        pool.start(replace(job, settings=settings, like=first), facts)

    def _count(self, finished_now: list[Done], update: Any) -> None:  # noqa: ANN401 - as above
        for done in finished_now:
            self.result.count(done)
            self.result.extracted += done.pictures
            update(done.pictures)
            for error in done.examples:
                if self.logged < LOGGED:
                    log.warning("left out: %s", error)
                    self.logged += 1

    def _check_end(self) -> None:
        if not self.result.shards:
            raise DataError(
                f"{self.source.text}: no pictures in it; expected at least one file that ends in "
                ".jpg, .png or another picture format's letters"
            )
        after = f"part-{self.result.shards:06d}.parquet"
        try:
            with self.output.opened(after):
                raise DataError(self._changed("fewer"))
        except FileNotFoundError:
            return

    def _changed(self, how: str) -> str:
        return (
            f"{self.output.name}: the source has {how} pictures than when it was extracted; write "
            "to a new output, or restore the source"
        )
