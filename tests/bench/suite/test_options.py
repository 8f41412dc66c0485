"""Options mean the same on pytest's command line, in its ini file and for tlbench."""

import pytest

from tl_core.limits import Limits, limits, set_limits
from tl_core.models.input_range import RANGES
from tlbench.errors import OptionError
from tlbench.gate.verdict import parse_share
from tlbench.suite.limit_option import apply_limits, parse_limits
from tlbench.suite.options import OPTIONS, check_names, known_values, workload_from
from tlbench.suite.workloads import QUICK, TUTORIAL, WORKLOADS, Workload


@pytest.mark.parametrize("name", WORKLOADS)
def test_without_options_a_workload_is_itself(name):
    assert workload_from(name, {}) == WORKLOADS[name]


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("model", "keras:VGG16", "keras:VGG16"),
        ("data", "/a/folder", "/a/folder"),
        ("engine", "litert", "litert"),
        ("device", "gpu:1", "gpu:1"),
        ("image_size", "96", 96),
        ("batch_size", "64", 64),
        ("train_size", "10", 10),
        ("test_size", "20", 20),
        ("threads", "1", 1),
        ("price_per_hour", "0.25", 0.25),
        ("limit", "picture-pixels=2e8", "picture-pixels=2e8"),
        ("trust", "yes", True),
        ("trust", "No", False),
    ],
)
def test_an_option_replaces_its_value(option, text, value):
    assert getattr(workload_from("quick", {option: text}), option) == value


def test_every_option_is_a_field_of_a_workload():
    assert {option.name for option in OPTIONS} <= set(Workload.__dataclass_fields__)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1e3", ""])
def test_counts_must_be_whole_and_positive(text):
    with pytest.raises(
        OptionError, match=r"--train-size .*expected a whole number from 1 to 1,000,000,000"
    ):
        workload_from("quick", {"train_size": text})


@pytest.mark.parametrize("text", ["0", "-1", "free", "inf", "nan"])
def test_a_price_must_be_above_nothing(text):
    with pytest.raises(
        OptionError, match=r"--price-per-hour .*expected a number from 1e-06 to 1,000,000,000"
    ):
        workload_from("quick", {"price_per_hour": text})


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("picture-pixels=200e6", {"picture_pixels": 200_000_000}),
        ("picture-seconds=1,archive-members=5", {"picture_seconds": 1, "archive_members": 5}),
        ("model-bytes=1.5e9", {"model_bytes": 1_500_000_000}),
    ],
)
def test_limits_are_whole_numbers_by_name(text, limits):
    assert parse_limits(text) == limits


@pytest.mark.parametrize(
    "text",
    ["", "picture-pixels", "picture-pixels=", "picture-pixels=0", "picture-pixels=-1",
     "picture-pixels=0.5", "picture-pixels=nan", "picture-pixels=inf", "picture-pixels=1e999999",
     "picture-pixels=1e-999999", "picture-pixels=12345678901234567890123456", "pixels=5",
     "picture_pixels=5", "picture-pixels=many", "picture-pixels=5;model-bytes=5", "a=1,,"],
)  # fmt: skip
def test_other_limits_are_refused_in_one_line(text):
    with pytest.raises(OptionError, match=r"^--limit .*: expected [^\n]+$"):
        workload_from("quick", {"limit": text})


def test_applied_limits_are_the_processs_until_others_are():
    before = limits()
    try:
        apply_limits("picture-pixels=7")
        assert limits() == Limits(picture_pixels=7)
        apply_limits(None)
        assert limits() == Limits()
    finally:
        set_limits(before)


@pytest.mark.parametrize("text", ["", "maybe", "2"])
def test_trust_is_yes_or_no(text):
    with pytest.raises(OptionError, match=r"--trust .*: expected yes or no"):
        workload_from("quick", {"trust": text})


def test_an_unknown_workload_names_the_known_ones():
    with pytest.raises(OptionError, match="slow: expected one of quick, tutorial, full"):
        workload_from("slow", {})


def test_other_data_is_taken_whole_unless_sizes_are_given():
    other = workload_from("quick", {"data": "digits"})
    assert (other.train_size, other.test_size) == (None, None)
    assert workload_from("quick", {"data": "digits", "train_size": "9"}).train_size == 9


def test_another_model_has_its_own_image_size():
    assert workload_from("quick", {"model": "keras:VGG16"}).image_size is None
    assert workload_from("quick", {"model": QUICK.model}).image_size == QUICK.image_size


@pytest.mark.parametrize("name", RANGES)
def test_every_input_range_is_an_option_and_completed(name):
    workload = workload_from("quick", {"input_range": name, "layer": "pooled"})
    check_names(workload)
    assert workload.reading == {"input_range": name, "layer": "pooled", "trust": False}
    assert name in known_values("input_range")


def test_an_unknown_input_range_is_refused_before_anything_is_loaded():
    with pytest.raises(OptionError, match=r"--input-range 0-2: expected one of 0-1, -1-1"):
        check_names(workload_from("quick", {"input_range": "0-2"}))


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"engine": "tensorflow", "precision": "bf16", "device": "gpu"}, False),
        ({"engine": "auto", "precision": "fp16", "device": "gpu:1"}, False),
        ({"engine": "tensorflow", "precision": "bf16"}, True),
        ({"engine": "auto", "precision": "fp16"}, True),
    ],
)
def test_a_precision_must_be_one_that_the_device_has(values, refused):
    workload = workload_from("quick", values)
    if not refused:
        check_names(workload)
        return
    with pytest.raises(OptionError, match=r"^--(engine|precision) .*on device cpu"):
        check_names(workload)


def test_the_tutorials_job_is_the_tutorials():
    sizes = (TUTORIAL.train_size, TUTORIAL.test_size, TUTORIAL.image_size, TUTORIAL.batch_size)
    assert sizes == (30_000, 10_000, 224, 32)
    assert "mobilenet_v2_100_224/feature_vector" in TUTORIAL.model


@pytest.mark.parametrize(
    ("text", "share"),
    [("5%", 0.05), ("5 %", 0.05), ("0.5%", 0.005), ("0.05", 0.05), (".1", 0.1), ("0", 0.0),
     ("100%", 1.0), (0.1, 0.1), (1e-5, 1e-5), (0, 0.0)],
)  # fmt: skip
def test_a_share_is_a_percentage_or_a_number_below_1(text, share):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "1", "-1%", "101%", "", "%", "five", "nan", "inf", 5, True,
                                  None])  # fmt: skip
def test_what_is_no_share_is_refused(text):
    with pytest.raises(OptionError, match=r"expected a share such as 5% or 0\.05"):
        parse_share(text)
