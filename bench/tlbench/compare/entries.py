"""Runs of the same job, and among these the ones of one machine with one setup."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import geometric_mean, median
from typing import TYPE_CHECKING, Any

from tlbench.compare.models import FINGERPRINT, Models
from tlbench.machine.difference import compare_fingerprints
from tlbench.runs.model_name import DIGITS, shown_names
from tlbench.runs.row import SETUP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tlbench.runs.collect import Run
    from tlbench.runs.row import Row

#: Where the device stands among the words of a label: behind the machine and the engine.
DEVICE = 1 + SETUP.index("device")
#: The stage of the whole job, and its benchmark that starts at picture files: a longer one.
WHOLE_JOB, FROM_FILES = "pipeline", "pipeline (files)"


@dataclass(frozen=True)
class Job:
    """What was run, by the names of ``JOB``; those that are mixed on purpose are left out.

    ``model`` is what to call the model.
    """

    facts: tuple[tuple[str, Any], ...]
    model: str = field(compare=False)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as in a result row
        return dict(self.facts).get(name)

    def __str__(self) -> str:
        """Such as ``tutorial: mobilenet_v2_100_224 at 224, cifar10 30,000 + 10,000, fp32``."""
        facts = dict(self.facts)
        model = self.model if "model" in facts else "several models"
        size = f" at {facts['image_size']}" if "image_size" in facts else ""
        sizes = [f"{facts[name]:,}" for name in ("train_size", "test_size") if name in facts]
        parts = [
            f"{model}{size}",
            " ".join([facts.get("data", "several data sets"), " + ".join(sizes)]).strip(),
            *([f"batch {facts['batch_size']}"] if "batch_size" in facts else []),
            facts.get("precision", "several precisions"),
        ]
        return f"{facts.get('workload', 'several workloads')}: {', '.join(parts)}"


@dataclass(frozen=True)
class Entry:
    """Runs of one job on one machine with one setup: a column of a comparison.

    Attributes:
        setup: Engine, device and threads.
        runs: The earliest first.
        mixed: What the job leaves out on purpose, with this entry's values.
        label: What tells it from the others that it stands beside.
    """

    job: Job
    machine: str
    setup: tuple[Any, ...]
    runs: tuple[Run, ...]
    mixed: tuple[tuple[str, Any], ...] = ()
    label: str = ""

    @property
    def last(self) -> Run:
        """The latest run."""
        return self.runs[-1]

    @cached_property
    def benchmarks(self) -> dict[str, list[Row]]:
        """Rows of all runs by benchmark, the earliest first; benchmarks as the latest run's."""
        rows: dict[str, list[Row]] = {
            row.label: [] for run in reversed(self.runs) for row in run.rows
        }
        for run in self.runs:
            for row in run.rows:
                rows[row.label].append(row)
        return rows

    def rates(self, benchmark: str) -> list[float]:
        """Images per second of each run that has the benchmark."""
        return [row.images_per_s for row in self.benchmarks.get(benchmark, [])]

    def rate(self, benchmark: str) -> float:
        """The geometric mean of ``rates``."""
        return geometric_mean(self.rates(benchmark))

    @cached_property
    def whole_job(self) -> str | None:
        """The benchmark from images in memory to accuracy; None where it was not measured."""
        names = (name for name, rows in self.benchmarks.items() if rows[0].stage == WHOLE_JOB)
        return next((name for name in names if name != FROM_FILES), None)

    @property
    def has_old_gpu_rows(self) -> bool:
        """Whether runs on a GPU are of versions that ran one batch at a time there."""
        rows = (row for run in self.runs for row in run.rows)
        return any(row.device != "cpu" and row.chunk is None for row in rows)

    @property
    def job_seconds(self) -> float | None:
        """Seconds of the whole job, the model being loaded; None where it was not measured."""
        if self.whole_job is None:
            return None
        return self.benchmarks[self.whole_job][-1].images / self.rate(self.whole_job)


def same_machine(entry: Entry, other: Entry) -> bool:
    """Whether the latest runs of two entries are of one machine, by its fingerprint."""
    return not compare_fingerprints(entry.last.facts, other.last.facts).machine


def entries_of(
    runs: Sequence[Run], mixed: Collection[str] = (), models: Models | None = None
) -> list[Entry]:
    """Put runs, the earliest first, together that are of one job, one machine and one setup.

    Jobs leave out the ``mixed`` names of ``JOB``: runs that differ in these are entries of one.
    Entries are in the order of their first runs, without labels. ``models`` are those of all runs
    that will be shown together; None for no others.
    """
    models = models or Models(runs)
    mixed = {*mixed, FINGERPRINT} if "model" in mixed else mixed
    # By id: runs with equal facts share them, see ``collect``.
    machines: dict[int, int] = {}
    firsts: list[Mapping[str, Any]] = []
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        facts = run.facts
        if id(facts) not in machines:
            # Fingerprints that differ in software only are of the same machine.
            alike = (old for old in firsts if not compare_fingerprints(old, facts).machine)
            machines[id(facts)] = id(next(alike, facts))
            if machines[id(facts)] == id(facts):
                firsts.append(facts)
        of_run = models.job(run)
        job = Job(
            tuple(fact for fact in of_run.items() if fact[0] not in mixed), models.name(of_run)
        )
        others = tuple(fact for fact in of_run.items() if fact[0] in mixed)
        key = job, machines[id(facts)], run.setup, others
        groups.setdefault(key, []).append(run)
    return [
        Entry(job, group[-1].machine, setup, tuple(group), others)
        for (job, _, setup, others), group in groups.items()
    ]


def labelled(entries: Iterable[Entry]) -> list[Entry]:
    """Entries with labels of their device and of what not all have in common, none twice.

    Where they have all in common, the machine, the engine and the device.
    """
    entries = list(entries)
    columns = [
        [entry.machine, *map(_word, SETUP, entry.setup), *mixed]
        for entry, mixed in zip(entries, _mixed_words(entries), strict=True)
    ]
    differ = [len(set(values)) > 1 for values in zip(*columns, strict=True)]
    alike = not any(differ)
    shown = [each or i == DEVICE or (alike and i < DEVICE) for i, each in enumerate(differ)]
    labels = [" ".join(itertools.compress(words, shown)) for words in columns]
    # What several have gets the time of the latest run; what several still have, a number.
    uses = Counter(labels)
    labels = [
        f"{label} {entry.last.when:%Y-%m-%d %H:%M}" if uses[label] > 1 else label
        for entry, label in zip(entries, labels, strict=True)
    ]
    uses, counts = Counter(labels), Counter[str]()
    for place, label in enumerate(labels):
        counts[label] += 1
        labels[place] = f"{label} #{counts[label]}" if uses[label] > 1 else label
    return [replace(each, label=label) for each, label in zip(entries, labels, strict=True)]


def _word(name: str, value: object) -> str:
    return f"{value} thread{'s' * (value != 1)}" if name == "threads" else str(value)


def _mixed_words(entries: Sequence[Entry]) -> Iterable[list[str]]:
    """What each entry has of what is mixed; a model's fingerprint only where its name is shared."""
    facts = [dict(entry.mixed) for entry in entries]
    if facts and "model" in facts[0]:
        models = [(each["model"], each.pop(FINGERPRINT)) for each in facts]
        names = shown_names(models)
        facts = [each | {"model": names[key]} for each, key in zip(facts, models, strict=True)]
    return ([_mixed_word(*fact) for fact in each.items()] for each in facts)


def _mixed_word(name: str, value: object) -> str:
    if name == FINGERPRINT:
        return f"model {str(value)[:DIGITS]}" if value else "unknown model"
    return f"{name.replace('_', ' ')} {value}" if isinstance(value, int) else str(value)


def by_job(entries: Iterable[Entry]) -> dict[Job, list[Entry]]:
    """Entries of each job, in the order in which they came."""
    jobs: dict[Job, list[Entry]] = {}
    for entry in entries:
        jobs.setdefault(entry.job, []).append(entry)
    return jobs


def accuracy(entry: Entry, benchmark: str) -> float | None:
    """The median of the runs' accuracies; None where the benchmark has none."""
    rows = entry.benchmarks.get(benchmark, [])
    values = [row.accuracy for row in rows if row.accuracy is not None]
    return median(values) if values else None
