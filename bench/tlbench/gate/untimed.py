"""Verdicts on benchmarks without times: they raised, died, were skipped, vanished or are new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.gate.verdict import Verdict

if TYPE_CHECKING:
    from tlbench.gate.pair_result import BenchmarkOutcome, Pair, PairedRounds
    from tlbench.gate.verdict import Status

#: Sides in words.
NAMES = {BASE: "base", CANDIDATE: "candidate"}
#: What is said if no test is a benchmark, and what to do then.
NO_BENCHMARK = "no test uses pytest-benchmark's fixture 'benchmark'"
EXPECTED = "expected tests that do, in files that pytest collects; name the files after --"
#: By the outcome of a broken benchmark, the text about a side that has it.
BROKEN = {
    "failed": "raises in the {side}: {message}",
    "died": "the {side}'s process {message}",
    "hung": "doesn't end in the {side}: {message}",
    "ended": "isn't run in the {side}: {message}",
}


def note(rounds: PairedRounds) -> str | None:
    """Why there is no verdict on a benchmark, if the reason is the same in both sides."""
    ends = rounds.outcomes.values()
    outcomes = {end.outcome for end in ends}
    if outcomes == {"skipped"}:
        return f"skipped in both: {rounds.outcomes[CANDIDATE].message}"
    if outcomes != {"passed"} or rounds.base:
        return None
    if all(end.raised for end in ends):
        return "raises in both sides, as its test expects; not timed"
    return (
        None
        if any(end.raised for end in ends)
        else "doesn't use pytest-benchmark's fixture 'benchmark'"
    )


def verdict(name: str, rounds: PairedRounds) -> Verdict:
    """The verdict on a benchmark that wasn't timed in one side, or in both."""
    ends = rounds.outcomes
    base, candidate = ends[BASE], ends[CANDIDATE]
    if "unreached" in {base.outcome, candidate.outcome}:
        reason = "not reached: the first pair took the whole budget; increase it"
        return Verdict(name, "inconclusive", reason)
    if "too long" in {base.outcome, candidate.outcome}:
        long = next(end for end in ends.values() if end.outcome == "too long")
        reason = f"takes too long for this budget, or doesn't end: {long.message}"
        return Verdict(name, "inconclusive", f"{reason}; increase the budget")
    texts = {key: _broken(key, end) for key, end in ends.items() if end.outcome in BROKEN}
    if base.outcome == candidate.outcome == "passed":
        texts = {key: _raises(key, end) for key, end in ends.items() if end.raised}
    if texts:
        status: Status = "not comparable" if BASE in texts else "fail"
        if base == candidate and base.outcome == "failed":
            return Verdict(name, status, f"raises in both sides: {base.message}")
        return Verdict(name, status, "; ".join(texts[key] for key in NAMES if key in texts))
    for key, end in ends.items():
        if end.outcome == "skipped":
            reason = f"skipped in the {NAMES[key]} only: {end.message}"
            return Verdict(name, "not comparable", reason)
    unused = next(key for key, end in ends.items() if end.outcome != "stopped")
    reason = f"doesn't use the fixture 'benchmark' in the {NAMES[unused]}"
    return Verdict(name, "not comparable", reason)


def _broken(key: str, end: BenchmarkOutcome) -> str:
    return BROKEN[end.outcome].format(side=NAMES[key], message=end.message)


def _raises(key: str, end: BenchmarkOutcome) -> str:
    return f"raises in the {NAMES[key]}, and its test passes: {end.raised}"


def of_collection(pair: Pair) -> tuple[list[Verdict], list[str]]:
    """Verdicts and notes on benchmarks and files that only one side has, or could import."""
    verdicts = [_lacking(name, pair, CANDIDATE) for name in pair.vanished]
    notes = []
    for name in pair.new:
        if _error(name, pair, BASE):
            verdicts.append(_lacking(name, pair, BASE))
        else:
            notes.append(f"{name}: new, only the candidate has it")
    base, candidate = (pair.errors.get(key, {}) for key in NAMES)
    for name in [*base, *(each for each in candidate if each not in base)]:
        ends = [errors[name] for errors in (base, candidate) if name in errors]
        if {end.outcome for end in ends} == {"skipped"}:
            if len(ends) > 1:
                notes.append(f"{name}: skipped in both: {ends[0].message}")
        elif len(ends) > 1:
            verdicts.append(Verdict(name, "not comparable", _import_error("both sides", ends[0])))
        elif not any(_within(each, name) for each in (*pair.vanished, *pair.new)):
            key = BASE if name in base else CANDIDATE
            notes.append(f"{name}: {_import_error(f'the {NAMES[key]}', ends[0])}")
    return verdicts, notes


def lost(name: str, pair: Pair) -> Verdict:
    """The verdict on a benchmark that both sides had before this pair."""
    for key in (BASE, CANDIDATE):
        if _error(name, pair, key):
            return _lacking(name, pair, key)
    return Verdict(name, "not comparable", "not every process has a benchmark of this name")


def _lacking(name: str, pair: Pair, key: str) -> Verdict:
    """The verdict on a benchmark that one side lacks, by the error that it had, if any."""
    error = _error(name, pair, key)
    if error is None:
        return Verdict(name, "not comparable", "vanished: only the base has it")
    if error.outcome == "skipped":
        reason = f"skipped in the {NAMES[key]} only: {error.message}"
        return Verdict(name, "not comparable", reason)
    status: Status = "fail" if key == CANDIDATE else "not comparable"
    return Verdict(name, status, _import_error(f"the {NAMES[key]}", error))


def _error(name: str, pair: Pair, key: str) -> BenchmarkOutcome | None:
    """The error with which a side failed to collect a benchmark, if any."""
    errors = pair.errors.get(key, {})
    return next((end for file, end in errors.items() if _within(name, file)), None)


def _within(name: str, collector: str) -> bool:
    """Whether a benchmark belongs to a file, a class or a folder."""
    return collector in {"", "."} or name.startswith((f"{collector}::", f"{collector}/"))


def _import_error(side: str, end: BenchmarkOutcome) -> str:
    if end.outcome == "died":
        return f"import error in {side}: the process {end.message}"
    return f"import error in {side}: {end.message}"
