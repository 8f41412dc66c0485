"""The class names, in the order of the outputs."""

import pytest

from tl_core.errors import ModelError
from tl_core.labels import imagenet_labels


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "tench"), (207, "golden retriever"), (281, "tabby"), (331, "hare"),
        (652, "military uniform"), (817, "sports car"), (954, "banana"), (999, "toilet tissue"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("outputs", "before"), [(1000, 0), (1001, 1)])
def test_a_well_known_class_is_at_its_place(index, name, outputs, before):
    assert imagenet_labels(outputs)[index + before].split(",")[0] == name


def test_background_comes_first_of_1001():
    assert imagenet_labels(1001) == ("background", *imagenet_labels(1000))
    assert len(imagenet_labels(1000)) == 1000


@pytest.mark.parametrize("outputs", [0, 10, 999, 1002, 1280])
def test_another_number_of_outputs_is_an_error(outputs):
    with pytest.raises(ModelError, match=f"{outputs} outputs: expected 1000 or 1001"):
        imagenet_labels(outputs)


@pytest.mark.shared_data
def test_the_names_are_those_that_came_with_the_real_mobilenet_v2(shared_models):
    expected = (shared_models / "imagenet_labels.txt").read_text(encoding="utf-8").splitlines()

    assert imagenet_labels(1001) == tuple(expected)
