"""One bad benchmark or file never takes the others along: gates over scripted processes."""

import itertools
from collections import Counter, deque
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from tlbench.gate.arm_process import ArmDied
from tlbench.gate.pair_result import Journal
from tlbench.gate.run import Gate, Settings

LIMITS = {"round": 60.0, "rest": 600.0}
GOOD, ODD, LAST = "bench_a.py::test_good", "bench_b.py::test_odd", "bench_c.py::test_last"
NAMES = (GOOD, ODD, LAST)
SAID = "ValueError: no"


class Process:
    """An arm's process as the gate sees it.

    ``odd`` says what the benchmark in the middle does, in its ``calm + 1``-th round if it is about
    rounds. A process that has ended can't be heard again.
    """

    def __init__(self, *, odd="", calm=0, took_s=0.1, errors=None, fatal=None, left_out=()):
        self.odd, self.calm, self.seconds = odd, calm, took_s
        self.errors, self.fatal, self.left_out = errors or {}, fatal or {}, left_out
        self.limits, self.took_s, self.calls = LIMITS, dict.fromkeys(LIMITS, took_s), Counter()
        self.orders, self.messages = deque(), self.session()

    def tell(self, **order):
        self.orders.append(order)

    def hear(self, *events):
        message = next(self.messages)
        if message["event"] in {"finished", "died"} and message["event"] not in events:
            raise ArmDied("pytest ended early")
        assert message["event"] in events, (message, events)
        if "silent" in message:
            self.took_s[message["silent"]] = self.limits[message["silent"]]
        return message

    def session(self):
        broken = dict(self.errors)
        for file in dict.fromkeys(name.partition("::")[0] for name in NAMES):
            if file in self.left_out:
                broken[file] = {"outcome": "passed", "message": ""}  # it's empty then
                continue
            yield {"event": "importing", "file": file}
            if file in self.fatal:
                yield self.fatal[file]
                return
            yield {"event": "importing", "file": None}
        there = [name for name in NAMES if name.partition("::")[0] not in broken]
        yield {
            "event": "collected",
            "tolerances": {name: {} for name in there},
            "errors": self.errors,
            "missing": [],
            "notes": [],
        }
        for name in self.orders.popleft()["run"]:
            if (yield from self.benchmark(name, self.odd if name == ODD else "")):
                return
        yield {"event": "finished"}

    def benchmark(self, name, odd):
        """Whether the session ends with it."""
        if odd in EARLY:
            yield EARLY[odd]
            return EARLY[odd]["event"] != "done" or EARLY[odd]["ends"]
        yield {"event": "ready", "iterations": None, "took_s": self.seconds}
        while (order := self.orders.popleft())["do"] == "round":
            self.calls[name] += order["iterations"] * order["parts"]
            self.calm -= odd in ROUNDS
            if odd not in ROUNDS or self.calm >= 0:
                yield {"event": "round", "seconds": self.seconds, "alone": False}
                continue
            yield ROUNDS[odd]
            if ROUNDS[odd]["event"] == "died":
                return True
            break
        if odd in LATE:
            yield LATE[odd]
            return True
        skipped, failed = order["do"] == "skip", odd in {"raises", "exits", "fails"}
        outcome = "skipped" if skipped else "failed" if failed else "passed"
        yield done(outcome, SAID * failed, ends=odd == "exits")
        return odd == "exits"


def done(outcome, message="", *, ends=False):
    return {"event": "done", "outcome": outcome, "message": message, "info": {}, "ends": ends}


DIED = {"event": "died", "outcome": "died", "message": "was ended by SIGSEGV"}
HUNG = {"event": "died", "outcome": "hung", "message": "stopped after 60 s"}
#: What is heard in place of ``ready``, of a round, and of ``done``.
EARLY = {
    "fails before": done("failed", SAID),
    "exits before": done("failed", SAID, ends=True),
    "skips": done("skipped", "Skipped: not today"),
    "unused": done("passed"),
    "dies before": DIED,
    "hangs before": {**HUNG, "silent": "rest"},
    "never begins": {"event": "finished"},
}
ROUNDS = {
    **{key: {"event": "raised", "message": SAID} for key in ("raises", "exits", "expects")},
    "dies": DIED,
    "hangs": {**HUNG, "silent": "round"},
}
LATE = {"dies after": DIED, "hangs after": {**HUNG, "silent": "rest"}}
#: What is said of a side that does so, where the other one doesn't.
RAISES, DIES = "raises in the {}: ValueError: no", "the {}'s process was ended by SIGSEGV"
HANGS = "doesn't end in the {}: stopped after 60 s"
BROKEN = {
    **dict.fromkeys(("fails before", "exits before", "raises", "exits", "fails"), RAISES),
    **dict.fromkeys(("dies before", "dies", "dies after"), DIES),
    **dict.fromkeys(("hangs before", "hangs", "hangs after"), HANGS),
    "expects": "raises in the {}, and its test passes: ValueError: no",
    "never begins": "isn't run in the {}: pytest ended before this benchmark",
}
UNTIMED = {
    "skips": "skipped in the {} only: Skipped: not today",
    "unused": "doesn't use the fixture 'benchmark' in the {}",
}


class Scripted(Gate):
    """A gate whose processes are scripted: ``script(side, pair)`` are a process's arguments."""

    def script(self, side, pair):
        raise NotImplementedError

    @contextmanager
    def processes(self, scratch, environ, fatal, *, first, **_):
        del scratch, environ
        pair, sides = len(self.pairs) + 1, sorted(("base", "head"), key=lambda side: side != first)
        processes = {
            side: Process(**self.script(side, pair), left_out=fatal[side]) for side in sides
        }
        yield processes
        self.calls = {side: process.calls for side, process in processes.items()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a gate of this script; returns it, verdicts (status and reason) by name, and notes."""
    monkeypatch.setattr("tlbench.gate.run.incomparable", lambda *_: None)  # nothing is imported

    def run(script, seed=0, *, resume=False):
        arms = [SimpleNamespace(label=side, notes=()) for side in ("base", "head")]
        gate = Scripted(
            *arms, Settings(()), Journal(tmp_path / "journal", {}), np.random.default_rng(seed),
            lambda _: None,
        )  # fmt: skip
        gate.script = script
        report = gate.run(resume=resume)
        found = {each.name: (each.status, each.reason) for each in report.verdicts}
        return gate, found, report.notes

    return run


PASSED = ("pass", "a slowdown of 5 % or more is ruled out")


def others_pass(gate, found):
    assert len(gate.pairs) == 6
    return found.pop(GOOD) == PASSED and found.pop(LAST) == PASSED


@pytest.mark.parametrize(
    ("odd", "calm", "pair"),
    [
        *((odd, 0, pair) for odd in (*BROKEN, *UNTIMED) for pair in (1, 4)),
        *((odd, 4, 1) for odd in ROUNDS),
    ],
)
def test_what_one_side_does_is_its_benchmarks_verdict(run, odd, calm, pair):
    """In whichever pair it begins, and in whichever round; the others are judged."""
    for side, name in (("base", "base"), ("head", "candidate")):

        def script(key, number, side=side):
            return {"odd": odd if key == side and number >= pair else "", "calm": calm}

        gate, found, notes = run(script, seed=pair)
        assert others_pass(gate, found)
        status = "fail" if side == "head" and odd in BROKEN else "not comparable"
        assert found == {ODD: (status, (BROKEN | UNTIMED)[odd].format(name))}
        assert notes == ()


BOTH = {
    **dict.fromkeys(BROKEN, "not comparable"),
    **dict.fromkeys(("hangs before", "hangs", "hangs after"), "inconclusive"),
    **dict.fromkeys(("expects", *UNTIMED)),
}


@pytest.mark.parametrize("pair", [1, 4])
@pytest.mark.parametrize(("odd", "status"), BOTH.items())
def test_what_both_sides_do_is_no_fail(run, odd, status, pair):
    gate, found, notes = run(lambda _, number: {"odd": odd if number >= pair else "", "calm": 2})
    assert others_pass(gate, found)
    if status is None:
        assert found == {}
        (note,) = notes
        assert note.startswith(f"{ODD}: ")
    else:
        assert found[ODD][0] == status
        assert notes == ()


def test_a_test_that_expects_an_error_makes_as_many_calls_in_both_sides(run):
    gate, found, notes = run(lambda *_: {"odd": "expects", "calm": 3})
    assert others_pass(gate, found)
    assert notes == (f"{ODD}: raises in both sides, as its test expects; not timed",)
    pilot = gate.pairs[0].benchmarks[ODD]
    assert (pilot.base, pilot.candidate) == ([], [])
    assert {end.raised for end in pilot.outcomes.values()} == {SAID}


@pytest.mark.parametrize(("raising", "status"), [("base", "fail"), ("head", "not comparable")])
def test_a_test_that_expects_an_error_in_vain_fails(run, raising, status):
    """As pytest has it: that side's test fails, and the other one's passes."""
    _, found, _ = run(lambda side, _: {"odd": "expects" if side == raising else "fails"})
    name = "candidate" if raising == "base" else "base"
    assert found[ODD] == (status, RAISES.format(name))


@pytest.mark.parametrize(("took_s", "status"), [(19.0, "fail"), (25.0, "inconclusive")])
def test_a_side_that_takes_nearly_as_long_as_the_limit_excuses_the_other(run, took_s, status):
    def script(side, _):
        return {"odd": "hangs" if side == "head" else "", "took_s": took_s}

    _, found, _ = run(script)
    assert found[ODD][0] == status
    assert ("increase the budget" in found[ODD][1]) == (status == "inconclusive")


def test_a_first_pair_that_takes_the_whole_budget_ends_the_gate(run, monkeypatch):
    """Each look at the clock finds it 400 s later; the budget is 600 s, from the second look on."""
    monkeypatch.setattr("tlbench.gate.run.perf_counter", itertools.count(0, 400).__next__)
    gate, found, _ = run(lambda *_: {})
    first, *rest = NAMES
    assert len(gate.pairs) == 1
    assert gate.pairs[0].benchmarks[first].usable
    assert found[first][0] == "inconclusive"
    unreached = ("inconclusive", "not reached: the first pair took the whole budget; increase it")
    assert [found[name] for name in rest] == [unreached] * len(rest)


ERROR = {"outcome": "failed", "message": "ModuleNotFoundError: No module named 'x'"}
SKIP = {"outcome": "skipped", "message": "Skipped: no numpy"}
IMPORT = f"import error in the {{}}: {ERROR['message']}"
SKIPPED = "skipped in the {} only: Skipped: no numpy"


@pytest.mark.parametrize(
    ("errors", "name", "status", "reason"),
    [
        ({"head": ERROR}, ODD, "fail", IMPORT.format("candidate")),
        ({"head": SKIP}, ODD, "not comparable", SKIPPED.format("candidate")),
        ({"base": ERROR}, ODD, "not comparable", IMPORT.format("base")),
        ({"base": SKIP}, ODD, "not comparable", SKIPPED.format("base")),
        (
            {"base": ERROR, "head": ERROR}, "bench_b.py", "not comparable",
            f"import error in both sides: {ERROR['message']}",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_not_imported_is_judged_alone(run, errors, name, status, reason):
    def script(side, _):
        return {"errors": {"bench_b.py": errors[side]} if side in errors else {}}

    gate, found, notes = run(script)
    assert others_pass(gate, found)
    assert found == {name: (status, reason)}
    assert notes == ()


def test_a_file_that_both_sides_skip_is_a_note(run):
    gate, found, notes = run(lambda *_: {"errors": {"bench_b.py": SKIP}})
    assert others_pass(gate, found)
    assert found == {}
    assert notes == ("bench_b.py: skipped in both: Skipped: no numpy",)


@pytest.mark.parametrize("pair", [1, 3])
@pytest.mark.parametrize(
    ("side", "status", "name"),
    [("head", "fail", "candidate"), ("base", "not comparable", "base")],
)
def test_a_file_whose_import_ends_the_process_is_left_out(run, side, status, name, pair):
    def script(key, number):
        return {"fatal": {"bench_b.py": DIED} if key == side and number >= pair else {}}

    gate, found, _ = run(script)
    assert others_pass(gate, found)
    reason = f"import error in the {name}: the process was ended by SIGSEGV"
    assert found == {ODD: (status, reason)}


@pytest.mark.parametrize("pair", [1, 4])
def test_a_file_that_is_not_imported_in_one_pair(run, pair):
    def script(side, number):
        return {"errors": {"bench_b.py": ERROR} if side == "head" and number == pair else {}}

    gate, found, _ = run(script)
    assert others_pass(gate, found)
    assert found == {ODD: ("fail", f"import error in the candidate: {ERROR['message']}")}


def test_a_process_that_ends_between_files_ends_the_gate(run):
    with pytest.raises(ArmDied):
        run(lambda *_: {"fatal": {"bench_a.py": {"event": "finished"}}})


@pytest.mark.parametrize("odd", [*BROKEN, *UNTIMED])
def test_a_gate_that_was_interrupted_knows_what_was_broken(run, odd):
    def script(side, number):
        if number == 3:
            raise KeyboardInterrupt
        return {"odd": odd if side == "head" and number == 2 else ""}

    with pytest.raises(KeyboardInterrupt):
        run(script)
    gate, found, _ = run(lambda *_: {}, resume=True)
    assert others_pass(gate, found)
    assert [ODD in pair.benchmarks for pair in gate.pairs] == [True, True] + [False] * 4
    status = "fail" if odd in BROKEN else "not comparable"
    assert found == {ODD: (status, (BROKEN | UNTIMED)[odd].format("candidate"))}


def test_a_gate_that_was_interrupted_knows_what_was_lost(run):
    def script(side, number):
        if number == 3:
            raise KeyboardInterrupt
        return {"errors": {"bench_b.py": ERROR} if side == "head" and number == 2 else {}}

    with pytest.raises(KeyboardInterrupt):
        run(script)
    gate, found, _ = run(lambda *_: {}, resume=True)
    assert others_pass(gate, found)
    assert found == {ODD: ("fail", IMPORT.format("candidate"))}


def test_what_dies_of_those_before_it_gets_processes_of_its_own(run):
    """It begins in new ones, and there it passes."""
    odd = {"base": [], "head": ["dies before"]}
    gate, found, _ = run(lambda side, _: {"odd": odd[side].pop() if odd[side] else ""})
    assert others_pass(gate, found)
    assert found == {ODD: PASSED}
    assert [pair.starts for pair in gate.pairs] == [2, 1, 1, 1, 1, 1]


def test_a_file_that_ends_processes_although_it_is_left_out_ends_the_gate(run):
    def session(self):
        yield {"event": "importing", "file": "bench_b.py"}
        yield DIED

    scripts = iter([{}] * 8)  # not for ever
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ArmDied):
        patch.setattr(Process, "session", session)
        run(lambda *_: next(scripts))
