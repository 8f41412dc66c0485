"""Arms ready to run: the checkout, its interpreter, its environment variables.

Where files lie and how large the environment is moves the stack and with it speed by some percent
(Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong!, ASPLOS 2009). So
both arms get paths of equal lengths where both are made here, and environments of equal size.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.gate.environments import EnvironmentSpec, environment
from tlbench.gate.git import HOOK_VARIABLES
from tlbench.gate.interpreters import check_pytest, interpreter
from tlbench.gate.worktrees import working_tree, worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tlbench.gate.arms import Arm
    from tlbench.gate.interpreters import Interpreter
    from tlbench.gate.worktrees import Tree

#: Variable that fills an environment up.
FILLER = "TLBENCH_FILLER"
#: Bytes that an arm's environment is larger than the user's, in all: as many as filled up to.
ROOM = 4096
#: Bytes of a variable beside its name and value: "=", the final NUL, and the pointer to it.
OVERHEAD = 10


@dataclass(frozen=True)
class ReadyArm:
    """An arm that can be run.

    Attributes:
        folder: Working directory for pytest: where the user stands, in the arm's own checkout.
        options: Of the suite, such as ``--engine=litert``.
        identity: What is really compared: equal for arms that are the same, whatever they were
            called. Only text and None, for JSON.
    """

    label: str
    folder: Path
    python: Path
    environ: Mapping[str, str]
    options: tuple[str, ...]
    identity: dict[str, str | None]


@contextlib.contextmanager
def ready_arm(
    arm: Arm, name: str, *, cwd: Path, store: Path, say: Callable[[str], None] = lambda _: None
) -> Iterator[ReadyArm]:
    """Make an arm ready; what belongs to it alone is removed at the end of the block.

    Its name is part of its paths, of one length for both sides; a path in ``python=`` is relative
    to ``cwd``, where the user stands; worktrees and environments lie in ``store``. ``say`` is
    called with a line when something that takes long begins.

    Raises:
        ArmError: The ref, the interpreter or the requirements can't be had; why, in one line.
    """
    cwd = cwd.resolve()  # as git does
    with contextlib.ExitStack() as stack:
        below = interpreter(arm.python, cwd)
        tree = (
            working_tree(cwd)
            if arm.ref is None
            else stack.enter_context(worktree(cwd, arm.ref, name, store / "trees"))
        )
        built = None
        if arm.pip:
            spec = EnvironmentSpec(below, arm.pip, tree, say)
            built = stack.enter_context(environment(spec, store / "environments"))
        python = built.python if built else below.path
        check_pytest(interpreter(str(python), cwd) if built else below, arm.label)
        yield ReadyArm(
            label=arm.label,
            folder=tree.folder,
            python=python,
            environ=_environ(arm, _sources(below, tree, cwd)),
            options=tuple(f"--{key.replace('_', '-')}={value}" for key, value in arm.options),
            identity={
                "commit": tree.commit,
                "changes": tree.changes,
                "folder": str(tree.folder.relative_to(tree.root)),
                "python": below.version,
                "environment": built.digest if built else below.digest,
                "requirements": json.dumps(arm.pip),
                "installed": built.installed if built else None,
                "env": json.dumps(sorted(arm.env)),
                "options": json.dumps(sorted(arm.options)),
            },
        )


def _sources(below: Interpreter, tree: Tree, cwd: Path) -> list[str]:
    """Where the arm's checkout has packages: its top, ``src``, and what is installed editable.

    The environment imports the latter from the user's own checkout; the arm has its own one.
    """
    within = tree.folder.relative_to(tree.root)
    top = cwd.parents[len(within.parts) - 1] if within.parts else cwd
    editable = [each.relative_to(top) for each in below.sources if each.is_relative_to(top)]
    folders = (tree.root / each for each in (Path(), Path("src"), *editable))
    return list(dict.fromkeys(str(folder) for folder in folders if folder.is_dir()))


def _environ(arm: Arm, sources: list[str]) -> dict[str, str]:
    """The user's variables and the arm's, with its checkout first among what is imported.

    First, so that a checkout that is installed editable doesn't win over the arm's own.
    """
    environ = {key: text for key, text in os.environ.items() if key not in HOOK_VARIABLES}
    environ |= dict(arm.env)
    paths = filter(None, [*sources, environ.get("PYTHONPATH")])
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    environ[FILLER] = ""
    room = ROOM - (size(environ) - size(os.environ))
    # An arm that sets very long variables is filled up to the next multiple.
    environ[FILLER] = "x" * (room if room >= 0 else room % ROOM)
    return environ


def size(environ: Mapping[str, str]) -> int:
    """Bytes of a process's environment on its stack."""
    texts = (os.fsencode(key) + os.fsencode(text) for key, text in environ.items())
    return sum(len(text) + OVERHEAD for text in texts)
