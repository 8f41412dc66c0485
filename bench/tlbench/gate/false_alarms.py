"""How often a gate of unchanged code raises an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.stats.estimate import ALARM
from tlbench.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.gate.verdict import Report


@dataclass(frozen=True)
class FalseAlarms:
    """Numbers of gates of unchanged code.

    Attributes:
        gates, alarms, undecided: How many ran, how many failed, how many were inconclusive.
        low, high: The exact 95 % interval of the rate of false alarms.
    """

    gates: int
    alarms: int
    undecided: int
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the interval agrees with the rate that the gate promises."""
        return self.low <= ALARM

    def __str__(self) -> str:
        """In a line."""
        return (
            f"{self.alarms} false alarm{'s' * (self.alarms != 1)} in {self.gates} "
            f"gate{'s' * (self.gates != 1)} of unchanged code ({100 * self.low:.1f} % to "
            f"{100 * self.high:.1f} %, exact 95 % interval); {self.undecided} inconclusive"
        )


def false_alarms(reports: Sequence[Report]) -> FalseAlarms:
    """Count the alarms of gates whose arms were the same."""
    gates, alarms = len(reports), sum(each.status == "fail" for each in reports)
    undecided = sum(each.status == "inconclusive" for each in reports)
    return FalseAlarms(gates, alarms, undecided, *clopper_pearson(alarms, gates))
