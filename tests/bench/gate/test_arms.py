"""What a user may write for an arm, and what is said of what can't be."""

import pytest

from tlbench.gate.arms import Arm, ArmError, SuiteOptions, parse_arm
from tlbench.suite.arm_options import ARM_OPTIONS
from tlbench.suite.options import OPTIONS


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("ref=main", {"ref": "main"}),
        ("ref=feature/a=b", {"ref": "feature/a=b"}),
        ("python=/opt/py/bin/python", {"python": "/opt/py/bin/python"}),
        ("pip=tensorflow==2.20.0", {"pip": ("tensorflow==2.20.0",)}),
        ("pip=numpy>=1,<2", {"pip": ("numpy>=1,<2",)}),
        ("pip=numpy>=1,!=1.5,==1.*", {"pip": ("numpy>=1,!=1.5,==1.*",)}),
        ("pip=numpy>=1,<2,pip=scipy[a,b]~=1.0", {"pip": ("numpy>=1,<2", "scipy[a,b]~=1.0")}),
        ("pip=.", {"pip": (".",)}),
        ("env.TF_ENABLE_ONEDNN_OPTS=1", {"env": (("TF_ENABLE_ONEDNN_OPTS", "1"),)}),
        (
            "env.KMP_AFFINITY=granularity=fine,compact,1,0,env.A=-x",
            {"env": (("KMP_AFFINITY", "granularity=fine,compact,1,0"), ("A", "-x"))},
        ),
        ("env.A=x,y=z", {"env": (("A", "x,y=z"),)}),
        ("engine=litert", {"options": (("engine", "litert"),)}),
        ("image-size=160", {"options": (("image_size", "160"),)}),
        ("image_size=160", {"options": (("image_size", "160"),)}),
        ("workload=tutorial", {"options": (("workload", "tutorial"),)}),
        ("data=/photos/a,b", {"options": (("data", "/photos/a,b"),)}),
        (
            "ref=main, engine=litert, threads=1",
            {"ref": "main", "options": (("engine", "litert"), ("threads", "1"))},
        ),
        ("python=/p,pip=six==1.0", {"python": "/p", "pip": ("six==1.0",)}),
    ],
)
def test_an_arm_is_keys_and_values(text, fields):
    assert parse_arm(text, ARM_OPTIONS) == Arm(text, **fields)


@pytest.mark.parametrize("text", ["", ".", "  "])
def test_nothing_is_the_present_state(text):
    arm = parse_arm(text, ARM_OPTIONS)
    assert arm == Arm("")
    assert arm.label == "the working tree"


def test_an_arm_is_called_what_the_user_wrote():
    assert parse_arm(" ref=main,threads=1 ", ARM_OPTIONS).label == "ref=main,threads=1"


@pytest.mark.parametrize("name", [option.name for option in OPTIONS])
def test_every_option_of_the_suite_is_a_key(name):
    assert name in ARM_OPTIONS.names
    value = "picture-pixels=1" if name == "limit" else "1"
    assert parse_arm(f"{name}={value}", ARM_OPTIONS).options == ((name, value),)
    dashed = name.replace("_", "-")
    assert parse_arm(f"{dashed}={value}", ARM_OPTIONS).options == ((name, value),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("main", r"'main': expected key=value, such as ref=main; 'main' has no '='"),
        ("branch=main", r"unknown key 'branch'; expected ref=, python=, pip=, env.NAME= or"),
        ("ref=main,treads=1", r"unknown key 'treads'; expected ref="),
        ("engine=litert,treads=1", r"unknown key 'treads'"),
        ("pip=numpy<2,treads=1", r"unknown key 'treads'"),
        ("pip=numpy<2,scipy==1", r"unknown key 'scipy'; expected ref=, python=, pip="),
        ("env.=1", r"unknown key 'env.'"),
        ("env.1A=1", r"unknown key 'env.1A'"),
        ("=main", r"unknown key ''"),
        ("ref=", r"ref= is empty; expected a value"),
        ("env.A=", r"env.A= is empty"),
        ("pip=,ref=main", r"pip= is empty"),
        ("ref=main,", r"ref=main, ends with a comma"),
        ("ref=a,ref=b", r"ref= is given twice; expected it once"),
        ("env.A=1,env.A=2", r"env.A= is given twice"),
        ("image-size=1,image_size=2", r"image_size= is given twice"),
        ("ref=--upload-pack=x", r"ref=--upload-pack=x isn't a ref; expected a branch, tag or com"),
        ("pip=-rlist.txt", r"pip=-rlist.txt is an option; expected a requirement"),
        ("threads=0", r"--threads 0: expected a whole number from 1 to \d+"),
        ("price-per-hour=free", r"--price-per-hour free: expected a number from 1e-06 to 1"),
        ("workload=slow", r"--workload slow: expected one of quick, tutorial, full"),
        ("ref=a\nb", r"expected one line of printable characters"),
        ("env.A=\0", r"expected one line of printable characters"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text, message):
    with pytest.raises(ArmError, match=message) as caught:
        parse_arm(text, ARM_OPTIONS)
    assert len(str(caught.value).splitlines()) == 1
    assert repr(text) in str(caught.value)


def test_without_a_suite_its_options_are_no_keys():
    assert parse_arm("ref=main", SuiteOptions()).ref == "main"
    with pytest.raises(ArmError, match="unknown key 'threads'"):
        parse_arm("threads=1", SuiteOptions())
