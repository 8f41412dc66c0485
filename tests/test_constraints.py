"""The exact versions in ``constraints.txt`` are in the ranges of ``pyproject.toml``."""

import re
import tomllib
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
