"""The pages in a real browser: what people see, sort, filter and print."""

import base64
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.report.training_page import MissedImage, training_page
from tlbench.stats.proportions import confusion

HOSTILE = "<img src=x onerror=document.title='broken'>"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
COMMITTED = Path(__file__).parents[3] / "results" / "report.html"
#: A third of the height of the committed report before details were folded, in pixels.
HEIGHT = 31_834 / 3
#: A4 in inches, and the most pages of the committed report.
PAPER = {"paperWidth": 8.27, "paperHeight": 11.69}
PAGES = 8
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium and chromedriver here"),
]


@pytest.fixture(scope="module")
def report(write_shared_run):
    """A page about several engines, one of which has markup for a name."""
    several = [
        {"order": i, "timed": i > 1, "started_at": 1.7e9, "seconds": 1 + i / 10, "unfinished_s": 0,
         "noise": None, "joules": None}
        for i in range(6)
    ]  # fmt: skip
    for day in range(3):
        for engine, faster in (("tensorflow", 1.0), ("litert", 1.7), (HOSTILE, 0.8)):
            path = write_shared_run(
                f"{faster}/{day}.json", day=day, faster=faster * (1 + day / 50), engine=engine,
                rounds=several, gflops_per_s=100.0, peak_gflops_per_s=400.0,
                facts={"settings": {"A_VERY_LONG_NAME_OF_A_VARIABLE": f"{faster}"}},
            )  # fmt: skip
    results = path.parents[1]
    target = results.with_name("report.html")
    arguments = ["report", str(results), "-o", str(target), "--price", "1.0=0.1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return target


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The page of a training, with mistakes."""
    labels = np.arange(40) % 4
    answers = confusion(labels, np.where(labels == 3, 0, labels), ["a", "b", HOSTILE, "d"])
    image = MissedImage("AAAA", "d", "a", 0.75, "d/1.jpg")
    target = tmp_path_factory.mktemp("training") / "training.html"
    page = training_page({"data": "photos", "seed": "0"}, answers, [image], 0.25)
    target.write_text(page, encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def driver():
    """A browser."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-quic", "--disable-dev-shm-usage"),
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(120)  # axe-core takes long on a busy machine
    yield driver
    driver.quit()


@pytest.fixture
def browse(driver, report):
    """Opens a page, the report without another, at a width in pixels, light or dark."""

    def browse(width=1280, *, dark=False, page=report):
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # of the page before, so that logs are of this one
        driver.get(page.as_uri())
        return driver

    return browse


def column(driver, number):
    script = (
        "return [...document.querySelectorAll('#table-1 tbody tr:not([hidden])')]"
        f".map(row => row.cells[{number}].textContent.trim())"
    )
    return driver.execute_script(script)


def unfold(driver):
    driver.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )


def test_it_opens_from_disk_without_an_error_and_asks_for_nothing(browse, report):
    driver = browse()
    assert driver.get_log("browser") == []
    asked = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in driver.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]


def test_markup_in_names_is_shown_as_text(browse):
    driver = browse()
    assert driver.title != "broken"
    assert HOSTILE in driver.execute_script("return document.body.innerText")
    assert driver.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


def test_every_picture_has_its_data(browse):
    driver = browse()
    drawn = driver.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('figure.picture')].map(figure =>"
        "[figure.querySelector('[role=img]').getAttribute('aria-labelledby'),"
        "[figure.querySelectorAll('svg [id*=\"-bar-\"]').length,"
        "figure.querySelectorAll('svg use').length,"
        "figure.querySelectorAll('table.figures tbody tr').length]]))"
    )
    bars, _, rows = drawn["throughput-1"]
    assert bars == rows > 0
    bars, _, rows = drawn["peak-1"]
    assert bars == rows == 3
    assert drawn["rounds-1"][1] >= drawn["rounds-1"][2] > 0
    assert drawn["pareto-1"][2] == 3
    assert drawn["history-1"][1] >= drawn["history-1"][2] > 0
    assert all(sum(counts[:2]) for counts in drawn.values())


def test_tables_are_sorted_by_mouse_and_by_keyboard(browse):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = browse()
    unfold(driver)
    button = driver.find_elements(By.CSS_SELECTOR, "#table-1 th button")[5]
    head = driver.find_elements(By.CSS_SELECTOR, "#table-1 thead th")[5]
    button.click()
    assert head.get_attribute("aria-sort") == "ascending"
    rates = [float(text.replace(",", "")) for text in column(driver, 5)]
    assert rates == sorted(rates)
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    rates = [float(text.replace(",", "")) for text in column(driver, 5)]
    assert rates == sorted(rates, reverse=True)


def test_a_filter_leaves_the_rows_that_have_it(browse):
    from selenium.webdriver.common.by import By

    driver = browse()
    unfold(driver)
    every = len(column(driver, 0))
    field = driver.find_element(By.CSS_SELECTOR, "input[type=search]")
    field.send_keys("LiteRT")
    assert set(column(driver, 1)) == {"litert cpu"}
    field.clear()
    field.send_keys("litert  EXTRACT")  # every word, in any order
    assert (column(driver, 0), column(driver, 1)) == (["extract"], ["litert cpu"])
    field.clear()
    field.send_keys(" \b")
    assert len(column(driver, 0)) == every


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways(browse, width):
    driver = browse(width)
    unfold(driver)
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


def test_it_is_dark_where_that_is_preferred(browse):
    script = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    light, dark = (browse(dark=dark).execute_script(script) for dark in (False, True))

    def brightness(colour):
        return sum(int(part) for part in colour[4:-1].split(",")[:3])

    assert brightness(light[0]) > brightness(light[1])
    assert brightness(dark[0]) < brightness(dark[1])
    text = "return getComputedStyle(document.querySelector('.picture svg text')).fill"
    assert brightness(browse(dark=True).execute_script(text)) > 382


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["report", "training"])
def test_axe_finds_no_barrier(browse, request, name, dark):
    driver = browse(dark=dark, page=request.getfixturevalue(name))
    unfold(driver)
    driver.execute_script(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 15
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


def test_a_phone_shows_every_ratio_without_scrolling(browse):
    driver = browse(390)
    unfold(driver)
    shown = driver.execute_script(
        "return [...document.querySelectorAll('.ratio, .sortable td[data-value]:nth-child(3)')]"
        ".map(each => [each.getBoundingClientRect().left, each.getBoundingClientRect().right])"
    )
    assert len(shown) > 2 * 8
    assert all(0 <= left < right <= 390 for left, right in shown)


def test_the_committed_report_is_short_on_the_screen_and_on_paper(browse):
    driver = browse(page=COMMITTED)
    assert driver.execute_script("return document.documentElement.scrollHeight") <= HEIGHT
    printed = driver.execute_cdp_cmd("Page.printToPDF", PAPER | {"printBackground": True})
    pages = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"]))
    assert 1 < len(pages) <= PAGES
