"""Which functions take more of a benchmark's time, from stacks and times that are made up."""

import random
from pathlib import Path

import pytest

from tlbench.gate.profile_growth import Profile, growth, measured, relative, sampled

ROOT = Path("/x/base")
OURS = "<module> (/x/base/run.py:1);timed_calls (/tmp/a/tlbench_arm/profiled.py:74)"


def profile(samples=float("inf"), **times):
    made = Profile(samples=samples)
    for name, time in times.items():
        made.add("a.py", 1, name, time)
    return made


def test_only_what_stands_below_the_timed_calls_counts_by_the_last_frame():
    text = f"""\
{OURS};sort (/x/base/pkg/sort.py:3);key (/x/base/pkg/sort.py:30) 30
{OURS};sort (/x/base/pkg/sort.py:3) 10
{OURS};loads (/usr/lib/python3.11/json/__init__.py:299) 5
{OURS} 4
<module> (/x/base/run.py:1);readline (/usr/lib/python3.11/codecs.py:1) 70
<module> (/x/base/run.py:1);timed_calls (/x/base/mine.py:7);sort (/x/base/pkg/sort.py:3) 6
Thread-1 (/x/base/pkg/sort.py:9) 8

"""
    seen = sampled(text, ROOT, "Sorter.sort")
    assert dict(seen.times) == {
        ("pkg/sort.py", "key"): 30,
        ("pkg/sort.py", "sort"): 10,
        ("json/__init__.py", "loads"): 5,
        ("", "Sorter.sort"): 4,
    }
    assert seen.samples == 49
    assert seen.lines["pkg/sort.py", "key"] == 30


def test_a_recursive_benchmark_counts_from_the_innermost_timed_call():
    """And names with spaces, parentheses and no line are read."""
    stack = f"{OURS};a (/x/base/a.py:1);timed_calls (/t/tlbench_arm/profiled.py:1)"
    seen = sampled(f"{stack};b (c) (<frozen x>) 2\n{stack} 1\n", ROOT, "f")
    assert dict(seen.times) == {("<frozen x>", "b (c)"): 2, ("", "f"): 1}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/x/base/pkg/a.py", "pkg/a.py"),
        ("/x/base/src/pkg/a.py", "src/pkg/a.py"),
        ("/e/123/lib/python3.12/site-packages/pkg/a.py", "pkg/a.py"),
        ("/usr/lib/python3/dist-packages/pkg/a.py", "pkg/a.py"),
        ("/usr/lib/python3.11/json/decoder.py", "json/decoder.py"),
        ("/x/base2/a.py", "/x/base2/a.py"),
        ("", ""),
    ],
)
def test_files_are_named_alike_wherever_an_arm_has_them(file, expected):
    assert relative(file, ROOT) == expected


def test_what_grew_is_named_and_not_what_only_has_a_larger_share():
    """``same`` takes 2 s in both, which is a larger share where the whole is shorter."""
    (worst,) = growth(profile(same=2, slow=1, gone=7), profile(same=2, slow=3), (10, 5))
    assert (worst.name, worst.base, worst.candidate) == ("slow", 0.1, 0.6)
    assert worst.seconds == pytest.approx(2)


def test_the_three_that_grew_most_are_named_the_worst_first():
    base = profile(a=1, b=1, c=1, d=1, e=6)
    names = [each.name for each in growth(base, profile(a=2, b=5, c=4, d=3, e=6), (10, 20))]
    assert names == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("lost", "grown", "named"),
    [
        (20, 1, False),  # less than a tenth of what was lost
        (8, 1, True),
        (0.01, 0.005, False),  # less than a hundredth of a call
    ],
)
def test_what_grew_by_little_is_not_named(lost, grown, named):
    base = profile(slow=10, little=10)
    new = profile(slow=10 + lost - grown, little=10 + grown)
    names = [each.name for each in growth(base, new, (20, 20 + lost))]
    assert ("little" in names) == named


@pytest.mark.parametrize(
    ("samples", "expected"), [(50, []), (5_000, ["slow"]), (float("inf"), ["slow"])]
)
def test_a_growth_within_the_noise_of_sampling_is_not_named(samples, expected):
    base, new = profile(samples, slow=20, rest=80), profile(samples, slow=30, rest=80)
    assert [each.name for each in growth(base, new, (1.0, 1.1))] == expected


def test_unchanged_profiles_rarely_name_anything():
    """Samples of the same ten functions, drawn again and again."""
    draw, named = random.Random(7), 0
    for _ in range(200):
        base, new = Profile(samples=500), Profile(samples=500)
        for each in (base, new):
            for name in draw.choices("abcdefghij", weights=range(1, 11), k=500):
                each.add("a.py", 1, name, 1)
        named += bool(growth(base, new, (1.0, 1.0)))
    assert named <= 10


def test_a_function_that_only_moved_to_another_file_or_line_is_the_same():
    base, new = Profile(), Profile()
    base.add("old.py", 3, "parse", 5)
    base.add("old.py", 30, "read", 5)
    new.add("new.py", 8, "parse", 5)
    new.add("old.py", 90, "read", 15)
    (read,) = growth(base, new, (10, 20))
    assert (read.name, read.file, read.line, read.base, read.candidate) == (
        "read", "old.py", 90, 0.5, 0.75,
    )  # fmt: skip


def test_functions_of_one_name_that_moved_are_not_taken_for_each_other():
    base, new = Profile(), Profile()
    base.add("old.py", 1, "get", 8)
    for file, time in (("new.py", 2), ("other.py", 8)):
        new.add(file, 1, "get", time)
    assert [each.base for each in growth(base, new, (8, 10))] == [0, 0]


def test_a_package_that_is_installed_in_one_arm_and_in_src_in_the_other_is_the_same():
    """Also where its functions have names that others have."""
    base, new = Profile(), Profile()
    for file, time in (("pkg/a.py", 1), ("pkg/b.py", 4)):
        base.add(file, 1, "get", time)
        new.add(f"src/{file}", 1, "get", time)
    new.add("src/pkg/b.py", 1, "get", 5)
    (worst,) = growth(base, new, (5, 10))
    assert (worst.file, worst.base, worst.candidate) == ("src/pkg/b.py", 0.8, 0.9)


def test_a_function_that_is_new_had_no_share():
    (new,) = growth(profile(a=1), profile(a=1, b=1), (1, 2))
    assert (new.name, new.base, new.candidate) == ("b", 0, 0.5)


def test_times_of_functions_of_one_name_are_added():
    """As ``<lambda>`` or, before Python 3.11, methods."""
    functions = [
        ["/x/base/a.py", 9, "get", 1.5],
        ["/x/base/a.py", 4, "get", 0.5],
        ["", 0, "len", 2],
    ]
    seen = measured(functions, ROOT)
    assert dict(seen.times) == {("a.py", "get"): 2, ("", "len"): 2}
    assert seen.share(("a.py", "get")) == 0.5


def test_a_profile_without_samples_names_nothing():
    assert growth(Profile(samples=0), Profile(samples=0), (1, 2)) == ()
