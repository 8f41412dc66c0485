"""The search for the best candidate: what is tried next, what is dropped, and when it ends.

It extracts and times nothing itself: whoever has a clock and those functions can run it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tl_core.errors import DeviceError, ModelError
from tlbench.compare.selection import INACCURATE, Candidate, Rule, Selection, Trial
from tlbench.suite.select.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tlbench.suite.select.plan import Plan
    from tlbench.suite.select.tools import Tools

#: What a larger sample is expected to take: a multiple of the pilots' time for as many images, and
#: seconds for each candidate's heads.
EXTRA, HEADS_S = 1.3, 3.0
#: A larger sample is worth it from so many times as many images as before.
WORTH = 1.2
#: Engines that are tried again at the end have at least this share of the fastest's throughput.
CLOSE = 0.5


class Search:
    """One search, to be run once.

    1. Every engine is timed with the first backbone at its own size. The fastest is used from then
       on; lower precisions stay candidates only where they are faster.
    2. Every backbone and size is timed, and judged on the first sample.
    3. What can't become best is dropped, by the rule, while the sample grows: until the rule has
       decided, all images are used, or the time is up.
    4. Lower precisions of what is left are tried in the same way.
    5. Engines that were nearly as fast are timed again with the best candidate.

    A step that has begun is finished, and one candidate is judged however small the budget is.

    Args:
        plan: What is tried.
        tools: Do it.
        margin: Accuracy that may be given up for speed, in points of 1.
        tell: Gets a line of progress.
        start: When the budget began, by the tools' clock; None for now.
    """

    def __init__(
        self,
        plan: Plan,
        tools: Tools,
        margin: float,
        tell: Callable[[str], None],
        start: float | None = None,
    ) -> None:
        self._plan, self._tools, self._tell = plan, tools, tell
        self._rule = Rule(margin, len(plan.samples))
        self._budget = Budget(plan.budget_s, tools.now, start)
        self._trials: dict[Candidate, Trial] = {}
        self._pilots: dict[Candidate, float] = {}
        self._refused: dict[Candidate, str] = {}
        self._untried: list[Candidate] = []
        self._top: Candidate | None = None
        self._tops: dict[int, Trial] = {}

    def run(self) -> Selection:
        """Search until it is decided, or the time is up."""
        engines, decided, best = self._time_engines(), False, None
        if self._judge(engines):
            decided = self._drop() or self._all_seen()
            best = self._with_fastest_engine(self._rule.best(self._alive()), engines)
        return Selection(
            trials=tuple(sorted(self._trials.values(), key=lambda each: -each.images_per_s)),
            best=best,
            top=None if self._top is None else self._trials[self._top],
            rule=self._rule,
            decided=decided and not self._untried,
            images=self._plan.samples[-1],
            engines=engines,
            refused=self._refused,
            untried=tuple(self._untried),
            seconds=self._budget.used,
            budget_s=self._plan.budget_s,
            needed_s=self._budget.needed if self._untried else None,
        )

    def _judge(self, engines: dict[tuple[str, str], float]) -> bool:
        """Compare candidates until it is decided or the time is up; whether there are any."""
        if not engines:
            return False
        first = next(iter(engines))[1]  # single precision, where it is wanted
        self._try_sizes(_ranked(engines, first), first)
        if self._trials:
            self._tops[self._plan.samples[0]] = self._rule.most_accurate(self._alive())
            self._grow()
            self._drop()
            self._try_precisions(engines, first)
            self._grow()
        return bool(self._trials)

    def _time_engines(self) -> dict[tuple[str, str], float]:
        """Images per second by engine and precision, with the first backbone that any runs."""
        for model, (own, *_) in self._plan.sizes.items():
            rates: dict[tuple[str, str], float] = {}
            for engine, precision in self._plan.engines:
                candidate = Candidate(model, own, engine, precision)
                with self._budget.step("engine", always=not rates) as fits:
                    rate = self._timed(candidate) if fits else None
                if not fits:
                    self._untried.append(candidate)
                elif rate is not None:
                    rates[engine, precision] = rate
                    self._tell(f"{candidate}: {rate:,.0f} images/s")
                    self._tools.release(candidate)
            if rates:
                return rates
        return {}

    def _try_sizes(self, engines: Sequence[str], precision: str) -> None:
        """Own sizes first, then size by size, so that an early end has seen every backbone."""
        using: dict[str, str] = {}
        for model, (own, *_) in self._plan.sizes.items():
            for engine in engines:
                if self._try(Candidate(model, own, engine, precision)):
                    using[model] = engine
                    break
        for position in range(1, max(map(len, self._plan.sizes.values()))):
            for model, sizes in self._plan.sizes.items():
                if model in using and position < len(sizes):
                    self._try(Candidate(model, sizes[position], using[model], precision))

    def _try_precisions(self, engines: dict[tuple[str, str], float], first: str) -> None:
        """Of what isn't dropped, precisions that were faster than the first one, the best first.

        Lower precision makes no network more accurate: where single precision is dropped, it need
        not be tried.
        """
        fastest = {
            precision: max(rate for (_, each), rate in engines.items() if each == precision)
            for _, precision in engines
        }
        faster = [each for each, rate in fastest.items() if rate > fastest[first]]
        best = self._rule.best(self._alive())
        for trial in sorted(self._alive(), key=lambda each: each is not best):
            for precision in faster:
                engine = _ranked(engines, precision)[0]
                other = replace(trial.candidate, engine=engine, precision=precision)
                self._try(other, HEADS_S + EXTRA * trial.images / trial.images_per_s)

    def _try(self, candidate: Candidate, expected_s: float = 0.0) -> bool:
        """Time a candidate, and judge it on the samples so far; False where it can't be run."""
        kind = "sample" if candidate in self._pilots else "candidate"
        with self._budget.step(kind, expected_s, always=not self._trials) as fits:
            if not fits:
                self._untried.append(candidate)
                return True
            rate = self._timed(candidate)
            if rate is None:
                return False
            trial = self._caught_up(candidate, rate)
        accuracy = f"accuracy {trial.accuracy:.4f} on {trial.images:,} images"
        self._tell(f"{candidate}: {rate:,.0f} images/s, {accuracy}")
        if trial.dropped:
            self._tell(f"{candidate}: dropped after {trial.images:,} images: {trial.dropped}")
        return True

    def _caught_up(self, candidate: Candidate, rate: float) -> Trial:
        """Judged on one sample after the other, until it loses too much beside the top of then.

        Heads that learned from more images would seem to be better: only those are compared that
        learned from the same.
        """
        for images, top in self._tops.items() or [(self._plan.samples[0], None)]:
            trial = Trial(candidate, rate, self._tools.right(candidate, images))
            if top and self._rule.difference(trial, top).high < -self._rule.margin:
                trial = replace(trial, dropped=INACCURATE)
                self._tools.release(candidate)
                break
        self._trials[candidate] = trial
        return trial

    def _timed(self, candidate: Candidate) -> float | None:
        """Its pilot's images per second; None where it can't be run."""
        if candidate in self._refused:
            return None
        if candidate not in self._pilots:
            try:
                self._pilots[candidate] = self._tools.images_per_s(candidate)
            except (ModelError, DeviceError) as error:
                self._refused[candidate] = str(error)
                self._tell(f"{candidate}: can't be run: {error}")
                return None
        return self._pilots[candidate]

    def _grow(self) -> None:
        """Judge what is left on larger and larger samples."""
        for images in self._plan.samples[1:]:
            if self._drop():
                return
            alive = self._alive()
            target = self._affordable(images, alive) if alive[0].images < images else None
            if target is None:
                continue
            grown = []
            for trial in alive:
                if self._budget.left <= 0:
                    return  # all are compared on the same images, or not at all
                grown.append(replace(trial, right=self._tools.right(trial.candidate, target)))
            self._trials |= {trial.candidate: trial for trial in grown}
            top = self._tops[target] = self._rule.most_accurate(grown)
            self._tell(
                f"{len(grown)} candidates on {target:,} images: the most accurate is "
                f"{top.candidate} with {top.accuracy:.4f}"
            )

    def _affordable(self, images: int, alive: Sequence[Trial]) -> int | None:
        """How large a sample fits into the budget, at most ``images``; None for none worth it."""
        done = min(each.images for each in alive)
        each_s = EXTRA * sum(1 / trial.images_per_s for trial in alive)
        left = max(0.0, self._budget.left - HEADS_S * len(alive))
        most = min(images, done + int(left / each_s))
        return most if most == images or most >= WORTH * done else None

    def _alive(self) -> list[Trial]:
        return [trial for trial in self._trials.values() if not trial.dropped]

    def _drop(self) -> bool:
        """Drop what can't become best; whether one is left."""
        alive = self._alive()
        if self._top is None or len(alive) > 1:
            self._top = self._rule.most_accurate(alive).candidate
        for candidate, reason in self._rule.losers(alive).items():
            trial = self._trials[candidate]
            self._trials[candidate] = replace(trial, dropped=reason)
            self._tools.release(candidate)
            self._tell(f"{candidate}: dropped after {trial.images:,} images: {reason}")
        return len(self._alive()) == 1

    def _all_seen(self) -> bool:
        every = self._plan.samples[-1]
        return all(each.images == every for each in self._alive())

    def _with_fastest_engine(self, best: Trial, engines: dict[tuple[str, str], float]) -> Trial:
        """The same with another engine, where that is faster with this backbone at this size."""
        own = best.candidate
        ranked = _ranked(engines, own.precision)
        close = CLOSE * engines[ranked[0], own.precision]
        rates = {own: best.images_per_s}
        for engine in ranked:
            candidate = replace(own, engine=engine)
            if engines[engine, own.precision] < close or candidate == own:
                continue
            with self._budget.step("engine", needed=False) as fits:
                rate = self._timed(candidate) if fits else None
            if rate is not None:
                rates[candidate] = rate
                self._tell(f"{candidate}: {rate:,.0f} images/s")
        fastest = max(rates, key=lambda each: rates[each])
        if fastest == own:
            return best
        del self._trials[own]
        self._top = fastest if self._top == own else self._top
        trial = replace(best, candidate=fastest, images_per_s=rates[fastest])
        self._trials[fastest] = trial
        return trial


def _ranked(engines: dict[tuple[str, str], float], precision: str) -> list[str]:
    """The engines with a precision, the fastest first."""
    able = {name: rate for (name, each), rate in engines.items() if each == precision}
    return sorted(able, key=lambda name: -able[name])
