"""Which functions became slower: each benchmark that fails is profiled once in both arms."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator  # noqa: TC003
from dataclasses import dataclass, field, replace
from importlib import metadata
from statistics import median
from threading import Timer
from typing import TYPE_CHECKING

from tlbench.cache import temporary_folder
from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.gate.profile_growth import Profile, ProfileChange, growth, measured, sampled
from tlbench.gate.run import plugin_folder
from tlbench.gate.visit import HASHES, SIDES, Unanswered, ask_all

if TYPE_CHECKING:
    from pathlib import Path

    from tlbench.gate.arm_setup import ReadyArm
    from tlbench.gate.run import Gate
    from tlbench.gate.verdict import Report
    from tlbench.gate.visit import Visit

#: Benchmarks that are profiled at most: those with the largest slowdowns.
MOST = 3
#: Seconds for which each side of a benchmark is profiled; at least one call.
PROFILE_S = 4.0
#: A benchmark whose call takes more seconds is not profiled.
TOO_LONG_S = 60.0
#: Samples per second.
RATE = 250
#: With fewer samples cProfile is used: untimed work between short calls took most of the time.
FEW = 50
#: Why there is no py-spy, and what to do.
MISSING = "isn't installed (pip install 'tlbench[profile]')"
#: Seconds that py-spy may take to attach, and to write its file.
PATIENCE_S = 20.0


class SamplerError(Exception):
    """py-spy can't trace a process; why, in one line."""


def with_profiles(gate: Gate, report: Report) -> Report:
    """The report with ``profile`` in verdicts that fail by speed; notes name missing profiles."""
    slow = [
        each
        for each in report.verdicts
        if each.status == "fail" and each.estimate and not each.accuracy_lost
    ]
    slow.sort(key=lambda each: -each.estimate.ratio if each.estimate else 0.0)
    chosen = [each.name for each in slow[:MOST]]
    if not chosen:
        return report
    bound = 2 * PROFILE_S * len(chosen)
    gate.say(f"profiling slower benchmarks in both sides, about {bound:.0f} s; Ctrl-C skips this")
    profiler = _Profiler(gate)
    with plugin_folder() as scratch:
        changes, notes = ask_all(
            lambda fatal: gate.processes(scratch, HASHES, fatal),
            chosen,
            profiler.ask,
            "not profiled",
        )
    if profiler.fallback:
        notes.append(f"profiled by cProfile, because py-spy {profiler.fallback}")
    if len(slow) > MOST:
        others = ", ".join(each.name for each in slow[MOST:])
        notes.append(f"not profiled, because only the {MOST} largest slowdowns are: {others}")
    verdicts = (replace(each, profile=changes.get(each.name)) for each in report.verdicts)
    return replace(report, verdicts=tuple(verdicts), notes=(*report.notes, *notes))


@dataclass
class _Profiler:
    """Profiles both sides by py-spy, or by cProfile once that has failed: ``fallback`` says why."""

    gate: Gate
    fallback: str = field(default_factory=lambda: "" if sampler() else MISSING)

    def ask(self, name: str, one: Visit) -> ProfileChange:
        rounds = [pair.benchmarks[name] for pair in self.gate.pairs if name in pair.benchmarks]
        timed = [each for each in rounds if each.base]
        seconds = (
            median(median(each.base) for each in timed),
            median(median(each.candidate) for each in timed),
        )
        if max(seconds) > TOO_LONG_S:
            raise Unanswered(f"a call takes {max(seconds):.0f} s")
        iterations = timed[0].iterations
        one.ask(BASE, CANDIDATE, do="round", iterations=iterations, parts=1, timed=False)
        order = {"do": "for", "seconds": PROFILE_S, "iterations": iterations}
        profiles, tool = self._samples(one, order), "py-spy"
        if any(each.samples < FEW for each in profiles):
            profiles, tool = [self._measured(one, key, order) for key in SIDES], "cProfile"
        return ProfileChange(tool, growth(profiles[0], profiles[1], seconds))

    def _samples(self, one: Visit, order: dict[str, object]) -> list[Profile]:
        """Profiles of both sides by py-spy; empty ones if it can't trace them."""
        if not self.fallback:
            try:
                return [self._sampled(one, key, order) for key in SIDES]
            except SamplerError as error:
                self.fallback = str(error)
        return [Profile(samples=0), Profile(samples=0)]

    def _sampled(self, one: Visit, key: str, order: dict[str, object]) -> Profile:
        pid = one.ask(key, do="trace")[key]["pid"]
        with temporary_folder() as scratch:
            file = scratch / "stacks"
            with sampling(pid, file):
                target = one.ask(key, cprofile=False, **order)[key]["target"]
            text = file.read_text(encoding="utf-8", errors="replace")
        return sampled(text, self._arm(key).tree.root, target)

    def _measured(self, one: Visit, key: str, order: dict[str, object]) -> Profile:
        functions = one.ask(key, cprofile=True, **order)[key]["functions"]
        return measured(functions, self._arm(key).tree.root)

    def _arm(self, key: str) -> ReadyArm:
        return self.gate.base if key == BASE else self.gate.candidate


def sampler() -> str | None:
    """The path of py-spy: the one that pip installed, even outside the PATH, or another."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("py-spy") or ():
            if file.name == "py-spy":
                return str(file.locate())
    return shutil.which("py-spy")


@contextlib.contextmanager
def sampling(pid: int, file: Path) -> Iterator[None]:
    """Sample a process with py-spy during the block; the stacks are in the file afterwards.

    Raises:
        SamplerError: py-spy can't attach, or writes nothing.
    """
    command = [str(sampler()), "record", "--pid", str(pid), "--rate", str(RATE), "--idle"]
    command += ["--format", "raw", "--function", "--full-filenames", "--output", str(file)]
    process = subprocess.Popen(  # noqa: S603 - what pip installed beside this package
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True,  # Ctrl-C is for the gate
    )  # fmt: skip
    try:
        _wait_until_it_looks(process)
        yield
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=PATIENCE_S)
        if not file.exists():
            raise SamplerError("wrote nothing")
    finally:
        process.kill()
        process.communicate()


def _wait_until_it_looks(process: subprocess.Popen[str]) -> None:
    """Wait until py-spy samples.

    Raises:
        SamplerError: py-spy ended or took too long; with its last line.
    """
    timer, lines = Timer(PATIENCE_S, process.kill), ["it ended"]
    timer.start()
    try:
        for line in process.stdout or ():
            if "Sampling process" in line:
                return
            lines += filter(None, [line.strip()])
    finally:
        timer.cancel()
    raise SamplerError(f"can't trace the arm's process: {lines[-1]}")
