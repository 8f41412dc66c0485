"""What an NVIDIA GPU's readings before and after timed work say about the time between."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.machine.gpu import GpuState


@dataclass(frozen=True)
class GpuNoise:
    """A GPU during an interval; None where the driver doesn't tell.

    Attributes:
        clock_before_mhz: Clock of its multiprocessors before.
        clock_after_mhz: Clock right after.
        temperature_c: The higher of both temperatures, in Celsius.
        power_w: Watts right after.
        throttle: What held its clock down before or after.
        thermal_s: Seconds in which heat held its clock down.
        power_capped_s: Seconds in which its power limit did, which is usual at full load.
        others: Share of its time that other processes used lately, 0 to 1.
    """

    clock_before_mhz: float | None
    clock_after_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    throttle: tuple[str, ...] | None
    thermal_s: float | None
    power_capped_s: float | None
    others: float | None

    @property
    def clock_change(self) -> float | None:
        """Relative change of the clock, such as -0.1 for a tenth slower at the end."""
        if not self.clock_before_mhz or self.clock_after_mhz is None:
            return None
        return self.clock_after_mhz / self.clock_before_mhz - 1


def is_number(value: object) -> bool:
    """Whether it is a finite number, as what is counted is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def gpu_of(told: object) -> GpuNoise | None:
    """What was written of a GPU; None where it is something else, as in a file."""
    if not isinstance(told, dict):
        return None
    facts = {field.name: told.get(field.name) for field in fields(GpuNoise)}
    held = facts.pop("throttle")
    if not all(value is None or is_number(value) for value in facts.values()):
        return None
    words = None if not isinstance(held, list | tuple) else tuple(map(str, held))
    return GpuNoise(**facts, throttle=words)


def gpu_noise(before: GpuState, after: GpuState) -> GpuNoise:
    """What happened between two readings of one GPU."""
    return GpuNoise(
        clock_before_mhz=before.clock_mhz,
        clock_after_mhz=after.clock_mhz,
        temperature_c=_highest([before.temperature_c, after.temperature_c]),
        power_w=after.power_w,
        throttle=_either([before.throttle, after.throttle]),
        thermal_s=_passed(before.thermal_s, after.thermal_s),
        power_capped_s=_passed(before.power_capped_s, after.power_capped_s),
        others=after.others,
    )


def sum_gpus(intervals: Sequence[tuple[GpuNoise, ...]]) -> tuple[GpuNoise, ...]:
    """Several intervals as one, GPU by GPU: times added, the worst of what can't be added."""
    return tuple(_sum(list(one)) for one in zip(*intervals, strict=True))


def _sum(one: list[GpuNoise]) -> GpuNoise:
    return GpuNoise(
        clock_before_mhz=one[0].clock_before_mhz,
        clock_after_mhz=one[-1].clock_after_mhz,
        temperature_c=_highest([each.temperature_c for each in one]),
        power_w=_highest([each.power_w for each in one]),
        throttle=_either([each.throttle for each in one]),
        thermal_s=_total([each.thermal_s for each in one]),
        power_capped_s=_total([each.power_capped_s for each in one]),
        others=_highest([each.others for each in one]),
    )


def _passed(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _either(values: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    known = [value for value in values if value is not None]
    return tuple(dict.fromkeys(words for value in known for words in value)) if known else None
