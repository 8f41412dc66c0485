"""Exact versions are in the ranges of ``pyproject.toml``; those with hashes are the same."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINS = {
    canonicalize_name(each.name): str(each.specifier).removeprefix("==")
    for each in map(
        Requirement, re.findall(r"(?m)^[^#\s].*", (ROOT / "constraints.txt").read_text())
    )
}


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = chain(project["dependencies"], *project["optional-dependencies"].values())
    return sorted({text for text in listed if not text.startswith("tlbench")})


@pytest.mark.parametrize("text", requirements())
def test_a_pinned_version_is_in_its_range(text):
    requirement = Requirement(text)
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None
    assert requirement.specifier.contains(pin)


def test_pillow_is_not_one_with_known_vulnerabilities():
    (pillow,) = (each for each in map(Requirement, requirements()) if each.name == "pillow")
    assert not pillow.specifier.contains("12.2.0")


def pinned_with_hashes(name):
    """From package to version; each line of ``requirements/NAME.txt`` must have hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s+", "", text).splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[^#]+?( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)
    found = [Requirement(line.partition(" --hash=")[0]) for line in lines]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in found}


def needed(package, extra=""):
    """Names of all packages that an installed one needs on this machine."""
    names, todo = set(), [(package, extra)]
    while todo:
        package, extra = todo.pop()
        try:
            listed = requires(package) or ()
        except PackageNotFoundError:
            listed = ()
        for each in map(Requirement, listed):
            wanted = [(each.name, name) for name in ("", *each.extras)]
            marked = each.marker is None or each.marker.evaluate({"extra": extra})
            if marked and not names.issuperset(wanted):
                names.update(wanted)
                todo += wanted
    return {canonicalize_name(name) for name, _ in names} - {"tlbench"}


@pytest.mark.parametrize("extra", ["", "suite", "dev"], ids=["base", "suite", "dev"])
def test_versions_with_hashes_are_the_same_and_complete(extra):
    pinned = pinned_with_hashes(extra or "base")
    other = {name for name, version in pinned.items() if PINS.get(name, version) != version}
    assert not other
    assert needed("tlbench", extra) <= set(pinned)
