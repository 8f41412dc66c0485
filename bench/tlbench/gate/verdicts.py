"""From pairs and decisions to a verdict for each benchmark, with its reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.gate.accuracy import NotComparableError, beyond, change_of, lost
from tlbench.gate.decide import detectable, estimate, pairs_to_pass
from tlbench.gate.outcome import AccuracyChange, Verdict
from tlbench.stats.interim_looks import ALARM, LOOKS

if TYPE_CHECKING:
    from tlbench.gate.decide import Decisions
    from tlbench.gate.journal import Pair
    from tlbench.gate.outcome import Estimate, Word
    from tlbench.gate.pair import Timed
    from tlbench.gate.tolerances import Tolerances


def unusable(pair: Pair) -> frozenset[str]:
    """Benchmarks of a pair whose times say nothing: not timed, or a check failed."""
    return frozenset(
        name
        for name, each in pair.benchmarks.items()
        if not each.base or any(end.outcome != "passed" for end in each.outcomes.values())
    )


def judge_benchmarks(
    pairs: list[Pair], decisions: Decisions, tolerances: Tolerances
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """Verdicts in the order in which benchmarks ran, and notes.

    Args:
        pairs: All that were run, at least one.
        decisions: About those that could be timed.
        tolerances: What may be lost.
    """
    judge = _Judge(pairs, decisions, tolerances)
    verdicts, notes = [], [f"{name}: new, only the head has it" for name in pairs[0].new]
    for name in pairs[0].benchmarks:
        bad = next((pair for pair in pairs if name in unusable(pair)), None)
        if bad is None:
            verdicts.append(judge.timed(name))
        elif text := _nothing_timed(bad.benchmarks[name]):
            notes.append(f"{name}: {text}")
        else:
            verdicts.append(_broken(name, bad.benchmarks[name]))
    verdicts += [
        Verdict(name, "not comparable", "vanished: only the base has it")
        for name in pairs[0].vanished
    ]
    return tuple(verdicts), tuple(notes)


@dataclass(frozen=True)
class _Judge:
    pairs: list[Pair]
    decisions: Decisions
    tolerances: Tolerances

    def timed(self, name: str) -> Verdict:
        """Of a benchmark that was timed in every pair."""
        logs = [pair.benchmarks[name].log_ratio for pair in self.pairs]
        share = self.decisions.tolerances[name]
        found = estimate(logs, self.decisions.p.get(name)) if len(logs) > 1 else None
        try:
            change, loss = self._accuracy(name)
        except NotComparableError as error:
            return Verdict(name, "not comparable", str(error), share, found)
        faster = name in self.decisions.faster
        word, reason = self._speed(name, found)
        if change and loss == "fail":
            word, reason = "fail", _loss(change) + (f"; {reason}" if word == "fail" else "")
        elif change and loss == "inconclusive" and word == "pass":
            word, reason = "inconclusive", f"{_loss(change)}, which may be chance; {reason}"
            return Verdict(name, word, reason, share, found, change, faster=faster)
        if word != "inconclusive" or len(logs) < 2:
            return Verdict(name, word, reason, share, found, change, faster=faster)
        more = pairs_to_pass(logs, share)
        seen = detectable(logs, share, len(self.decisions.tolerances))
        return Verdict(name, word, reason, share, found, change, seen, more)

    def _speed(self, name: str, found: Estimate | None) -> tuple[Word, str]:
        share = self.decisions.tolerances[name]
        word = self.decisions.decided.get(name)
        if word == "fail" and found:
            return (
                "fail",
                f"slower by {_percent(found.ratio - 1)}, beyond the tolerance of {_percent(share)}",
            )
        if word == "pass":
            return "pass", f"a slowdown of {_percent(share)} or more is excluded"
        least = LOOKS[0].pairs
        if len(self.pairs) < least:
            return "inconclusive", f"{len(self.pairs)} pair(s); it takes at least {least}"
        return "inconclusive", f"a slowdown of {_percent(share)} is neither shown nor excluded"

    def _accuracy(self, name: str) -> tuple[AccuracyChange | None, Word]:
        """From the first pair: the same images, so that more pairs are no more evidence."""
        first = self.pairs[0]
        heads = {key: each.outcomes["head"].info for key, each in first.benchmarks.items()}
        change = change_of(first.benchmarks[name].outcomes["base"].info, heads[name])
        if change is None:
            return None, "pass"
        judged = sum(info.get("accuracy") is not None for info in heads.values())
        allowed = self.tolerances.of(name, first.tolerances.get(name))
        if lost(change, allowed.accuracy, ALARM / judged):
            return change, "fail"
        return change, "inconclusive" if beyond(change, allowed.accuracy) else "pass"


def _nothing_timed(timed: Timed) -> str | None:
    """Why there is no verdict, where both arms agree on it."""
    if all(end.outcome == "skipped" for end in timed.outcomes.values()):
        return f"skipped in both: {timed.outcomes['head'].message}"
    if all(end.outcome == "passed" for end in timed.outcomes.values()):
        return "the benchmark fixture wasn't used"
    return None


def _broken(name: str, timed: Timed) -> Verdict:
    """Of a benchmark that failed or was skipped in one arm, or failed in both."""
    base, head = timed.outcomes["base"], timed.outcomes["head"]
    if base.outcome == "failed":
        return Verdict(name, "not comparable", f"fails in the base: {base.message}")
    if head.outcome == "failed":
        return Verdict(name, "fail", f"its own check fails in the head: {head.message}")
    which, end = ("base", base) if base.outcome == "skipped" else ("head", head)
    return Verdict(name, "not comparable", f"skipped in the {which} only: {end.message}")


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _loss(change: AccuracyChange) -> str:
    text = f"accuracy fell from {change.base:.4f} to {change.head:.4f}"
    if not change.images:
        return text
    return f"{text} on the same {change.images:,} images (p = {change.p:.2g})"
