"""The build of the arms' own project, if a checkout lacks files that a build creates."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError
from tlbench.gate.builds import canonical, compiled_files, made_by, project_of
from tlbench.gate.environments import environment
from tlbench.gate.requirements import distribution_of, local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tlbench.gate.environments import Environment, EnvironmentSpec
    from tlbench.gate.interpreters import Interpreter
    from tlbench.gate.worktrees import Tree


def maker_of(trees: Sequence[Tree], belows: Iterable[Interpreter], cwd: Path) -> str | None:
    """What creates files of the project that a checkout lacks, in any of the arms; None if nothing.

    Built files may be in the user's working tree, whose current folder is ``cwd``, or installed.
    """
    for tree in trees:
        project = project_of(tree.folder, tree.root)
        if project and (maker := made_by(project)):
            return maker
    mine = project_of(cwd, top_of(cwd, trees[0]))
    sites = [site for below in belows for site in below.sites]
    return compiled_files(mine, sites) if mine else None


def top_of(cwd: Path, tree: Tree) -> Path:
    """Top folder of the user's own checkout, whose current folder is ``cwd``."""
    within = tree.folder.relative_to(tree.root)
    return cwd.parents[len(within.parts) - 1] if within.parts else cwd


def own_requirement(pip: Iterable[str], tree: Tree) -> str | None:
    """The path with which pip builds an arm's own project; None if ``pip`` already has it."""
    project = project_of(tree.folder, tree.root)
    if project is None:
        return None
    for each in pip:
        path = local_path(each, tree.folder)
        if path and path.resolve() == project.folder.resolve():
            return None
        if project.name and distribution_of(each) == canonical(project.name):
            return None
    return os.path.relpath(project.folder, tree.folder)


@contextlib.contextmanager
def arm_environment(
    spec: EnvironmentSpec, store: Path, arm: str, maker: str | None
) -> Iterator[Environment]:
    """As ``environment``, with a line if the arm's own project is built, or the reason why not.

    Lines begin with the text ``arm``.
    """
    with contextlib.ExitStack() as stack:
        if spec.own:
            spec.say(f"{arm}runs a build of the project ({maker})")
        try:
            built = stack.enter_context(environment(spec, store))
        except ArmError as error:
            if not spec.own:
                raise
            raise ArmError(
                f"{arm}the project has to be built ({maker}), and the build failed: {error}; "
                "expected a compiler and the project's build requirements, or an arm with pip= "
                "and a built wheel"
            ) from error
        yield built
