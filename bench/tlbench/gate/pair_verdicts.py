"""From process pairs and decisions to a verdict on each benchmark, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.gate import untimed
from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.gate.unmatched import unmatched
from tlbench.gate.verdict import Verdict, ruled_out, slower, undecided, with_accuracy
from tlbench.runs.answers import NotComparableError, accuracy_change
from tlbench.stats.estimate import ALARM, LOOKS
from tlbench.stats.pair_decisions import detectable, estimate, pairs_to_pass

if TYPE_CHECKING:
    from tlbench.gate.pair_result import Pair
    from tlbench.gate.verdict import Status, Tolerances
    from tlbench.stats.estimate import Estimate
    from tlbench.stats.pair_decisions import Decisions


def pair_verdicts(
    pairs: list[Pair], decisions: Decisions, tolerances: Tolerances
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """Verdicts in the order in which benchmarks ran, and notes, from at least one pair."""
    evidence, first = _Evidence(pairs, decisions, tolerances), pairs[0]
    of_one_side, notes = untimed.of_collection(first)
    verdicts: list[Verdict] = []
    for name in (*first.benchmarks, *first.lost):
        bad = next((pair for pair in pairs if name in pair.unusable), None)
        if bad is None:
            verdicts.append(evidence.verdict(name))
        elif name in bad.lost:
            verdicts.append(untimed.lost(name, bad))
        elif text := untimed.note(bad.benchmarks[name]):
            notes.append(f"{name}: {text}")
        else:
            verdicts.append(untimed.verdict(name, bad.benchmarks[name]))
    names = (*first.benchmarks, *first.lost, *first.new, *first.vanished)
    if not (names or of_one_side or any(first.errors.values())):
        notes.append(f"{untimed.NO_BENCHMARK}; {untimed.EXPECTED}")
    return (*verdicts, *of_one_side), (*first.notes, *notes, *unmatched(tolerances, names))


@dataclass(frozen=True)
class _Evidence:
    pairs: list[Pair]
    decisions: Decisions
    tolerances: Tolerances

    def verdict(self, name: str) -> Verdict:
        first = self.pairs[0]
        ends = first.benchmarks[name].outcomes
        try:
            change = accuracy_change(ends[BASE].info, ends[CANDIDATE].info)
        except NotComparableError as error:
            share = self.decisions.tolerances[name]
            return Verdict(name, "not comparable", str(error), share, self._estimate(name))
        infos = (each.outcomes[CANDIDATE].info for each in first.benchmarks.values())
        judged = sum(info.get("accuracy") is not None for info in infos)
        allowed = self.tolerances.of(name, first.tolerances.get(name)).accuracy
        # Of the first pair: later pairs classify the same images, and add no evidence.
        return with_accuracy(self._speed(name), change, allowed, ALARM / max(1, judged))

    def _speed(self, name: str) -> Verdict:
        logs, share = self._logs(name), self.decisions.tolerances[name]
        estimate = self._estimate(name)
        status: Status = self.decisions.decided.get(name, "inconclusive")
        size = more = None
        if status == "fail" and estimate:
            reason = slower(estimate.ratio - 1, share)
        elif status == "pass":
            reason = ruled_out(share)
        else:
            reason = undecided(share)
            if len(logs) < LOOKS[0].pairs:
                ran = f"{len(logs)} process pair{'s' * (len(logs) != 1)}"
                reason = f"only {ran}: at least {LOOKS[0].pairs} are needed"
            if len(logs) > 1:
                more = pairs_to_pass(logs, share)
                size = detectable(logs, share, len(self.decisions.tolerances))
        faster = name in self.decisions.faster
        return Verdict(name, status, reason, share, estimate, None, size, more, faster)

    def _estimate(self, name: str) -> Estimate | None:
        logs = self._logs(name)
        return estimate(logs, self.decisions.p.get(name)) if len(logs) > 1 else None

    def _logs(self, name: str) -> list[float]:
        timed = (pair.benchmarks.get(name) for pair in self.pairs)
        return [each.log_ratio for each in timed if each]
