"""What an arm of a gate may set of the suite's options, such as ``engine=litert``."""

from __future__ import annotations

from tlbench.gate.arms import SuiteOptions
from tlbench.suite.options import OPTIONS, workload_from
from tlbench.suite.workloads import QUICK


def _check(values: dict[str, str]) -> None:
    """Check values, but not names of engines and data sets: another ref may know others."""
    others = {name: text for name, text in values.items() if name != "workload"}
    workload_from(values.get("workload", QUICK.name), others)


ARM_OPTIONS = SuiteOptions(("workload", *(option.name for option in OPTIONS)), _check)
