"""The page of a training is right, whole and safe, whatever classes and files are called."""

import html.parser
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix as reference_matrix

from tl_core.sources import ArraySource
from tlbench.cli.main import main
from tlbench.report.confusion_picture import NAMED, NUMBERED, confusion_picture
from tlbench.report.per_class import class_results, confused_pairs, confusion_matrix, wilson
from tlbench.report.training_page import SHOWN, Trained, training_page

EVIL = '<script>alert("1")</script>$x^2$&\u202e'


def wilson_interval(correct, n):
    """The score interval, by SciPy."""
    found = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return found.low, found.high


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data.replace("\xa0", " ")  # which keep a number and its unit together

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def trained(classes=4, n=40, wrong=9, *, names=None, files=True):
    """Random answers of which ``wrong`` are wrong, each with its own probability."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    said = labels.copy()
    missed = rng.choice(n, wrong, replace=False)
    said[missed] = (said[missed] + rng.integers(1, classes, wrong)) % classes
    probabilities = np.full((n, classes), 0.1 / classes, np.float32)
    probabilities[np.arange(n), said] = rng.permutation(np.linspace(0.5, 0.99, n))
    names = names or [f"class {i}" for i in range(classes)]
    pixels = rng.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)
    return Trained(
        class_names=names,
        images=ArraySource(pixels),
        labels=labels.astype(np.int64),
        probabilities=probabilities,
        files=[f"{names[label]}/{i}.jpg" for i, label in enumerate(labels)] if files else None,
        facts={"data": "my photos", "seed": "0"},
        majority_rate=0.25,
    )


def test_the_matrix_is_scikit_learns():
    one = trained(classes=7, n=200, wrong=90)
    ours = confusion_matrix(one.labels, one.predictions, 7)
    expected = reference_matrix(one.labels, one.predictions, labels=range(7))
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (3, 7), (50, 50), (499, 1000)])
def test_the_interval_is_wilsons(correct, n):
    assert wilson(correct, n) == pytest.approx(wilson_interval(correct, n), abs=1e-12)


def test_each_class_has_its_own_share_and_what_it_was_taken_for():
    matrix = np.array([[8, 2, 0], [0, 0, 0], [1, 3, 6]])
    first, none, last = class_results(matrix, ["a", "b", "c"])
    assert (first.n, first.correct, first.accuracy, first.taken_for) == (10, 8, 0.8, ("b", 2))
    assert first.interval == pytest.approx(wilson_interval(8, 10))
    assert (none.n, none.accuracy, none.interval, none.taken_for) == (0, None, None, None)
    assert (last.accuracy, last.taken_for) == (0.6, ("b", 3))
    assert confused_pairs(matrix) == [(2, 1, 3), (0, 1, 2), (2, 0, 1)]


def test_the_page_shows_what_was_missed_the_most_confident_first():
    one = trained()
    page = Page(training_page(one))
    shown = [each["alt"] for each in page.all("img")]
    sure = one.probabilities.max(axis=1)
    wrong = np.flatnonzero(one.predictions != one.labels)
    expected = [
        f"class {one.labels[i]}, called class {one.predictions[i]} with a probability of "
        f"{100 * sure[i]:.1f}\xa0%"
        for i in sorted(wrong, key=lambda i: -sure[i])
    ]
    assert shown == expected
    for i in wrong:
        assert one.files[i] in page.text


def test_the_pages_figures_are_the_answers():
    page = Page(training_page(trained(n=40, wrong=9)))
    text = " ".join(page.text.split())
    low, high = wilson_interval(31, 40)
    assert "77.5 % of 40 test images recognised (31)" in text
    assert f"between {100 * low:.1f} % and {100 * high:.1f} %" in text
    assert "gives 25.0 %" in text


def test_a_page_without_mistakes_says_so():
    page = Page(training_page(trained(wrong=0)))
    assert page.all("img") == []
    assert "None of 40." in page.text


def test_no_more_images_are_shown_than_fit():
    page = Page(training_page(trained(classes=10, n=400, wrong=300)))
    assert len(page.all("img")) == SHOWN
    assert f"300 of 400; the {SHOWN} that the model was most sure of are shown" in page.text


def test_images_without_files_have_no_file_names():
    assert ".jpg" not in Page(training_page(trained(files=False))).text


def test_what_names_contain_is_text():
    names = [EVIL, "b\u0000\n\u001b[31m", "</svg><img src=x onerror=alert(1)>", "ok"]
    text = training_page(trained(names=names))
    page = Page(text)
    assert page.all("script") == []
    assert all(each["src"].startswith("data:image/jpeg;base64,") for each in page.all("img"))
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert '<script>alert("1")</script>$x^2$&\\u202e' in page.text
    assert "\u202e" not in text
    assert "\u001b" not in text
    assert "\u0000" not in text


def test_the_page_asks_for_nothing_outside_itself():
    page = Page(training_page(trained()))
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert "script" not in policy
    addresses = [
        value
        for _, attrs in page.tags
        for name, value in attrs.items()
        if name in {"src", "href", "xlink:href", "action", "poster"}
    ]
    assert all(each.startswith(("data:", "#")) for each in addresses)


def test_the_page_can_be_read_without_seeing_it():
    page = Page(training_page(trained()))
    assert page.all("html")[0]["lang"] == "en"
    assert all(each["alt"] for each in page.all("img"))
    regions = [each for _, each in page.tags if each.get("role") == "region"]
    assert regions
    ids = {each["id"] for _, each in page.tags if "id" in each}
    for each in regions:  # a keyboard reaches what scrolls, and it has a name
        assert each["tabindex"] == "0"
        assert each.get("aria-label") or each["aria-labelledby"] in ids
    headings = [name for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert headings == ["h1", "h2", "h2", "h2", "h2"]
    assert all(each.get("scope") for each in page.all("th"))


@pytest.mark.parametrize("classes", [2, NUMBERED, NUMBERED + 1, NAMED, NAMED + 1])
def test_the_picture_has_numbers_or_names_as_many_classes_as_there_are(classes):
    one = trained(classes=classes, n=3 * classes, wrong=classes)
    matrix = confusion_matrix(one.labels, one.predictions, classes)
    svg = ET.fromstring(confusion_picture(matrix, one.class_names))
    texts = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    named = [text for text in texts if text and text.startswith("class ")]
    assert len(named) == (2 * classes if classes <= NAMED else 0)
    cells = [text for text in texts if text and text.endswith("%")]
    assert len(cells) == (np.count_nonzero(matrix) if classes <= NUMBERED else 0)
    assert "true class" in texts


def test_the_picture_is_the_same_every_time():
    matrix = np.array([[3, 1], [0, 4]])
    assert confusion_picture(matrix, ["a", "b"]) == confusion_picture(matrix, ["a", "b"])


@pytest.mark.parametrize("name", ["$x^2$", r"\frac{", "猫", "a" * 300, "&amp;<", "ا", ""])
def test_any_class_name_can_be_drawn(name):
    svg = confusion_picture(np.array([[3, 1], [0, 4]]), [name, "b"])
    texts = [each.text or "" for each in ET.fromstring(svg).iter() if each.tag.endswith("text")]
    shown = name if len(name) < 30 else "a" * 21 + "…"
    assert shown in texts or name == ""


def test_train_writes_the_page_and_the_same_figures_as_json(tmp_path):
    page = tmp_path / "new" / "page.html"
    options = ("--image-size", "64", "--train-size", "100", "--test-size", "80", "--json")
    done = CliRunner().invoke(main, ["train", "digits", *options, "--report", str(page)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["report"] == str(page)
    matrix = np.array(told["confusion"])
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 80
    assert matrix.trace() / 80 == pytest.approx(told["accuracy"])
    assert [each["test_size"] for each in told["per_class"]] == matrix.sum(axis=1).tolist()
    assert [each["correct"] for each in told["per_class"]] == np.diag(matrix).tolist()
    text = Page(page.read_text()).text
    assert f"{100 * told['accuracy']:.1f} %" in text
    assert "efficientnet-lite0" in text


def test_a_page_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["train", "digits", "--report", str(tmp_path / "file" / "p")])
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr
    assert "loss" not in done.output
