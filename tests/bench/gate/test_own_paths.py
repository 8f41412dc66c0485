"""An absolute path after ``--`` means that file in each arm's own checkout."""

from types import SimpleNamespace

import pytest

from tlbench.gate.own_paths import own_arguments, own_path


@pytest.mark.parametrize(
    ("argument", "own"),
    [
        ("{top}/bench/bench_a.py", "{root}/bench/bench_a.py"),
        ("{top}", "{root}"),
        ("{top}/", "{root}"),
        ("{top}/bench/../bench_a.py", "{root}/bench_a.py"),
        ("{link}/bench_a.py", "{root}/bench_a.py"),
        ("{top}/bench_a.py::TestB::test_c[/a::b]", "{root}/bench_a.py::TestB::test_c[/a::b]"),
        ("--rootdir={top}", "{root}"),
        ("--confcutdir={top}/bench", "{root}/bench"),
        ("-c{top}/pytest.ini", "{root}/pytest.ini"),
        ("cache_dir={top}/cache", "{root}/cache"),
        ("--ignore={top}/old", "{root}/old"),
        ("{top}-other/bench_a.py", None),
        ("{top}/../bench_a.py", None),
        ("/usr/lib/bench_a.py", None),
        ("bench/bench_a.py", None),
        ("-k", None),
        ("a or b", None),
        ("--benchmark-sort=name", None),
    ],
)
def test_the_users_checkout_becomes_the_arms(tmp_path, argument, own):
    places = {name: tmp_path / name for name in ("top", "root", "link")}
    places["top"].mkdir()
    places["link"].symlink_to(places["top"])
    argument = argument.format(**places)
    before = argument[: argument.find("=") + 1] or "-c" * argument.startswith("-c")
    expected = argument if own is None else before + own.format(**places)
    assert own_path(argument, places["top"], places["root"]) == expected


def test_the_working_tree_itself_is_left_alone(tmp_path):
    assert own_path(f"{tmp_path}/a/../b.py", tmp_path, tmp_path) == f"{tmp_path}/a/../b.py"


def test_an_arms_arguments_are_those_of_its_checkout(tmp_path):
    top, root = tmp_path / "top", tmp_path / "root"
    arm = SimpleNamespace(top=top, tree=SimpleNamespace(root=root))
    assert own_arguments(["-q", f"{top}/bench_a.py"], arm) == ["-q", f"{root}/bench_a.py"]
