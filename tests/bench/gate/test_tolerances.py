"""What a benchmark may lose: by name, then by its marker, then for all."""

import pytest

from tlbench.errors import OptionError
from tlbench.gate.unmatched import unmatched
from tlbench.gate.verdict import Allowed, Tolerances, parse_share, parse_tolerances, percent

NAME = "bench_a.py::TestIt::test_sort[big-1]"


def marker(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("5%", 0.05), (" 2.5 % ", 0.025), ("0.05", 0.05), (0.05, 0.05), ("0", 0), (0, 0),
        ("0%", 0), ("100%", 1), ("1%", 0.01), ("0.99", 0.99),
    ],
)  # fmt: skip
def test_a_share_is_percent_or_a_part_of_one(text, share):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    "text", ["5", "1", 1, "1.0", "101%", "1.5", "-1%", "-0.01", "nan", "inf", "", "%", "five", True]
)
def test_what_could_be_either_or_is_no_share_is_refused(text):
    """Whether a bare 1 is one percent or the whole, only the user knows."""
    with pytest.raises(OptionError, match="expected a share such as 5% or"):
        parse_share(text)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.05, "5 %"), (0.025, "2.5 %"), (0.1234567, "12.3 %"), (9.99, "999 %"), (9.996, "1,000 %"),
     (10.96, "1,096 %"), (12.5, "1,250 %"), (123.45, "12,345 %")],
)  # fmt: skip
def test_a_share_is_written_in_percent_without_an_exponent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("options", "marked", "expected"),
    [
        ((), None, 0.05),
        (("8%",), None, 0.08),
        (("8%",), marker("2%"), 0.02),
        (("8%",), marker(share=0.02), 0.02),
        (("8%",), marker(accuracy="2%"), 0.08),
        (("test_sort[big-1]=10%",), marker("2%"), 0.10),
        ((f"{NAME}=10%",), None, 0.10),
        (("test_sort*=10%",), None, 0.10),
        (("test_sor?[[]big-1]=10%",), None, 0.05),
        (("test_so*=10%", "*big-1]=20%"), None, 0.20),
        (("test_sort[b]=10%",), None, 0.05),
        (("test_sort=10%",), None, 0.05),
    ],
)
def test_the_slowdown_that_is_allowed(options, marked, expected):
    found = parse_tolerances(options, None).of(NAME, marked)
    assert found == Allowed(expected, found.accuracy)


@pytest.mark.parametrize(
    ("option", "marked", "expected"),
    [(None, None, 0.01), ("3%", None, 0.03), ("3%", marker("9%", accuracy="0.5%"), 0.005)],
)
def test_the_loss_of_accuracy_that_is_allowed(option, marked, expected):
    assert parse_tolerances((), option).of(NAME, marked).accuracy == pytest.approx(expected)


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        (marker("5"), "5: expected a share"),
        (marker("1%", "2%"), "expected tolerance\\(SHARE\\)"),
        (marker(slowdown="1%"), "expected tolerance\\(SHARE\\)"),
        (marker(accuracy=True), "True: expected a share"),
    ],
)
def test_a_marker_that_cannot_be_read_names_its_benchmark(marked, message):
    with pytest.raises(OptionError, match=message) as error:
        Tolerances().of(NAME, marked)
    assert str(error.value).startswith(NAME)


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        (["5%"], []),
        (["test_sort*=1%", f"{NAME}=1%", "test_sort[big-1]=2%", "*=3%", "bench_?.py*=1%"], []),
        (["test_srot=1%", "test_find=1%", "test_srot=2%"], ["test_srot", "test_find"]),
        (["sort=1%"], ["sort"]),
    ],
)
def test_a_name_that_no_benchmark_has_is_known(texts, missing):
    tolerances = parse_tolerances(texts, None)
    assert tolerances.unmatched([NAME]) == missing
    for pattern in missing:
        assert tolerances.of(NAME, None).share == 0.05, pattern


def test_a_note_names_the_closest_benchmarks_that_there_are():
    names = [f"a.py::test_{name}" for name in ("find", "sort", "a", "b", "c", "d", "e", "f")]
    (note,) = unmatched(parse_tolerances(["test_srot=1%"], None), names)
    start = "no benchmark matches the tolerance of test_srot; the benchmarks are test_sort, "
    assert note.startswith(start)
    assert note.endswith(" and 3 more")
    (note,) = unmatched(parse_tolerances(["test_srot=1%"], None), names[:2])
    assert note.endswith("; the benchmarks are test_sort, test_find")
    (note,) = unmatched(parse_tolerances(["test_srot=1%"], None), [])
    assert note.endswith("; there are no benchmarks")
