"""Whether both arms imported the packages that they should, from the files that they imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.gate.builds import canonical
from tlbench.gate.distributions import modules_of
from tlbench.gate.requirements import distribution_of
from tlbench.gate.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tlbench.gate.arm_setup import ReadyArm
    from tlbench.gate.pair_result import Loaded

    #: What an arm imported, by the names of packages.
    Packages = Mapping[str, Loaded]

#: Folders of installed packages, which aren't part of the checkout around them.
INSTALLED = frozenset({"site-packages", "dist-packages"})


def incomparable(
    base: ReadyArm, candidate: ReadyArm, of_base: Packages, of_candidate: Packages
) -> str | None:
    """Why the arms can't be compared, with a file and what to do; None if they can."""
    arms = (base, candidate)
    for arm, packages in zip(arms, (of_base, of_candidate), strict=True):
        if reason := _elsewhere(arm, packages):
            return reason
    return _same_file(arms, of_base, of_candidate) or _kinds(arms, of_base, of_candidate)


def incomparable_verdicts(verdicts: Iterable[Verdict], reason: str) -> tuple[Verdict, ...]:
    """The verdict ``not comparable`` for every benchmark."""
    return tuple(Verdict(each.name, "not comparable", reason) for each in verdicts)


def _elsewhere(arm: ReadyArm, packages: Packages) -> str | None:
    """The reason if a package that ``pip=`` installed was imported from another place."""
    if arm.own is None:
        return None
    for names in arm.own.packages.values():
        for name in names:
            file = packages[name].file if name in packages else None
            if file and not Path(file).is_relative_to(arm.own.site):
                return (
                    f"{arm.label}: {name} is imported from {file}; expected {arm.own.site}, where "
                    "it was installed for this arm; move the benchmarks out of the package, or "
                    "don't use --import-mode=importlib"
                )
    return None


def _same_file(
    arms: tuple[ReadyArm, ReadyArm], of_base: Packages, of_candidate: Packages
) -> str | None:
    """The reason if both arms imported the same file of a package that should differ."""
    same = {
        name: each
        for name, each in of_base.items()
        if name in of_candidate and of_candidate[name].file == each.file
    }
    base, candidate = arms
    if _state(base) != _state(candidate):
        project = {name for arm in arms for name in _of_project(arm, same)}
        for name in sorted(project):
            return (
                f"both sides import {name} from {same[name].file}, so both run the same code; "
                "expected each side's own checkout: add pip=. to both arms"
            )
    for distribution in sorted(_differing(arms)):
        for name in _modules(distribution, arms):
            if name in same:
                version = f" {same[name].version}" if same[name].version else ""
                return (
                    f"both sides import {name}{version} from {same[name].file}, although their "
                    "pip= differ; expected two different versions"
                )
    return None


def _kinds(
    arms: tuple[ReadyArm, ReadyArm], of_base: Packages, of_candidate: Packages
) -> str | None:
    """The reason if one side ran compiled code of a package, and the other pure Python.

    It is no reason if the user wants that: by a variable that turns an extension off, or by PyPy,
    which rarely needs one.
    """
    by_variable = len({(_state(arm), arm.pip, arm.python) for arm in arms}) == 1
    if by_variable or len({arm.below.version.partition(" ")[0] for arm in arms}) > 1:
        return None
    groups = [
        {*_of_project(arms[0], of_base), *_of_project(arms[1], of_candidate)},
        *(set(_modules(each, arms)) for each in sorted(_differing(arms))),
    ]
    for group in groups:
        both = sorted(group & of_base.keys() & of_candidate.keys())
        compiled = [
            sorted(module for name in group & side.keys() for module in side[name].compiled)
            for side in (of_base, of_candidate)
        ]
        if both and bool(compiled[0]) != bool(compiled[1]):
            which, other = ("base", of_candidate) if compiled[0] else ("candidate", of_base)
            module = (compiled[0] or compiled[1])[0]
            name = next((each for each in both if module.startswith(each)), both[0])
            return (
                f"{name} is compiled in the {which} ({module}) and pure Python in the other "
                f"({other[name].file}); expected the same kind: add pip=. to both arms"
            )
    return None


def _state(arm: ReadyArm) -> tuple[str | None, str | None]:
    return arm.tree.commit, arm.tree.changes


def _of_project(arm: ReadyArm, packages: Packages) -> Iterator[str]:
    """Packages of the project itself: from a checkout, or from the distribution with its name."""
    installed = _modules(canonical(arm.project), (arm,)) if arm.project else ()
    checkouts = (arm.tree.root, arm.top)
    for name, each in packages.items():
        path = Path(each.file)
        in_checkout = any(path.is_relative_to(folder) for folder in checkouts)
        if name in installed or (in_checkout and not INSTALLED.intersection(path.parts)):
            yield name


def _differing(arms: tuple[ReadyArm, ReadyArm]) -> set[str]:
    """Distributions whose requirement in ``pip=`` differs between the arms, or is only in one."""
    requirements = [{(distribution_of(each), each) for each in arm.pip} for arm in arms]
    return {name for name, _ in requirements[0] ^ requirements[1] if name}


def _modules(distribution: str, arms: tuple[ReadyArm, ...]) -> tuple[str, ...]:
    """Names of a distribution's modules, as it is installed in or below the arms."""
    own = [arm.own.packages.get(distribution, ()) for arm in arms if arm.own]
    below = [modules_of(distribution, site) for arm in arms for site in arm.below.sites]
    return tuple(dict.fromkeys(name for names in (*own, *below) for name in names))
