"""A gate whose pairs are over, of two folders with the same benchmarks, for what comes after."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tlbench.gate.arm_setup import ReadyArm
from tlbench.gate.pair_result import Pair, PairedRounds
from tlbench.gate.run import Gate, Settings
from tlbench.gate.verdict import Report, Verdict
from tlbench.stats.estimate import Estimate

SLOWER = Estimate(1.4, 1.3, 1.5, 0.97, 8)


def two_arms(folder, suite, base, candidate, seconds):
    """The gate, and its report, in which all benchmarks are slower.

    ``suite`` is the benchmarks' file; ``base`` and ``candidate`` are a module ``lib``; ``seconds``
    has of each benchmark those of a call in both arms, and how many are timed at once.
    """
    arms = []
    for name, lib in (("base", base), ("head", candidate)):
        tree = folder / name
        tree.mkdir()
        (tree / "bench_it.py").write_text(suite)
        (tree / "lib.py").write_text(lib)
        (tree / "pytest.ini").write_text("[pytest]\n")
        environ = {**os.environ, "PYTHONPATH": str(tree)}
        python, where = Path(sys.executable), SimpleNamespace(root=tree)
        arms.append(ReadyArm(name, tree, python, environ, (), {}, (), tree, where, None))
    rounds = {
        f"bench_it.py::{name}": PairedRounds([old], [new], iterations)
        for name, (old, new, iterations) in seconds.items()
    }
    say = [].append
    random = np.random.default_rng(0)
    gate = Gate(*arms, Settings(("bench_it.py",)), None, random, say, [Pair(True, rounds, 1.0)])
    verdicts = (Verdict(name, "fail", "slower", 0.05, SLOWER) for name in rounds)
    return gate, Report("base", "head", tuple(verdicts))
