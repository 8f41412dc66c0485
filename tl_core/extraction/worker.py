"""A worker: it opens the model once, and extracts shards while it reads and writes others."""

from __future__ import annotations

import platform
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.devices import cpu_flags, gpu_names, usable_cpus
from tl_core.errors import DataError, ImageError
from tl_core.extraction.plan import identity
from tl_core.extraction.settings import digest_of, facts_of
from tl_core.extraction.shard_file import Done, encoded
from tl_core.extraction.spent import Counters, Spent
from tl_core.images import load_image
from tl_core.limits import set_limits
from tl_core.resize import resize_batch
from tl_core.streaming import output_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tl_core.extraction.output import Output
    from tl_core.extraction.plan import Shard
    from tl_core.extraction.settings import Settings
    from tl_core.extraction.sources import Source

#: Errors of a shard that are shown.
EXAMPLES = 3
#: What stands for a picture that can't be used, so that batches are the same without it.
BLACK = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; it may be on another machine.

    Attributes:
        source, output, settings: As of the run.
        visible: A file that every machine must see; None if there is none.
        like: The first worker's ``Worker.machine``; None for itself.
    """

    source: Source
    output: Output
    settings: Settings
    visible: str | None = None
    like: Mapping[str, Any] | None = None

    def check_visible(self) -> None:
        """Refuse, with a DataError, a machine that doesn't see the pictures or the output."""
        if self.visible is not None and not Path(self.visible).exists():
            raise DataError(
                f"{self.visible}: no such file on {platform.node()}; every machine must see the "
                "pictures at the same path"
            )
        self.output.check_visible()

    def as_first(self) -> Settings:
        """The settings with the first worker's replicas, where the threads are the same."""
        own, like = self.settings, self.like or {}
        if own.workers is None and own.device == "cpu" and like.get("threads") == own.threads:
            return replace(own, workers=like.get("replicas"))
        return own


class Rows:
    """The rows of a shard that is being extracted."""

    def __init__(self, shard: Shard, source: Source, width: int, counters: Counters) -> None:
        count = len(shard.names)
        self.shard, self.counters = shard, counters
        self.read = source.reader(shard.names)
        self.ids = [""] * count
        self.errors: list[str | None] = [None] * count
        self.features = np.empty((count, width), np.float32)
        self.left = count

    def pixels(self, place: int, size: int | None) -> NDArray[np.uint8]:
        """The picture, uint8 RGB ``(h, w, 3)``; ``BLACK`` with its error noted."""
        name, blob = self.shard.names[place], b""
        try:
            with self.counters.timed("read"):
                blob = self.read(place)
            with self.counters.timed("decode"):
                return load_image(blob, size=size, name=name)
        except ImageError as error:
            self.errors[place] = str(error)
            return BLACK
        finally:
            with self.counters.timed("read"):
                self.ids[place] = identity(name, blob)


class Pictures:
    """The pictures of the shards in progress, as an ``ImageSource`` of positions in the plan."""

    def __init__(self, shard_size: int) -> None:
        self.shard_size = shard_size
        self.rows: dict[int, Rows] = {}

    def __len__(self) -> int:
        return sum(len(rows.ids) for rows in self.rows.values())

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The pictures at these positions, decoded now."""
        places = (divmod(int(index), self.shard_size) for index in indices)
        return [self.rows[number].pixels(place, size) for number, place in places]


class Worker:
    """Extracts the shards that it is given, in their order; see ``submit``.

    Raises:
        TransferLearningError: The model can't be opened, or this machine doesn't see the pictures
            or the output.
    """

    def __init__(self, job: Job) -> None:
        set_limits(job.settings.limits)
        job.check_visible()
        self.job = job
        self.extractor = job.as_first().opened()
        self.facts = facts_of(job.settings, self.extractor)
        self._digest = digest_of(self.facts)
        self._waiting: SimpleQueue[tuple[Shard, Future[Done]] | None] = SimpleQueue()
        self._futures: dict[int, Future[Done]] = {}
        self._counters = Counters()
        self._ended = threading.Event()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._thread = threading.Thread(target=self._work, name="extract", daemon=True)
        self._thread.start()

    @property
    def machine(self) -> dict[str, Any]:
        """What features may depend on besides ``facts``: host, processor, GPUs, threads."""
        gpus, choice = gpu_names(self.job.settings.device), self.extractor.opened.choice
        return {
            "host": platform.node(),
            "cpu": cpu_flags(),
            "cpus": usable_cpus(),
            "gpus": gpus,
            "threads": self.job.settings.threads,
            "replicas": choice.workers if choice else None,
        }

    @property
    def spent(self) -> Spent:
        """Where its time went so far."""
        return self._counters.spent

    def submit(self, shard: Shard) -> Future[Done]:
        """Extract and write a shard; the future is done when its file is there.

        Its exception is a DataError where the file can't be written or the storage doesn't answer,
        and a ModelError where the network fails. Submit the next one before this one is done:
        they overlap.
        """
        future: Future[Done] = Future()
        self._counters.begin()
        self._waiting.put((shard, future))
        return future

    def close(self) -> None:
        """End after the batches in progress; shards that aren't written yet are dropped."""
        self._ended.set()
        self._waiting.put(None)
        self._thread.join()
        self._writer.shutdown()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None and not self._ended.is_set():
            try:
                for rows in self._extracted(first):
                    self._writer.submit(self._write, rows)
            except BaseException as error:  # noqa: BLE001 - given to who waits for the shard
                for number in list(self._futures):
                    self._settle(number, error)

    def _extracted(self, first: tuple[Shard, Future[Done]]) -> Iterator[Rows]:
        """Rows of shards, from the first one on until none is waiting."""
        settings, network = self.job.settings, self.extractor.network
        pictures = Pictures(settings.shard_size)
        batches = output_batches(
            network,
            pictures,  # type: ignore[arg-type] # it is only taken from
            self._positions(first, pictures),
            batch_size=settings.batch_size,
            method=settings.resize,
            threads=settings.threads,
            resize=self._resized,
        )
        with closing(batches):
            for positions, features in batches:
                number = int(positions[0]) // settings.shard_size
                rows = pictures.rows[number]
                rows.features[positions - number * settings.shard_size] = features
                rows.left -= len(positions)
                if not rows.left:
                    yield pictures.rows.pop(number)

    def _positions(
        self, first: tuple[Shard, Future[Done]], pictures: Pictures
    ) -> Iterator[NDArray[np.int64]]:
        """Batches of positions in the plan; none crosses a shard."""
        settings, waiting = self.job.settings, iter([first])
        while not self._ended.is_set():
            try:
                item = next(waiting, None) or self._waiting.get_nowait()
            except Empty:
                return
            if item is None:
                return
            shard, self._futures[item[0].number] = item
            width = self.extractor.feature_size
            rows = Rows(shard, self.job.source, width, self._counters)
            pictures.rows[shard.number] = rows
            count, step = len(shard.names), settings.batch_size
            for begin in range(0, count, step):
                if self._ended.is_set():
                    return
                places = np.arange(begin, min(begin + step, count))
                yield shard.number * settings.shard_size + places

    def _resized(
        self, images: list[NDArray[np.uint8]], size: int, method: str
    ) -> NDArray[np.uint8]:
        with self._counters.timed("resize"):
            return resize_batch(images, size, method)

    def _write(self, rows: Rows) -> None:
        wrong = [error for error in rows.errors if error]
        done = Done(rows.shard.number, len(rows.ids), len(wrong), (*wrong[:EXAMPLES],))
        try:
            with self._counters.timed("write"):
                data = encoded(rows.shard, self._digest, rows.ids, rows.features, rows.errors)
                self.job.output.write(rows.shard.file, data)
        except BaseException as error:  # noqa: BLE001 - as above
            self._settle(rows.shard.number, error)
        else:
            self._settle(rows.shard.number, done)

    def _settle(self, number: int, outcome: Done | BaseException) -> None:
        """Give an outcome to who waits for it; only the first one counts."""
        future = self._futures.pop(number, None)
        if future is None:
            return
        self._counters.end()
        if isinstance(outcome, Done):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
