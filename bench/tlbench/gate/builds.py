"""Whether a project has to be built before its packages can be imported from a checkout.

A build may create files that a fresh checkout lacks, such as extension modules or a version file.
The build backend and its settings decide if they can; otherwise compiled files that already exist.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.gate.arms import ArmError
from tlbench.gate.git import git

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Backend of a project that names none.
LEGACY = "setuptools.build_meta"
#: Backends, by the first part of their names, that only copy files unless one of these is set.
COPIES: dict[str, tuple[str, ...]] = {
    "flit_core": (),
    "uv_build": (),
    "poetry": ("tool.poetry.build",),
    "pdm": ("tool.pdm.build.run-setuptools", "tool.pdm.build.custom-hook", "tool.pdm.version"),
    "hatchling": ("tool.hatch.build.hooks", "tool.hatch.build.targets.wheel.hooks"),
    "setuptools": (
        "tool.setuptools.ext-modules",
        "tool.setuptools-rust",
        "tool.setuptools_scm.write_to",
        "tool.setuptools_scm.version_file",
    ),
}
#: Build requirements that compile.
COMPILERS = re.compile(
    r"(cython|cffi|mypy|pybind11|nanobind|scikit-build|setuptools-rust)\b", re.IGNORECASE
)
#: Names in a ``setup.py`` whose use creates files.
SETUP = re.compile(
    r"\b(ext_modules|cythonize|Extension|mypycify|cffi_modules|rust_extensions|write_to"
    r"|version_file)\b"
)
#: A distribution's name in a ``setup.cfg`` and in a ``setup.py``.
CFG_NAME = re.compile(r"^name\s*=\s*([\w.-]+)", re.MULTILINE)
SETUP_NAME = re.compile(r"\bsetup\(.*?\bname\s*=\s*['\"]([\w.-]+)", re.DOTALL)


@dataclass(frozen=True)
class Project:
    """A folder that pip could install, and the name of its distribution, empty if unknown."""

    folder: Path
    name: str
    settings: dict[str, Any]

    @property
    def setup(self) -> str:
        """The text of ``setup.py``; empty where there is none."""
        return _text(self.folder / "setup.py")


def project_of(folder: Path, root: Path) -> Project | None:
    """The project to which a folder of a checkout belongs: the nearest one upwards, if any."""
    for each in (folder, *folder.parents):
        if not each.is_relative_to(root):
            return None
        try:
            settings = tomllib.loads(_text(each / "pyproject.toml"))
        except tomllib.TOMLDecodeError:
            settings = {}
        if (each / "setup.py").is_file() or settings.keys() & {"build-system", "project"}:
            return Project(each, _name(each, settings), settings)
    return None


def source_folders(folder: Path, root: Path) -> list[Path]:
    """Folders of a checkout's packages: a folder, its project, the top, and ``src`` in each."""
    project = project_of(folder, root)
    near = dict.fromkeys((folder, project.folder if project else root, root))
    return [inner for each in near for inner in (each, each / "src") if inner.is_dir()]


def canonical(name: str) -> str:
    """A distribution's name as packaging compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def made_by(project: Project) -> str | None:
    """What creates files when this project is built, such as ``maturin``; None if nothing does."""
    system = project.settings.get("build-system", {})
    backend = system.get("build-backend", LEGACY)
    if system.get("backend-path"):
        return f"its own build backend {backend}"
    rules = COPIES.get(backend.partition(".")[0])
    if rules is None:
        return str(backend)
    setting = next((rule for rule in rules if _has(project.settings, rule)), None)
    if setting:
        return setting
    if backend.startswith("pdm") and (project.folder / "pdm_build.py").is_file():
        return "pdm_build.py"
    if backend.startswith("setuptools"):
        compiler = next(filter(None, map(COMPILERS.match, system.get("requires", []))), None)
        call = SETUP.search(project.setup)
        return compiler[0] if compiler else call and f"{call[0]} in setup.py"
    return None


def compiled_files(project: Project, sites: Sequence[Path]) -> str | None:
    """A compiled file of this project that a fresh checkout lacks; None if there is none.

    It is in a package of the working tree and not tracked by git, or is installed in one of the
    folders ``sites``.
    """
    for path in _untracked(project.folder):
        if (
            path.parent in {project.folder, project.folder / "src"}
            or (path.parent / "__init__.py").is_file()
        ):
            return str(path)
    if not project.name:
        return None
    for each in metadata.distributions(name=project.name, path=[str(site) for site in sites]):
        for file in each.files or ():
            if file.name.endswith(tuple(EXTENSION_SUFFIXES)):
                return str(each.locate_file(file))
    return None


def _untracked(folder: Path) -> list[Path]:
    """Extension modules that git doesn't track, also ignored ones, but not of environments."""
    patterns = [f"*{ending}" for ending in (".so", ".pyd")]
    try:
        names = git(folder, "ls-files", "--others", "-z", "--", *patterns).split("\0")
    except ArmError:  # no repository
        return []
    paths = (Path(name) for name in names if name)
    other = {"site-packages", "dist-packages", "node_modules", "build", "dist"}
    return [folder / path for path in paths if not other.intersection(path.parts)]


def _has(settings: dict[str, Any], key: str) -> bool:
    """Whether a table has a value at a dotted key; ``tool.pdm.version`` must name a file."""
    value: Any = settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if key == "tool.pdm.version":
        return isinstance(value, dict) and "write_to" in value
    return bool(value)


def _name(folder: Path, settings: dict[str, Any]) -> str:
    tables = (settings.get("project", {}), settings.get("tool", {}).get("poetry", {}))
    names = [table["name"] for table in tables if "name" in table]
    names += CFG_NAME.findall(_text(folder / "setup.cfg"))
    names += SETUP_NAME.findall(_text(folder / "setup.py"))
    return str(names[0]) if names else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
