"""What the commands that run gates have in common."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tlbench.cache import cache_dir
from tlbench.cli.command_line import NOTHING, Failure
from tlbench.cli.options import number_option
from tlbench.gate.arm_setup import ready_arms
from tlbench.gate.arms import parse_arm
from tlbench.gate.pair_result import Journal
from tlbench.numbers import SECONDS, SEEDS
from tlbench.suite.arm_options import ARM_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator

    from tlbench.gate.arm_process import ArmDied
    from tlbench.gate.arm_setup import ReadyArm
    from tlbench.gate.run import Gate, Settings

tolerance_option = click.option(
    "--tolerance",
    multiple=True,
    metavar="[NAME=]SHARE",
    show_default="5%",
    help="allowed slowdown, such as 5% or test_sort=10%; repeatable",
)
accuracy_tolerance_option = click.option(
    "--accuracy-tolerance",
    metavar="SHARE",
    show_default="1%",
    help="allowed loss of accuracy, in percentage points",
)


def budget_option(about: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--budget``, in seconds."""
    return number_option("--budget", about, SECONDS, default=600.0, metavar="SECONDS")


seed_option = number_option("--seed", "random seed of the turn order", SEEDS)


@dataclass(frozen=True)
class Ready:
    """Both sides ready to run; ``what`` says for JSON what is compared and how."""

    base: ReadyArm
    candidate: ReadyArm
    settings: Settings
    what: dict[str, Any]
    journal: Journal

    def gate(self, turns: Generator, say: Callable[[str], None]) -> Gate:
        """A gate of both sides that has not run yet."""
        from tlbench.gate.run import Gate

        return Gate(self.base, self.candidate, self.settings, self.journal, turns, say)


@contextmanager
def ready(
    texts: tuple[str, str], settings: Settings, say: Callable[[str], None]
) -> Iterator[Ready]:
    """Make the arms of base and candidate ready for the block, from the texts of the user.

    Raises:
        ArmError: An arm can't be made ready; why, in one line.
    """
    store, here = cache_dir() / "gate", Path.cwd()
    arms = [parse_arm(text, ARM_OPTIONS) for text in texts]
    with ready_arms(arms[0], arms[1], cwd=here, store=store, say=say) as (base, candidate):
        what = {
            "base": base.identity,
            "head": candidate.identity,
            "settings": dataclasses.asdict(settings),
            "folder": str(here),
        }
        journal = Journal.of(store / "journals", what)
        yield Ready(base, candidate, settings, what, journal)


def died(error: ArmDied) -> Failure:
    """The end of a command by the end of an arm's process, with that process's last output."""
    line, _, output = str(error).partition("\n")
    return Failure(line, NOTHING, output)
