"""What the studies of the harness report follows from their raw figures."""

import numpy as np
import pytest

from bench.studies.kernel_correction import summarize, variation


def test_variation_is_numpys():
    values = [1.0, 2.0, 4.0]
    assert variation(values) == pytest.approx(np.std(values, ddof=1) / np.mean(values))


def test_a_kernel_that_follows_the_machine_takes_all_variation_away():
    speeds = [1.0, 1.5, 0.8, 2.0]
    runs = [
        {"loaded": number % 2 == 1, "extract_s": 3 * speed, "kernel_s": 0.04 * speed}
        for number, speed in enumerate(speeds)
    ]
    found = summarize(runs)
    assert found["all"]["raw"] == pytest.approx(np.std(speeds, ddof=1) / np.mean(speeds))
    assert found["all"]["corrected"] == pytest.approx(0, abs=1e-12)
    assert [found[name]["n"] for name in ("all", "quiet", "loaded")] == [4, 2, 2]


def test_a_kernel_that_is_noise_of_its_own_makes_it_worse():
    runs = [
        {"loaded": False, "extract_s": 1.0 + 0.001 * n, "kernel_s": (0.04, 0.06)[n % 2]}
        for n in range(6)
    ] + [{"loaded": True, "extract_s": 1.0, "kernel_s": s} for s in (0.04, 0.05)]
    found = summarize(runs)["all"]
    assert found["corrected"] > found["raw"]
