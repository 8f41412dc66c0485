"""What an NVIDIA GPU's readings before and after timed work say about the time between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.machine.gpu import GpuState


class GpuNoise(msgspec.Struct, frozen=True):
    """A GPU during an interval; None where the driver doesn't report it.

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

    clock_before_mhz: float | None = None
    clock_after_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttle: tuple[str, ...] | None = None
    thermal_s: float | None = None
    power_capped_s: float | None = None
    others: float | None = None

    @property
    def clock_change(self) -> float | None:
        """Relative change of the clock, such as -0.1 for a tenth slower at the end."""
        if not self.clock_before_mhz or self.clock_after_mhz is None:
            return None
        return self.clock_after_mhz / self.clock_before_mhz - 1


def gpu_noise(before: GpuState, after: GpuState) -> GpuNoise:
    """What happened between two readings of one GPU."""
    return GpuNoise(
        clock_before_mhz=before.clock_mhz,
        clock_after_mhz=after.clock_mhz,
        temperature_c=_highest([before.temperature_c, after.temperature_c]),
        power_w=after.power_w,
        throttle=_union([before.throttle, after.throttle]),
        thermal_s=passed(before.thermal_s, after.thermal_s),
        power_capped_s=passed(before.power_capped_s, after.power_capped_s),
        others=after.others,
    )


def passed(before: float | None, after: float | None) -> float | None:
    """What a counter rose by; None where either reading lacks it."""
    return None if before is None or after is None else after - before


def sum_gpus(intervals: Sequence[tuple[GpuNoise, ...]]) -> tuple[GpuNoise, ...]:
    """Several intervals as one, GPU by GPU: times added, the worst of what can't be added."""
    return tuple(
        GpuNoise(
            clock_before_mhz=several[0].clock_before_mhz,
            clock_after_mhz=several[-1].clock_after_mhz,
            temperature_c=_highest([each.temperature_c for each in several]),
            power_w=_highest([each.power_w for each in several]),
            throttle=_union([each.throttle for each in several]),
            thermal_s=_total([each.thermal_s for each in several]),
            power_capped_s=_total([each.power_capped_s for each in several]),
            others=_highest([each.others for each in several]),
        )
        for several in zip(*intervals, strict=True)
    )


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _total(values: Sequence[float | None]) -> float | None:
    return sum(value for value in values if value is not None) if None not in values else None


def _union(values: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    known = [value for value in values if value is not None]
    return tuple(dict.fromkeys(reason for value in known for reason in value)) if known else None
