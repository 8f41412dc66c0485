"""The report shows what the files say, all of it as text, and asks nobody for anything."""

import base64
import copy
import io
import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from statistics import geometric_mean
from urllib.parse import unquote

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import inspect
from PIL import Image

from tlbench.cli.main import main
from tlbench.cli.report import TITLE
from tlbench.compare.entries import entries_of
from tlbench.compare.overview import overview
from tlbench.compare.prices import Prices
from tlbench.compare.reference import Headline, reference_first
from tlbench.machine.noise_sample import GpuNoise, NoiseSample
from tlbench.report.html import page as page_module
from tlbench.report.html.chart import MOST, marker, shortened, style
from tlbench.report.html.page import charts
from tlbench.report.html.page import page as page_of
from tlbench.runs.collect import collect
from tlbench.runs.read import read_file
from tlbench.runs.row import Row
from tlbench.stats.change_points import LEAST_RUNS

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>$x$</style>\x1b[31m'"
ROOT = Path(__file__).parents[3]
VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Elements with their attributes and what is open around each; refuses wrong nesting."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def write_report(tmp_path):
    """Runs ``tlbench report`` on the results that were written, and parses the page."""

    def write(*options, exit_code=0):
        target = tmp_path / "out" / "report.html"
        arguments = ["report", str(tmp_path / "results"), "-o", str(target), *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == exit_code, result.output
        text = target.read_text(encoding="utf-8")
        return Page(text), text

    return write


@pytest.fixture
def undrawn(monkeypatch):
    """For tests of words: pages are made without drawing, which takes most of their time."""
    monkeypatch.setattr(page_module, "picture", lambda _: "")


def rounds(count):
    """As many timed rounds as result files of version 2 have."""
    return [
        {
            "order": i, "timed": i > 0, "started_at": 1.7e9 + i, "seconds": 1 + i / 10,
            "unfinished_s": 0.0, "noise": None, "joules": None,
        }
        for i in range(count)
    ]  # fmt: skip


def overview_of(folder):
    """What a report of all results in a folder shows."""
    return overview(reference_first(entries_of(collect([str(folder / "results")]).runs)))


def chart_of(folder, name):
    """A picture of the only job of which a folder has results."""
    (section,) = overview_of(folder).sections
    (chart,) = (each for each in charts(section, 1) if each.name == f"{name}-1")
    return chart


@pytest.fixture
def many(write_run):
    """Two machines, two engines, several runs with rounds, energy, accuracies and samples."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    image = base64.b64encode(file.getvalue()).decode()
    samples = [{"image": image, "label": "cat", "predicted": "dog", "probability": 0.75}]
    for day in range(4):
        for engine, faster in (("tensorflow", 1.0), ("litert", 1.7)):
            facts = {"cpu": "Intel"} if engine == "litert" else {}
            write_run(
                f"{engine}/{day}.json",
                day=day,
                faster=faster * (1 + day / 100),
                engine=engine,
                facts=facts,
                rounds=rounds(6),
                samples=samples,
                gflops_per_s=100.0 * faster,
                peak_gflops_per_s=500.0,
            )


def test_every_part_is_there_and_elements_are_nested_as_they_should_be(many, write_report):
    page, text = write_report()
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    parts = ("throughput", "pareto", "peak", "breakdown", "rounds", "history")
    assert [f"{part}-1" in ids for part in parts] == [True] * 6
    assert len(page.all("svg")) == 6
    assert {"machines", "files", "results-1"} <= set(ids)
    labelled = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert "cat, predicted dog with a probability of 75.0&nbsp;%" in text


def test_nothing_is_asked_of_a_network(many, write_report):
    page, text = write_report()
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            value = attributes.get(name, "")
            assert value.startswith(("#", "data:", "../")) or value == "", (tag, value)
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"url\((?!#)|@import", text)


def test_figures_are_the_files(undrawn, many, write_report, tmp_path):
    page, _ = write_report()
    (section,) = overview_of(tmp_path).sections
    rates = [float(a["data-value"]) for a in page.all("td") if "data-value" in a]
    for cells in section.comparison.cells.values():
        for cell in cells:
            assert cell.rate in rates
            assert cell.ratio is None or cell.ratio.value in rates
    links = [attributes["href"] for attributes in page.all("a") if "results" in attributes["href"]]
    assert len(links) == 8
    assert all((tmp_path / "out" / link).is_file() for link in links)


def test_the_same_files_make_the_same_page(write_run, write_report):
    write_run("a.json", rounds=rounds(3))
    assert write_report()[1] == write_report()[1]


def said(text):
    """A page's markup, with what pictures say in place of how they are drawn."""
    drawn = re.compile(r"<svg.*?</svg>", re.DOTALL)
    return drawn.sub(lambda svg: " ".join(re.findall(r"<text[^>]*>(.*?)</text>", svg[0])), text)


def test_the_committed_report_is_what_the_committed_results_make(monkeypatch):
    """Made again from the files that it lists, which are committed; others change nothing."""
    monkeypatch.chdir(ROOT)
    committed = Path("results/report.html").read_text(encoding="utf-8")
    links = [a["href"] for a in Page(committed).all("a") if a["href"].endswith(".json")]
    assert len(links) >= 32
    runs = collect([str(Path("results", unquote(link))) for link in links]).runs
    again = page_of(TITLE, overview(reference_first(entries_of(runs))), Path("results"))
    assert said(committed) == said(again)
    assert len(said(again)) > 10_000
    assert said(again).count("litert cpu 2 threads") > 10


def hostile(kind):
    """A value of a type, with all its texts hostile; None for a type without any."""
    if isinstance(kind, inspect.Metadata):
        return hostile(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(filter(None, map(hostile, kind.types)), None)
    if isinstance(kind, inspect.VarTupleType):
        one = hostile(kind.item_type)
        return one and [one] * 3
    if isinstance(kind, inspect.StructType):
        values = {each.encode_name: hostile(each.type) for each in kind.fields}
        return any(values.values()) and {
            each.encode_name: values[each.encode_name] or harmless(each.type)
            for each in kind.fields
        }
    return HOSTILE if isinstance(kind, inspect.StrType) and not kind.pattern else None


def harmless(kind):
    """A value of a type without text."""
    if isinstance(kind, inspect.Metadata):
        return harmless(kind.type)
    if isinstance(kind, inspect.UnionType):
        return harmless(kind.types[0])
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    values = {inspect.IntType: 1, inspect.FloatType: 1.0, inspect.BoolType: True}
    return values.get(type(kind))


#: Each text of a row, at any depth, by its field: also of fields that are yet to come.
TEXTS = {
    field.encode_name: value
    for field in inspect.type_info(Row).fields
    if (value := hostile(field.type))
}


def test_every_text_of_a_row_is_among_the_hostile_ones():
    assert set(TEXTS) >= {
        "decoder", "peak_precision", "energy_source", "further_targets", "samples", "rounds",
        "noise", "workload", "model", "data", "engine", "precision", "correct",
    }  # fmt: skip
    assert TEXTS["rounds"][0]["throttled"] == [HOSTILE] * 3
    assert TEXTS["rounds"][0]["noise"]["gpus"][0]["throttle"] == [HOSTILE] * 3
    assert TEXTS["samples"][0]["label"] == HOSTILE


def is_harmless(page, text):
    """Whether a page has no script, address or control character of a file."""
    scripts = len(page.all("script")) == 1
    handlers = [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    foreign = [each for each in page.all("img") if not each["src"].startswith("data:")]
    return scripts and not handlers and not foreign and "\x1b" not in text


def test_names_from_files_are_text(write_run, write_report):
    for day, engine in enumerate(["a", HOSTILE, HOSTILE, HOSTILE]):
        write_run(
            f"{day}.json", day=day, engine=engine, rounds=rounds(4), model=HOSTILE, commit=HOSTILE,
            facts={"cpu": HOSTILE, "packages": {HOSTILE: HOSTILE}},
            samples=[{"image": "AAAA", "label": HOSTILE, "predicted": "x", "probability": 1.0}],
        )  # fmt: skip
    page, text = write_report("--title", HOSTILE)
    assert is_harmless(page, text)
    assert any("<script>alert(1)</script>" in each for each in page.text)


def test_every_text_of_a_file_is_text_on_the_page(undrawn, write_run, write_report):
    facts = {
        "cpu": HOSTILE, "packages": {HOSTILE: HOSTILE}, "gpus": [HOSTILE], "cpu_id": HOSTILE,
        "instance_type": HOSTILE,
    }  # fmt: skip
    for day, engine in enumerate(["a", HOSTILE, HOSTILE]):
        texts = TEXTS | {"engine": engine}
        path = write_run(f"{day}.json", day=day, commit=HOSTILE, facts=facts, **texts)
        run = json.loads(path.read_text(encoding="utf-8"))
        run["tlbench"]["not_measured"] = {HOSTILE: HOSTILE}
        path.write_text(json.dumps(run), encoding="utf-8")
    assert is_harmless(*write_report("--title", HOSTILE))


@pytest.mark.parametrize(
    "sample",
    [
        "no sample",
        {"image": "AAAA"},
        {"image": "AAAA", "predicted": 7, "probability": 1.0},
        {"image": "AAAA", "predicted": "x", "probability": 7},
    ],
    ids=["text", "bare", "number", "share"],
)
def test_a_file_with_a_broken_sample_is_skipped_with_its_place(
    undrawn, sample, write_run, write_report, tmp_path
):
    write_run("a.json", engine="broken", samples=[sample])
    write_run("b.json")
    page, text = write_report(exit_code=2)
    assert page.all("img") == []
    assert "broken" not in text
    (line,) = collect([str(tmp_path / "results")]).skipped
    assert "extra_info.samples[0]" in line.replace("$.benchmarks[0].", "")


def test_an_image_cannot_leave_its_attribute(undrawn, write_run, write_report):
    image = '" onload="x'
    write_run("a.json", samples=[{"image": image, "predicted": "x", "probability": 1.0}])
    (shown, *_) = write_report()[0].all("img")
    assert shown["src"].endswith(image)
    assert "onload" not in shown


def test_files_of_version_1_have_a_report_without_what_they_lack(undrawn, write_run, write_report):
    write_run("a.json")
    page, _ = write_report()
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert "throughput-1" in ids
    assert not ids & {"peak-1", "rounds-1", "pareto-1", "history-1"}


def test_a_report_of_chosen_engines_and_threads_has_no_others(undrawn, write_run, write_report):
    for day in range(4):
        write_run(f"{day}.json", day=day, engine="xy"[day % 2] * 3, threads=1 + day // 2)
    page, _ = write_report("--engine", "yyy", "--threads", "2")
    assert [a["href"] for a in page.all("a") if "results" in a["href"]] == ["../results/3.json"]
    assert not any("xxx" in each for each in page.text)
    text = write_report("--engine", "yyy", "--engine", "xxx")[1]
    assert text.index("yyy cpu 1 thread", text.index('id="table-1"')) < text.index(
        "xxx cpu 1 thread", text.index('id="table-1"')
    )


def test_the_whole_job_has_loading_in_it_as_its_parts_have(write_run, tmp_path):
    path = write_run("a.json")
    chart = chart_of(tmp_path, "breakdown")
    cells = {row[1]: float(row[2].removesuffix(" s")) for row in chart.rows if " s" in row[2]}
    row = next(row for row in read_file(path).rows if row.stage == "pipeline")
    job = row.images / row.images_per_s
    assert cells["whole job with loading"] == pytest.approx(
        row.load_s + row.first_call_s + job, rel=5e-3
    )
    assert row.load_s > 0.1 * job


def test_only_samples_with_a_right_answer_have_a_tick(undrawn, write_run, write_report):
    sample = {"image": "AAAA", "predicted": "cat", "probability": 1.0}
    write_run("a.json", samples=[sample])
    assert "✓" not in write_report()[1]
    write_run("a.json", samples=[sample | {"label": "cat"}])
    assert "✓" in write_report()[1]


def test_what_was_not_measured_is_said_with_its_reason(undrawn, write_run, write_report):
    path = write_run("a.json", drop=["test_extract"])
    run = json.loads(path.read_text(encoding="utf-8"))
    run["tlbench"]["not_measured"] = {"test_extract": "features differ <b>"}
    path.write_text(json.dumps(run), encoding="utf-8")
    page, _ = write_report()
    assert "features differ <b>" in page.text


def test_a_picture_has_room_for_so_many_entries_and_the_table_for_all(
    undrawn, write_run, write_report
):
    for threads in range(1, MOST + 4):
        write_run(f"{threads}.json", threads=threads)
    _, text = write_report()
    table = text[text.index('id="table-1"') : text.index('id="throughput-1"')]
    assert table.count(">extract<") == MOST + 3
    figures = text[text.index('id="throughput-1"') : text.index('id="pareto-1"')]
    listed = figures[figures.index("<tbody>") :]
    assert listed.count(">extract<") == MOST
    assert figures.count(f"Not shown, for lack of room: the last 3 of {MOST + 3} entries.") == 1


def test_disturbed_rounds_are_ringed_and_listed_with_what_disturbed_them(write_run, tmp_path):
    several = rounds(6)
    busy = NoiseSample(wall_s=1.0, cpus=2, own_cpu_s=1.0, busy_s=1.5)
    several[3]["noise"] = busy.as_dict()
    several[4]["noise"] = NoiseSample(wall_s=1.0, cpus=2, own_cpu_s=1.0, busy_s=1.0).as_dict()
    write_run("a.json", rounds=several)
    chart = chart_of(tmp_path, "rounds")
    cells = {row[2]: row[5] for row in chart.rows if row[0] == "extract"}
    assert cells == {"4": "others used 25 % of the CPUs"} | dict.fromkeys("12356", "")
    for panel in chart.draw().axes:
        (ring,) = (line for line in panel.get_lines() if line.get_label() == "disturbed")
        assert list(ring.get_xdata()) == [4]


def test_a_change_in_the_history_is_drawn_where_it_is_and_listed(
    undrawn, write_run, write_report, tmp_path
):
    scatter = np.random.default_rng(0).normal(0, 0.01, 24)
    for day, each in enumerate(scatter):
        faster = float(np.exp(each)) * (0.8 if day >= 14 else 1)
        write_run(f"{day:02d}.json", day=day, faster=faster, commit=f"{day:02d}" * 20)
    chart = chart_of(tmp_path, "history")
    page, _ = write_report()
    (cells,) = (each for each in page.text if re.search(r"extract: -(19|20|21)\.\d %", each))
    assert "from 2026-11-15 on, commits 131313131313..141414141414" in cells
    changed = {panel: [] for panel in chart.draw().axes}
    for panel in changed:
        series, *changes = panel.get_lines()
        name = panel.get_title(loc="left")
        rates = [row[3] for row in chart.rows if row[0] == name]
        drawn = [f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}" for rate in series.get_ydata()]
        assert drawn[::-1] == rates
        assert [line.get_xdata()[0].date() for line in changes] == [date(2026, 11, 15)]
    assert sum("commits 131313131313" in row[5] for row in chart.rows) == len(changed)


def test_a_history_without_a_change_says_so_and_one_that_is_short_too(
    undrawn, write_run, write_report
):
    for day in range(LEAST_RUNS):
        write_run(f"{day:02d}.json", day=day)
    write_run("other.json", engine="litert")
    page, _ = write_report()
    assert "No significant change." in page.text
    assert not any("too few" in each for each in page.text)
    for day in range(3):
        write_run(f"other{day}.json", day=day, engine="litert")
    assert any("too few" in each for each in write_report()[0].text)


@pytest.mark.slow
def test_pictures_are_written_as_files(many, write_report, tmp_path):
    write_report("--plots", str(tmp_path / "plots"))
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"throughput-1.svg", "throughput-1.png", "pareto-1.svg", "rounds-1.png"} <= names
    with Image.open(tmp_path / "plots" / "throughput-1.png") as picture:
        assert picture.size[0] > 800
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_no_run_is_nothing_to_report(tmp_path):
    (tmp_path / "results").mkdir()
    arguments = ["report", str(tmp_path / "results"), "-o", str(tmp_path / "r.html")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4
    assert not (tmp_path / "r.html").exists()


def test_no_run_is_said_before_a_missing_option(write_run, tmp_path):
    (tmp_path / "results").mkdir()
    arguments = ["report", str(tmp_path / "results")]
    empty = CliRunner().invoke(main, arguments)
    assert empty.exit_code == 4
    assert empty.stderr.startswith("Error: no run in")
    write_run("a.json")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Missing option '-o' / '--output'" in result.stderr


def test_skipped_files_are_listed(undrawn, write_run, tmp_path):
    write_run("a.json")
    (tmp_path / "results" / "b.json").write_text("{", encoding="utf-8")
    arguments = ["report", str(tmp_path / "results"), "-o", str(tmp_path / "r.html")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "skipped" in result.stderr
    assert "1 run, " in result.stdout


def test_no_two_entries_look_alike():
    looks = [(style(i)["color"], style(i)["hatch"]) for i in range(49)]
    marks = [(marker(i)["color"], marker(i)["marker"]) for i in range(49)]
    assert len(set(looks)) == len(set(marks)) == 49


def test_a_job_begins_with_the_whole_job_the_fastest_first(undrawn, write_run, write_report):
    for number, (engine, faster) in enumerate({"slow": 0.5, "fast": 2.0, "middle": 1.0}.items()):
        write_run(f"{number}.json", day=number, engine=engine, faster=faster)
    _, text = write_report()
    cards = re.findall(r'<li><div class="big">.*?</li>', text, re.DOTALL)
    assert [re.search(r"<bdi>(\w+) cpu", card)[1] for card in cards] == ["fast", "middle", "slow"]
    times = [float(re.search(r"([\d.]+) s<", card)[1]) for card in cards]
    assert times == pytest.approx([times[0], 2 * times[0], 4 * times[0]], rel=0.02)
    ratios = [re.findall(r'class="ratio">(.*?)×', card) for card in cards]
    assert ratios == [["4.00"], ["2.00"], ["1"]]  # of the first that was measured
    assert ["the fastest" in card for card in cards] == [True, False, False]
    assert all("top-1 0.7500" in card for card in cards)
    write_run("3.json", engine="alike", faster=1.98)
    text = write_report()[1]
    assert "; shortest" in text
    assert "; the fastest" not in text


def test_the_mean_of_all_benchmarks_is_a_footnote(undrawn, many, write_report, monkeypatch):
    part = Headline(9.0, 3.5, 2.5, {"extract": 2.5, "resize": 2.5}, "a machine")
    monkeypatch.setattr("tlbench.compare.comparison.headline", lambda _: part)
    page, text = write_report()
    (footnote,) = {each for each in page.text if "geometric mean" in each}
    assert footnote == "geometric mean of 2 benchmarks: 2.50"
    assert "a machine" in page.text
    assert not any("2.50" in big for big in re.findall('<div class="big">.*', text))


def test_twelve_entries_are_open_and_the_others_folded(undrawn, write_run, write_report):
    for threads in range(1, MOST + 4):
        write_run(f"{threads}.json", threads=threads, faster=2.0 if threads == MOST + 3 else 1.0)
    _, text = write_report()
    open_text = re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)
    (shown,) = re.findall('<ul class="headlines">.*?</ul>', open_text, re.DOTALL)
    (stages,) = re.findall('<table class="stages".*?</table>', open_text, re.DOTALL)
    for part in (shown, stages):
        assert len(re.findall(r"<bdi>cpu \d+ threads?</bdi>", part)) == MOST
        # What others are compared with, and the fastest.
        assert "<bdi>cpu 1 thread</bdi>" in part
        assert f"<bdi>cpu {MOST + 3} threads</bdi>" in part
    assert text.count("<summary>3 more entries</summary>") == 2


def test_machines_beyond_twelve_are_folded(undrawn, write_run, write_report):
    for number in range(MOST + 3):
        write_run(f"{number}.json", facts={"cpu": f"Made Up {number}"})
    _, text = write_report()
    listed = text[text.index('<h2 id="machines">') : text.index('<h2 id="files">')]
    opened, folded = listed.split("<summary>3 more machines</summary>")
    assert opened.count(": facts from") == MOST
    assert folded.count(": facts from") == 3


def test_sample_images_say_how_they_were_picked(undrawn, write_run, write_report):
    sample = {"image": "AAAA", "predicted": "cat", "probability": 1.0}
    write_run("a.json", samples=[sample])
    assert "The first of the photographs" in write_report()[1]
    write_run("a.json", samples=[sample | {"label": "cat"}])
    assert "even distances" in write_report()[1]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["a short one", "b"], ["a short one", "b"]),
        (["m" * 60 + " x cpu", "m" * 60 + " y cpu"], ["mmmmmmmmmmmm…x cpu", "mmmmmmmmmmmm…y cpu"]),
        (["x " + "m" * 60, "y " + "m" * 60], ["x mmmmmmmmmmmmmmm…", "y mmmmmmmmmmmmmmm…"]),
        (["a " + "m" * 60 + "1", "a " + "m" * 60 + "2", "b"],
         ["a mmmmmmmmmmmmmm…1", "a mmmmmmmmmmmmmm…2", "b"]),
    ],
    ids=["short", "begin", "end", "third"],
)  # fmt: skip
def test_labels_are_cut_where_they_differ_from_no_other(labels, shown):
    cut = shortened(labels, 18)
    assert list(cut.values()) == shown


def test_an_entry_alone_has_no_ratios_and_nothing_about_their_significance(
    undrawn, write_run, write_report
):
    write_run("a.json")
    alone, _ = write_report()
    write_run("b.json", engine="litert")
    both, _ = write_report()
    for text in ("times as fast", "difference"):
        assert text not in alone.text
        assert text in both.text
    assert not any("hold at the" in each for each in alone.text)
    assert any("hold at the" in each for each in both.text)


@pytest.mark.parametrize(
    ("precision", "title", "text"),
    [("fp32", "Share of", "153%"), ("int8", "Compared with the float32", "1.53 x")],
)
def test_other_precisions_are_multiples_of_the_float32_peak(
    write_run, tmp_path, precision, title, text
):
    write_run(
        "a.json", precision=precision, gflops_per_s=153.0, peak_gflops_per_s=100.0,
        peak_fraction=1.53,
    )  # fmt: skip
    chart = chart_of(tmp_path, "peak")
    assert chart.title.startswith(title)
    assert {row[-1] for row in chart.rows} == {text}


def test_peaks_of_gpus_are_of_the_rows_own_precision(write_run, tmp_path):
    for engine, precision in (("tensorflow", "tf32"), ("tensorflow-xla", "fp32")):
        write_run(
            f"{engine}.json", engine=engine, gflops_per_s=30.0, peak_gflops_per_s=100.0,
            peak_fraction=0.3, peak_precision=precision,
        )  # fmt: skip
    chart = chart_of(tmp_path, "peak")
    assert chart.title == "Share of the hardware's peak"
    assert "on GPUs in the precision of the row" in chart.about
    assert {row[-2:] for row in chart.rows} == {("100 (tf32)", "30%"), ("100", "30%")}
    write_run("tensorflow.json", gflops_per_s=30.0, peak_gflops_per_s=100.0, peak_fraction=0.3,
              precision="bf16", peak_precision="bf16")  # fmt: skip
    (alone,) = (
        each
        for number, section in enumerate(overview_of(tmp_path).sections, start=1)
        for each in charts(section, number)
        if each.name.startswith("peak") and ("bf16" in str(section.comparison.job))
    )
    assert {row[-2:] for row in alone.rows} == {("100 (bf16)", "30%")}


@pytest.fixture
def on_gpus(write_run):
    """Of one network, of 200 operations per byte: a card with fast memory, and one without."""
    for engine, bandwidth in (("fast", 3000.0), ("slow", 100.0)):
        path = write_run(f"{engine}.json", engine=engine, device="gpu")
        run = json.loads(path.read_text(encoding="utf-8"))
        for each in run["benchmarks"]:
            info = each["extra_info"]
            if info["stage"] in ("extract", "evaluate"):
                info["gflops_per_s"] = 15_000.0
                info["bytes_per_image"] = 15_000e9 / info["images_per_s"] / 200
                info["peak_gflops_per_s"], info["peak_precision"] = 400_000.0, "tf32"
                info["bandwidth_gb_per_s"] = bandwidth
        path.write_text(json.dumps(run), encoding="utf-8")


def test_the_roofline_says_what_bounds_a_row(on_gpus, tmp_path):
    """200 operations per byte: up to 400,000 GFLOP/s, or 100 GB/s times 200."""
    chart = chart_of(tmp_path, "roofline")
    assert {row[1] for row in chart.rows} == {"extract", "evaluate"}
    shown = {row[0].split()[0]: row[2:] for row in chart.rows if row[1] == "extract"}
    assert shown == {
        "fast": ("200.0", "15,000", "400,000", "4%", "400,000", "tf32", "3,000", "overheads"),
        "slow": ("200.0", "15,000", "20,000", "75%", "400,000", "tf32", "100", "memory bandwidth"),
    }
    (panel,) = chart.draw().axes
    roofs, marks = panel.get_lines()[::2], panel.get_lines()[1::2]
    assert [list(mark.get_xdata()) for mark in marks] == [pytest.approx([200.0])] * 2
    assert [list(mark.get_ydata()) for mark in marks] == [[15_000.0]] * 2
    assert [max(roof.get_ydata()) for roof in roofs] == [400_000.0] * 2
    # Where a line bends, both limits are equal.
    assert [roof.get_xdata()[1] for roof in roofs] == pytest.approx([400 / 3, 4000])


def test_without_a_bandwidth_there_is_no_roofline(write_run, tmp_path):
    write_run("a.json", gflops_per_s=30.0, peak_gflops_per_s=100.0)
    (section,) = overview_of(tmp_path).sections
    assert "roofline-1" not in {each.name for each in charts(section, 1)}


def with_scaling(path, track, rates):
    """Add a scaling row to a file: images/s by number of workers, half of the time waiting."""
    run = json.loads(path.read_text(encoding="utf-8"))
    one = copy.deepcopy(run["benchmarks"][1])
    one["name"] = f"test_scaling_{track}"
    one["fullname"] = f"bench/suite/test_scaling.py::{one['name']}"
    parts = ("read", "decode", "resize", "network", "write", "waiting", "scheduling")
    one["extra_info"] |= {"stage": "scaling", "track": track, "scaling": [
        {
            "devices": count, "images_per_s": rate, "efficiency": rate / count / rates[1],
            "images": 2000, "threads": 1, "start_s": 5.0,
            "cpu_time": dict.fromkeys(parts, count / rate / 12) | {"waiting": count / rate / 2},
        }
        for count, rate in rates.items()
    ]}  # fmt: skip
    run["benchmarks"].append(one)
    path.write_text(json.dumps(run), encoding="utf-8")


def test_scaling_is_drawn_strong_beside_weak(write_run, tmp_path):
    for engine, slower in (("tensorflow", 1.0), ("litert", 0.5)):
        path = write_run(f"{engine}/a.json", engine=engine)
        with_scaling(path, "strong", {1: 100 * slower, 2: 160 * slower, 4: 200 * slower})
        with_scaling(path, "weak", {1: 100 * slower, 2: 190 * slower, 4: 360 * slower})
    chart = chart_of(tmp_path, "scaling")
    rows = [(row[0], *row[2:]) for row in chart.rows if "litert" in row[1]]
    strong = {row[1:5] for row in rows if row[0] == "scaling (strong)"}
    assert strong == {("1", "2,000", "50", "100.0%"), ("2", "2,000", "80", "80.0%"),
                      ("4", "2,000", "100", "50.0%")}  # fmt: skip
    (text,) = (row[6] for row in rows if row[:2] == ("scaling (weak)", "1"))
    assert text.startswith("read 1.67, decode 1.67, ")
    assert text.endswith("waiting 10, scheduling 1.67")
    figure = chart.draw()
    rates, weak_rates, shares, _, parts, weak_parts = figure.axes
    ideal, measured = rates.get_lines()[:2]
    first = measured.get_ydata()[0]
    assert list(measured.get_xdata()) == [1, 2, 4]
    assert list(measured.get_ydata()) == [first, 1.6 * first, 2 * first]
    assert list(ideal.get_ydata()) == [first, 2 * first, 4 * first]
    assert [list(line.get_ydata()) for line in shares.get_lines()[:2]] == [
        [100.0] * 3, [100.0, 80.0, 50.0],
    ]  # fmt: skip
    assert list(weak_rates.get_lines()[1].get_ydata()) == pytest.approx(
        [first, 1.9 * first, 3.6 * first]
    )
    # All parts on each other are the CPU time of an image.
    tops = [max(bar.get_y() + bar.get_height() for bar in bars) for bars in zip(
        *parts.containers, strict=True)]  # fmt: skip
    assert tops == pytest.approx([1e3 * n / (f * first) for n, f in ((1, 1), (2, 1.6), (4, 2))])
    assert len(weak_parts.patches) == 7 * 3
    assert [len(each.get_texts()) for each in figure.legends] == [2, 7]
    assert [text.get_text() for text in figure.legends[1].get_texts()] == [
        "read", "decode", "resize", "network", "write", "waiting", "scheduling",
    ]  # fmt: skip


def test_scaling_of_gpus_is_drawn_without_parts(write_run, tmp_path):
    scaling = [{"devices": n, "images_per_s": 100.0 * n, "efficiency": 1.0} for n in (1, 2)]
    path = write_run("a.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    run["benchmarks"][1]["extra_info"]["scaling"] = scaling
    path.write_text(json.dumps(run), encoding="utf-8")
    chart = chart_of(tmp_path, "scaling")
    assert {row[0] for row in chart.rows} == {"extract"}
    figure = chart.draw()
    assert [panel.get_xlabel() for panel in figure.axes] == ["GPUs", "GPUs"]
    assert figure.legends == []


def test_throttled_rounds_are_hollow_and_listed_as_such(write_run, tmp_path):
    held = "GPU 0: clock held down by heat (software)"
    several = rounds(6)
    several[3] |= {"timed": False, "throttled": [held]}
    hot = GpuNoise(throttle=("heat (software)",))
    several[3]["noise"] = NoiseSample(wall_s=1.0, cpus=2, gpus=(hot,)).as_dict()
    write_run("a.json", rounds=several)
    chart = chart_of(tmp_path, "rounds")
    cells = {row[2]: (row[3], row[5]) for row in chart.rows if row[0] == "extract"}
    assert cells == dict.fromkeys("2356", ("timed", "")) | {
        "1": ("warm-up", ""), "4": ("throttled", held),
    }  # fmt: skip
    assert "in which heat or power held a GPU's clock down" in chart.about


@pytest.fixture
def priced(write_run):
    """A slow machine that is cheap, a fast one that is not, and a slow one that is as dear."""
    for day in range(3):
        for name, faster in (("cheap", 1.0), ("fast", 2.0), ("dear", 0.5)):
            facts = {"cpu": name}
            write_run(f"{name}/{day}.json", day=day, faster=faster * (1 + day / 50), facts=facts)
    return {"cheap": 0.1, "fast": 0.8, "dear": 0.8}


def test_with_prices_the_page_begins_with_what_gives_most_images(
    undrawn, priced, write_report, tmp_path
):
    options = [f"--price={name}={price}" for name, price in priced.items()]
    _, text = write_report(*options)
    answer = text[: text.index("<nav")]
    most, low, high = (
        float(each.replace(",", ""))
        for each in re.search(
            r"currency: ([\d,]+) \(95 % interval ([\d,]+) to ([\d,]+)", answer
        ).groups()
    )
    runs = collect([str(tmp_path / "results" / "cheap")]).runs
    rates = [row.images_per_s for run in runs for row in run.rows if row.stage == "pipeline"]
    assert most == pytest.approx(3600 * geometric_mean(rates) / 0.1, rel=5e-3)
    assert low < most < high
    assert "significant" in answer
    assert "per unit of currency" not in write_report()[1]


def test_the_frontier_has_what_no_other_machine_beats_in_money_and_time(priced, tmp_path):
    entries = entries_of(collect([str(tmp_path / "results")]).runs)
    (section,) = overview(entries, Prices(priced)).sections
    (chart,) = (each for each in charts(section, 1) if each.name == "money-1")
    places = {row[0]: row[-1] for row in chart.rows}
    beaten = [label for label, place in places.items() if place != "on the frontier"]
    assert (len(places), len(beaten)) == (3, 1)
    assert "dear" in beaten[0]
    (panel,) = chart.draw().axes
    seconds = {each.label: each.seconds for each in section.summaries}
    front = sorted(seconds[label] for label in places if label not in beaten)
    assert list(panel.get_lines()[0].get_xdata()) == pytest.approx(front)
