"""Measure a machine with GPUs in at most eight minutes.

Run as ``python -m bench.studies.gpu FILE --results FOLDER`` with the suite's own options; see
``docs/gpus.md``. Each part runs in a fresh process, the most important one first, and FILE is
written again after each. Parts for which no time is left are named there, and so are those that
failed. With ``--stand-in`` CPUs stand for GPUs, and figures mean nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bench.studies.files import write_json
from bench.studies.fresh import Task, run_fresh, study
from bench.studies.gpu_parts import TASKS, Sizes
from bench.studies.stand_in import stand_in
from tl_core.engines.names import ENGINES, is_installed
from tlbench.report.table import lines_of, per_second
from tlbench.suite.options import OPTIONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence


MODULE = "bench.studies.gpu"
#: What the rates of each engine are measured in.
PRECISIONS = ("fp32", "bf16", "fp16")
#: Seconds that a part needs at least, and how many it gets at most.
LEAST_S, MOST_S = 30, 150
#: Share of its seconds after which a part that can be cut short begins nothing new.
SHARE = 0.7
#: Seconds that an interrupted suite has to write what it measured.
GRACE_S = 20


#: With ``--small``; and options of the suite that aren't given then.
SMALL = Sizes(chunks=(8, 16), images=48, train=96, test=32, suite_s=5)
SMALL_OPTIONS = {"image_size": "64", "train_size": "400", "test_size": "60", "chunk": "16"}


def _task(*, stands_in: bool, part: str, **arguments: Any) -> Task:  # noqa: ANN401 - JSON
    """A part, in its own process."""
    if stands_in:
        stand_in()
    return TASKS[part](**arguments)


def suite(options: Task, sizes: Sizes, results: str, seconds: float, *, stands_in: bool) -> Task:
    """``pytest --benchmark``, whose result file stays in the folder ``results``.

    Interrupted in time, it writes what it has measured.
    """
    flags = {option.name: option.flag for option in OPTIONS} | {"workload": "--workload"}
    command = [
        *(sys.executable, "-m", "pytest", "--benchmark"),
        *(["-p", "bench.studies.stand_in"] if stands_in else []),
        *(word for name, text in options.items() for word in (flags[name], text)),
        *("--budget", str(int(min(sizes.suite_s, SHARE * seconds))), "--results", results),
    ]
    with subprocess.Popen(  # noqa: S603 - ours
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=seconds - GRACE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                printed, _ = process.communicate(timeout=GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    return {"exit": process.returncode, "printed": printed.splitlines()[-30:]}


def parts(
    options: Task, sizes: Sizes, precisions: Sequence[str] = PRECISIONS
) -> Iterator[tuple[str, Task]]:
    """Names and tasks, the most important one first."""
    common = {"options": options, "sizes": asdict(sizes)}

    def cells(precision: str) -> Iterator[tuple[str, Task]]:
        for engine, about in ENGINES.items():
            if precision in about.precisions_on("gpu") and is_installed(engine):
                task = {"part": "rates", "engine": engine, "precision": precision}
                yield f"{engine} {precision}", task | common

    for name in ("gpus", "job", "cached"):
        yield name, {"part": name, **common}
    first, *others = precisions
    yield from cells(first)
    for name in ("suite", "peaks", "resizing"):
        yield name, {"part": name, **common}
    for each in others:
        yield from cells(each)


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Every part that there is time for."""
    end = perf_counter() + arguments.within
    sizes = SMALL if arguments.small else Sizes()
    options = {"device": "gpu", **(SMALL_OPTIONS if arguments.small else {}), **options}
    outcome: Task = {"stands in": arguments.stand_in, "parts": {}, "failed": {}, "left out": []}

    def measured(task: Task, seconds: float) -> Task:
        stands_in = arguments.stand_in
        if task["part"] == "suite":
            return suite(options, sizes, arguments.results, seconds, stands_in=stands_in)
        if task["part"] == "rates":
            task = {**task, "limit_s": SHARE * seconds}
        return run_fresh(
            MODULE, {"name": "part", "stands_in": stands_in, **task}, timeout_s=seconds
        )

    for name, task in parts(options, sizes, arguments.precisions):
        _add(outcome, name, partial(measured, task), end - perf_counter())
        if name == "gpus" and name not in outcome["parts"]:
            raise SystemExit(outcome["failed"].get(name) or "--within: no time for anything")
        if arguments.file:
            write_json(arguments.file, outcome)
    print("\n".join(table(outcome)))  # noqa: T201
    return outcome


def _add(outcome: Task, name: str, measure: Callable[[float], Task], left_s: float) -> None:
    """A part's figures, or why there are none."""
    if left_s < LEAST_S:
        outcome["left out"].append(name)
        return
    start = perf_counter()
    try:
        figures = measure(min(left_s, MOST_S))
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        why = outcome["failed"][name] = str(error).strip().splitlines()[-1][-1000:]
        print(f"{name}: failed: {why}", flush=True)  # noqa: T201
        return
    outcome["parts"][name] = figures | {"took_s": perf_counter() - start}
    print(f"{name}: {outcome['parts'][name]}", flush=True)  # noqa: T201


def table(outcome: Task) -> list[str]:
    """Lines of engine, precision and chunk with their rates."""
    rows = [
        (*name.split(), chunk, per_second(median(several)), _percent(part["accuracy_kept"]))
        for name, part in outcome["parts"].items()
        if "accuracy_kept" in part
        for chunk, several in part["images_per_s"].items()
        if several
    ]
    return lines_of(
        ("engine", "precision", "chunk", "images/s", "accuracy kept"), rows, right=(2, 3)
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--within", type=float, default=480, help="seconds of the whole study")
    parser.add_argument("--results", default="results", help="folder of the suite's result file")
    parser.add_argument("--stand-in", action="store_true", help="CPUs stand for GPUs")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--small", action="store_true", help="little of each, to try the study")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", {"part": _task}, run, _options, workload="quick")


if __name__ == "__main__":
    main()
