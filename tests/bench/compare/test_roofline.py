"""What bounds a row follows from its arithmetic, its memory traffic and the device's limits."""

from pathlib import Path

import msgspec
import pytest

from tlbench.compare.roofline import roofline
from tlbench.runs.read import read_file

RUN = Path(__file__).parents[1] / "runs" / "version-1.json"
#: 1,000 images/s; a peak of 400 GFLOP/s and 4 GB/s, which meet at 100 operations per byte.
GPU = {"images_per_s": 1000.0, "peak_gflops_per_s": 400.0, "peak_precision": "bf16",
       "bandwidth_gb_per_s": 4.0}  # fmt: skip


def row(**info):
    return msgspec.structs.replace(read_file(RUN).rows[0], **GPU | info)


@pytest.mark.parametrize(
    ("gflops_per_s", "bytes_per_image", "intensity", "share", "bound"),
    [
        (300.0, 1e6, 300, 0.75, "arithmetic"),
        (100.0, 2e6, 50, 0.5, "memory bandwidth"),
        (100.0, 1e6, 100, 0.25, "overheads"),
        (90.0, 3e6, 30, 0.75, "memory bandwidth"),
        (200.0, 2e6, 100, 0.5, "arithmetic"),
    ],
)
def test_the_lower_roof_bounds_a_row_that_comes_near_it(
    gflops_per_s, bytes_per_image, intensity, share, bound
):
    limits = roofline(row(gflops_per_s=gflops_per_s, bytes_per_image=bytes_per_image))
    assert limits.intensity == pytest.approx(intensity)
    assert limits.share == pytest.approx(share)
    assert limits.bound == bound
    assert (limits.ridge, limits.roof(1e9), limits.roof(1.0)) == (100, 400, 4)


@pytest.mark.parametrize(
    "lacking", ["gflops_per_s", "bytes_per_image", "peak_gflops_per_s", "bandwidth_gb_per_s"]
)
def test_a_row_that_lacks_a_limit_has_no_roofline(lacking):
    whole = {"gflops_per_s": 100.0, "bytes_per_image": 1e6}
    assert roofline(row(**whole)) is not None
    assert roofline(row(**whole | {lacking: None})) is None
