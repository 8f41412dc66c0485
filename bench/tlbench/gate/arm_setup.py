"""Arms ready to run: the checkout, its interpreter, its environment variables.

The paths of files and the size of the environment move the stack, which changes speed by a few
percent (Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong!, ASPLOS
2009). So both arms get paths of equal length, if possible, and environments of equal size.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.gate.arm_builds import arm_environment, maker_of, own_requirement, top_of
from tlbench.gate.builds import project_of, source_folders
from tlbench.gate.environments import EnvironmentSpec
from tlbench.gate.git import HOOK_VARIABLES
from tlbench.gate.interpreters import check_pytest, interpreter
from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.gate.worktrees import working_tree, worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tlbench.gate.arms import Arm
    from tlbench.gate.environments import Environment
    from tlbench.gate.interpreters import Interpreter
    from tlbench.gate.worktrees import Tree

#: Variable that fills an environment up.
FILLER = "TLBENCH_FILLER"
#: Bytes by which an arm's environment is larger than the user's, after it is filled up.
ROOM = 4096
#: Bytes of a variable beside its name and value: "=", the final NUL, and the pointer to it. An
#: argument has no "=".
OVERHEAD = 10


@dataclass(frozen=True)
class ReadyArm:
    """An arm that can be run.

    Attributes:
        folder: Working directory for pytest: the user's current folder, in the arm's own checkout.
        options: Of the suite, such as ``--engine=litert``.
        identity: What is really compared: equal for equal arms, whatever the user called them.
            Only text and None, for JSON.
        pip: The requirements of ``pip=``.
        top: Top folder of the user's own checkout.
        tree: The arm's checkout.
        below: The interpreter, without what ``pip=`` installs.
        own: The environment of what ``pip=`` installs; None if it installs nothing.
        project: Name of the project's distribution, empty if unknown.
        notes: Lines for the user.
    """

    label: str
    folder: Path
    python: Path
    environ: Mapping[str, str]
    options: tuple[str, ...]
    identity: dict[str, str | None]
    pip: tuple[str, ...]
    top: Path
    tree: Tree
    below: Interpreter
    own: Environment | None = None
    project: str = ""
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def ready_arms(
    base: Arm,
    candidate: Arm,
    *,
    cwd: Path,
    store: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[ReadyArm, ReadyArm]]:
    """Make both arms ready; their temporary files are removed at the end of the block.

    If one arm is a ref of a project that has to be built, the project is built for both arms, so
    that both sides are of the same kind.

    Args:
        base: Reference side.
        candidate: Side under test.
        cwd: The user's current folder; a path in ``python=`` is relative to it.
        store: Folder for worktrees and environments.
        say: Called with a line when something that takes long begins.

    Raises:
        ArmError: The ref, the interpreter or a requirement isn't available, or the project can't
            be built; why, in one line.
    """
    cwd, arms = cwd.resolve(), (base, candidate)  # as git does
    with contextlib.ExitStack() as stack:
        belows = [interpreter(arm.python, cwd) for arm in arms]
        trees = _trees(arms, cwd, store / "trees", stack, say)
        has_ref = any(arm.ref is not None for arm in arms)
        maker = maker_of(trees, belows, cwd) if has_ref else None
        ready = []
        for arm, below, tree in zip(arms, belows, trees, strict=True):
            own = own_requirement(arm.pip, tree) if maker else None
            spec = EnvironmentSpec(below, arm.pip, tree, say, own)
            place = arm_environment(spec, store / "environments", f"{arm.label}: ", maker)
            built = stack.enter_context(place) if spec.requirements else None
            ready.append(_ready_arm(arm, below, tree, built, cwd))
        yield replace(ready[0], notes=_unequal_paths(ready)), ready[1]


def _trees(
    arms: tuple[Arm, Arm],
    cwd: Path,
    store: Path,
    stack: contextlib.ExitStack,
    say: Callable[[str], None],
) -> list[Tree]:
    """The arms' checkouts; paths have equal length and depth, also if one is the working tree."""
    mine = working_tree(cwd)
    model = mine.root if None in {arm.ref for arm in arms} else None
    return [
        mine
        if arm.ref is None
        else stack.enter_context(worktree(cwd, arm.ref, name, store, model=model, say=say))
        for arm, name in zip(arms, (BASE, CANDIDATE), strict=True)
    ]


def _ready_arm(
    arm: Arm, below: Interpreter, tree: Tree, own: Environment | None, cwd: Path
) -> ReadyArm:
    python = own.python if own else below.path
    check_pytest(interpreter(str(python), cwd) if own else below, arm.label)
    options = tuple(f"--{key.replace('_', '-')}={value}" for key, value in arm.options)
    project = project_of(tree.folder, tree.root)
    return ReadyArm(
        label=arm.label,
        folder=tree.folder,
        python=python,
        # The interpreter's path is on the stack twice.
        environ=_environ(arm, _sources(below, tree, cwd), (str(python), str(python), *options)),
        options=options,
        identity={
            "commit": tree.commit,
            "changes": tree.changes,
            "folder": str(tree.folder.relative_to(tree.root)),
            "python": below.version,
            "environment": own.digest if own else below.digest,
            "requirements": json.dumps(arm.pip),
            "installed": own.installed if own else None,
            "env": json.dumps(sorted(arm.env)),
            "options": json.dumps(sorted(arm.options)),
        },
        pip=arm.pip,
        top=top_of(cwd, tree),
        tree=tree,
        below=below,
        own=own,
        project=project.name if project else "",
    )


def _unequal_paths(arms: list[ReadyArm]) -> tuple[str, ...]:
    sizes = [len(os.fsencode(arm.tree.root)) for arm in arms]
    depths = [len(arm.tree.root.parts) for arm in arms]
    if len(set(sizes)) == len(set(depths)) == 1:
        return ()
    note = (
        f"the checkouts' paths differ in length or depth ({arms[0].tree.root} and "
        f"{arms[1].tree.root}), which can change speed by a few percent: use a clone with a longer "
        "path, or ref= on both sides"
    )
    return (note,)


def _sources(below: Interpreter, tree: Tree, cwd: Path) -> list[str]:
    """Folders of packages in the arm's checkout: current, top, ``src``, and editable ones.

    The environment imports editable packages from the user's own checkout; the arm imports them
    from its checkout.
    """
    top = top_of(cwd, tree)
    editable = [each.relative_to(top) for each in below.sources if each.is_relative_to(top)]
    also = (tree.root / each for each in editable)
    folders = [*source_folders(tree.folder, tree.root), *filter(Path.is_dir, also)]
    return list(dict.fromkeys(map(str, folders)))


def _environ(arm: Arm, sources: list[str], arguments: Iterable[str]) -> dict[str, str]:
    """The user's variables and the arm's, with the arm's checkout first on the import path.

    So it comes before a checkout that is installed editable. What ``pip=`` installs comes before
    both: the arm's environment starts with a finder of it. Environment and ``arguments`` together
    take as much of the stack in each arm.
    """
    environ = {key: text for key, text in os.environ.items() if key not in HOOK_VARIABLES}
    environ |= dict(arm.env)
    paths = filter(None, [*sources, environ.get("PYTHONPATH")])
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    environ[FILLER] = ""
    used = size(environ) + sum(len(os.fsencode(each)) + OVERHEAD - 1 for each in arguments)
    room = ROOM - (used - size(os.environ))
    # An arm that sets very long variables is filled up to the next multiple.
    environ[FILLER] = "x" * (room if room >= 0 else room % ROOM)
    return environ


def size(environ: Mapping[str, str]) -> int:
    """Bytes of a process's environment on its stack."""
    texts = (os.fsencode(key) + os.fsencode(text) for key, text in environ.items())
    return sum(len(text) + OVERHEAD for text in texts)
