"""Which runs are of the same model, and what to call it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tlbench.runs.model_name import shown_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.runs.collect import Run

#: The fact of a job that tells models of one name apart; rows of earlier versions lack it.
FINGERPRINT = "model_fingerprint"


class Models:
    """The models of runs that are shown together.

    A run without a fingerprint has that of the other runs of its job, by the model's name; where
    these have several, it stays without.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._known: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        models = set()
        for job in {run.job for run in runs}:
            facts = dict(job)
            fingerprint = facts.pop(FINGERPRINT)
            models.add((facts["model"], fingerprint))
            if fingerprint:
                self._known[tuple(facts.values())].add(fingerprint)
        self._names = shown_names(models)

    def job(self, run: Run) -> dict[str, Any]:
        """The names and values of the run's job, with its model's fingerprint where it is known."""
        facts = dict(run.job)
        known = self._known[tuple(value for name, value in run.job if name != FINGERPRINT)]
        if facts[FINGERPRINT] is None and len(known) == 1:
            (facts[FINGERPRINT],) = known
        return facts

    def name(self, job: dict[str, Any]) -> str:
        """What to call the model of a job, as ``job`` returned it."""
        return self._names[job["model"], job[FINGERPRINT]]
