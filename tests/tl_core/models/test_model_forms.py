"""What a handle's text says about its model, and what of it may be shown."""

import pytest

from tl_core.models.handles import public_name, says_classification


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/classification/5", True),
        ("https://www.kaggle.com/models/g/m/tensorFlow2/100-224-classification/2", True),
        ("https://tfhub.dev/google/aiy/vision/classifier/birds_V1/1", True),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5", False),
        ("https://host/classification/feature-vector/1", False),
        ("https://host/model/1?form=classification", False),
        ("https://host/declassification/1", False),
        ("/models/birds-classification.tar.gz", True),
        ("/models/classification/", True),
        ("/classification/birds", False),
        ("/models/birds-classification-backbone", False),
        ("efficientnet-lite0", False),
        ("keras:MobileNetV2", False),
    ],
)
def test_a_handle_says_whether_it_names_a_classifier(handle, said):
    assert says_classification(handle) == said


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("https://host/model/1?token=SECRET", "https://host/model/1"),
        ("https://me:SECRET@host:8443/model/1", "https://host:8443/model/1"),
        ("https://SECRET@host/m.tar.gz?a=SECRET&b=2#SECRET", "https://host/m.tar.gz"),
        ("http://host/model@2/1", "http://host/model@2/1"),
    ],
)
def test_secrets_in_a_url_are_not_shown(handle, shown):
    assert public_name(handle) == shown
