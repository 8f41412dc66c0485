"""The page of a training is right, whole and safe, whatever classes and files are called."""

import html.parser
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tl_core.data import Split
from tl_core.head import evaluation
from tl_core.sources import ArraySource
from tlbench.cli.main import main
from tlbench.report.training_page import NAMED, NUMBERED, confusion_picture, training_page
from tlbench.stats.proportions import confusion, wilson
from tlbench.suite.training import SHOWN, missed_images

EVIL = '<script>alert("1")</script>$x^2$&\u202e'


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


@dataclass(frozen=True)
class Files(ArraySource):
    """Images in memory that say which files they are."""

    paths: tuple[Path, ...] = field(default=())


class Example:
    """Random answers of which ``wrong`` are wrong, each with its own probability."""

    def __init__(self, classes=4, n=40, wrong=9, *, names=None, files=True):
        rng = np.random.default_rng(0)
        self.labels = np.arange(n) % classes
        predicted = self.labels.copy()
        missed = rng.choice(n, wrong, replace=False)
        predicted[missed] = (predicted[missed] + rng.integers(1, classes, wrong)) % classes
        probabilities = np.full((n, classes), 0.1 / classes, np.float32)
        probabilities[np.arange(n), predicted] = rng.permutation(np.linspace(0.5, 0.99, n))
        self.names = names or [f"class {i}" for i in range(classes)]
        pixels = rng.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)
        paths = [
            Path("photos") / self.names[label] / f"{i}.jpg" for i, label in enumerate(self.labels)
        ]
        images = Files(pixels, tuple(paths)) if files else ArraySource(pixels)
        self.files = [path.relative_to("photos").as_posix() for path in paths]
        self.result = evaluation(probabilities, self.labels)
        self.confusion = confusion(self.labels, self.result.predictions, self.names)
        self.missed = missed_images(Split(images, self.labels), self.result, self.names)

    def page(self):
        return training_page({"data": "my photos", "seed": "0"}, self.confusion, self.missed, 0.25)


def test_the_page_shows_what_was_missed_the_most_confident_first():
    one = Example()
    page = Page(one.page())
    shown = [each["alt"] for each in page.all("img")]
    predicted, sure = one.result.predictions, one.result.confidences
    wrong = np.flatnonzero(predicted != one.labels)
    expected = [
        f"class {one.labels[i]}, predicted class {predicted[i]} with probability "
        f"{100 * sure[i]:.1f}\xa0%"
        for i in sorted(wrong, key=lambda i: -sure[i])
    ]
    assert shown == expected
    for i in wrong:
        assert one.files[i] in page.text


def test_the_pages_figures_are_the_answers():
    page = Page(Example(n=40, wrong=9).page())
    text = " ".join(page.text.split())
    low, high = wilson(31, 40)
    assert "77.5 % of 40 test images recognised (31)" in text
    assert f"interval: {100 * low:.1f} % to {100 * high:.1f} %" in text
    assert "gives 25.0 %" in text


def test_a_page_without_mistakes_says_so():
    page = Page(Example(wrong=0).page())
    assert page.all("img") == []
    assert "None of 40 images." in page.text


def test_no_more_images_are_shown_than_fit():
    page = Page(Example(classes=10, n=400, wrong=300).page())
    assert len(page.all("img")) == SHOWN
    assert f"300 of 400 images; the {SHOWN} most confident are shown" in page.text


def test_images_without_files_have_no_file_names():
    assert ".jpg" not in Page(Example(files=False).page()).text


def test_what_names_contain_is_text():
    names = [EVIL, "b\u0000\n\u001b[31m", "</svg><img src=x onerror=alert(1)>", "ok"]
    text = Example(names=names).page()
    page = Page(text)
    assert page.all("script") == []
    assert all(each["src"].startswith("data:image/jpeg;base64,") for each in page.all("img"))
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert '<script>alert("1")</script>$x^2$&\\u202e' in page.text
    assert "\u202e" not in text
    assert "\u001b" not in text
    assert "\u0000" not in text


def test_the_page_asks_for_nothing_outside_itself():
    page = Page(Example().page())
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
    page = Page(Example().page())
    assert page.all("html")[0]["lang"] == "en"
    assert all(each["alt"] for each in page.all("img"))
    wide = [each for _, each in page.tags if each.get("class") == "wide"]
    assert wide
    ids = {each["id"] for _, each in page.tags if "id" in each}
    for each in wide:  # a keyboard reaches what scrolls, and it has a name
        assert each["tabindex"] == "0"
        assert each.get("aria-label") or each["aria-labelledby"] in ids
    headings = [name for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert headings == ["h1", "h2", "h2", "h2", "h2"]
    assert all(each.get("scope") for each in page.all("th"))


@pytest.mark.parametrize("classes", [2, NUMBERED, NUMBERED + 1, NAMED, NAMED + 1])
def test_the_picture_has_numbers_or_names_as_many_classes_as_there_are(classes):
    one = Example(classes=classes, n=3 * classes, wrong=classes)
    matrix = one.confusion.matrix
    svg = ET.fromstring(confusion_picture(matrix, one.names))
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


def test_train_writes_the_page_and_the_same_figures_as_json(tmp_path, tiny_model):
    page = tmp_path / "new" / "page.html"
    options = ("--model", tiny_model, "--train-size", "100", "--test-size", "80", "--json")
    done = CliRunner().invoke(main, ["train", "digits", *options, "--report", str(page)])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["report"] == str(page)
    matrix = np.array(result["confusion"])
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 80
    assert matrix.trace() / 80 == pytest.approx(result["accuracy"])
    assert [each["test_size"] for each in result["per_class"]] == matrix.sum(axis=1).tolist()
    assert [each["correct"] for each in result["per_class"]] == np.diag(matrix).tolist()
    text = Page(page.read_text()).text
    assert f"{100 * result['accuracy']:.1f} %" in text
    assert "tiny-feature-vector" in text


def test_a_page_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["train", "digits", "--report", str(tmp_path / "file" / "p")])
    assert done.exit_code == 2
    assert "can't be read or written" in done.stderr
    assert "loss" not in done.output
