"""Benchmarks run once more after the pairs: what is asked, and what becomes of those that fail."""

from contextlib import contextmanager

import pytest

from tlbench.gate.arm_process import ArmDied
from tlbench.gate.visit import Unanswered, ask_all, visit

ALL = ("a", "b", "c")


class Process:
    """An arm that answers each ``ask`` with a number; ``odd`` says what else benchmarks do."""

    def __init__(self, log, odd):
        self.log, self.odd = log, odd
        there = {"tolerances": {key: {} for key in ALL}, "errors": {}, "missing": [], "notes": []}
        self.messages = [{"event": "collected", **there}]
        self.left = []

    def hear(self, *events):
        message = self.messages.pop(0)
        assert message["event"] in events, (message, events)
        return message

    def tell(self, do="", run=None):
        self.log.append(do or f"run {' '.join(run)}")
        if run is not None:
            self.left = list(run)
        kind = self.odd.get(self.left[0] if run is None else None)
        if do == "ask" and kind in {"raised", "died"}:
            self.messages.append({"event": kind, "message": f"it {kind}", "outcome": kind})
            if kind == "died":
                return
            self.end()
        elif do == "ask":
            self.messages.append({"event": "answer", "number": len(self.log)})
        elif do in {"finish", "skip"}:
            self.end()
        else:
            self.begin()

    def end(self):
        self.messages.append({"event": "done", "ends": self.odd.get(self.left[0]) == "ends"})
        del self.left[0]
        self.begin()

    def begin(self):
        if self.left and self.odd.get(self.left[0]) == "skipped":
            self.end()
        elif self.left:
            self.messages.append({"event": "ready"})


def run(base, candidate, names=ALL):
    """Answers, or their reasons, and what either process was told."""
    logs, sides = {"base": [], "head": []}, {"base": base, "head": candidate}

    @contextmanager
    def start(fatal):
        yield {key: Process(logs[key], odd) for key, odd in sides.items()}

    def ask(name, one):
        return name, set(one.ask("base", "head", do="ask"))

    answers = dict(visit(start, names, ask))
    texts = {k: str(each) if isinstance(each, Unanswered) else each for k, each in answers.items()}
    return texts, logs


FINE = {name: (name, {"base", "head"}) for name in ALL}


def test_each_is_asked_about_once_and_finished_in_both():
    answers, logs = run({}, {}, ("a", "c"))
    assert answers == {name: FINE[name] for name in ("a", "c")}
    assert logs["base"] == logs["head"] == ["run a c", "ask", "finish", "ask", "finish"]


@pytest.mark.parametrize(
    ("base", "candidate", "reason"),
    [
        ({"b": "raised"}, {}, "in the base: it raised"),
        ({}, {"b": "raised"}, "in the candidate: it raised"),
        ({"b": "raised"}, {"b": "raised"}, "in the base: it raised"),
        ({}, {"b": "died"}, "the candidate's process it died"),
        ({"b": "died"}, {}, "the base's process it died"),
        ({"b": "skipped"}, {}, "it isn't timed any more"),
        ({"b": "skipped"}, {"b": "skipped"}, "it isn't timed any more"),
    ],
)
def test_one_that_fails_has_a_reason_and_the_others_answers(base, candidate, reason):
    answers, logs = run(base, candidate)
    assert answers == FINE | {"b": reason}
    restarted = "died" in {*base.values(), *candidate.values()}
    assert [each for each in logs["base"] if "run" in each][1:] == ["run c"] * restarted


def test_a_session_that_ends_with_a_benchmark_is_started_again_for_the_rest():
    answers, logs = run({"a": "ends"}, {})
    assert answers == FINE
    assert [each for each in logs["head"] if "run" in each] == ["run a b c", "run b c"]


def test_what_is_not_collected_again_is_named():
    answers, _ = run({}, {}, ("a", "gone"))
    assert answers == {"a": FINE["a"], "gone": "it isn't collected any more"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (ArmDied("base: ended early:\nmore"), "base: ended early:"),
        (OSError("no space"), "no space"),
    ],
)
def test_where_all_ends_early_answers_are_kept_and_a_note_says_why(error, reason):
    @contextmanager
    def start(fatal):
        yield {key: Process([], {"a": "raised"}) for key in ("base", "head")}

    def ask(name, one):
        if name == "c":
            raise error
        return one.ask("base", "head", do="ask") and name

    assert ask_all(start, ALL, ask, "not done") == (
        {"b": "b"}, ["a: not done: in the base: it raised", f"not done: {reason}"],
    )  # fmt: skip
