"""CPUs in place of GPUs, so that what runs on GPUs can be tried on a machine that has none.

It is also a plugin of pytest: ``pytest -p bench.studies.stand_in --benchmark --device gpu``. What
is measured then says nothing about any GPU.
"""

from __future__ import annotations

from unittest import mock

from tl_core import devices

#: Logical CPUs, each of which stands for a GPU.
COUNT = 2


def stand_in() -> None:
    """Let this process take CPUs for GPUs; before TensorFlow starts in it."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(COUNT)]
    )
    mock.patch.object(devices, "_gpus", _names).start()


def _names(_spec: str, number: int | None) -> tuple[str, ...]:
    chosen = range(COUNT) if number is None else [number]
    return tuple(f"CPU:{each}" for each in chosen)


def pytest_configure() -> None:
    """Before the benchmarks."""
    stand_in()
