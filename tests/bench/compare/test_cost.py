"""Which machine gives most images per unit of currency, and how sure that is."""

import json
import re
from statistics import geometric_mean
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from tlbench.cli.main import main
from tlbench.compare.cost import cost_ranking
from tlbench.report.cost_text import cost_answer, images
from tlbench.stats.ratios import ALARM, RUN_SD, rate_interval

SETS = {"a": [400.0, 420.0, 410.0], "b": [700.0, 710.0, 690.0], "c": [300.0, 305.0, 295.0]}


def entry(machine, rates, job=2500):
    """What a ranking needs of an entry."""
    rate = geometric_mean(rates)
    return SimpleNamespace(
        whole_job="pipeline",
        job_seconds=job / rate,
        rates=lambda _: list(rates),
        rate=lambda _: rate,
        last=SimpleNamespace(facts={"cpu": machine}),
    )


def ranked(*priced):
    """The ranking of (machine, rates, price)."""
    entries = [entry(machine, rates) for machine, rates, _ in priced]
    return cost_ranking(entries, [price for *_, price in priced])


def test_images_per_unit_of_currency_are_those_of_an_hour_for_its_price():
    (found,) = ranked(("a", [100.0], 0.5)).entries
    assert found.images == pytest.approx(100 * 3600 / 0.5)
    half = stats.norm.ppf(0.975) * RUN_SD
    assert (found.low, found.high) == pytest.approx(
        (found.images * np.exp(-half), found.images * np.exp(half))
    )


MANY = [400.0, 420.0, 410.0, 404.0, 415.0]


@pytest.mark.parametrize("rates", [MANY, [100.0, 180.0]], ids=["five", "two that differ"])
def test_the_interval_of_several_runs_is_students(rates):
    expected = stats.ttest_1samp(np.log(rates), 0).confidence_interval(0.95)
    assert np.log(rate_interval(rates)) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_few_runs_that_agree_are_taken_to_vary_as_usual(count):
    low, high = rate_interval([400.0, 401.0, 400.5, 400.2][:count])
    half = stats.norm.ppf(0.975) * RUN_SD / count**0.5
    assert np.log(high / low) / 2 == pytest.approx(half)


def test_entries_that_another_one_beats_in_both_are_dominated():
    found = ranked(("a", SETS["a"], 0.08), ("b", SETS["b"], 0.40), ("c", SETS["c"], 0.10))
    assert [each.position for each in found.entries] == [0, 2, 1]
    assert {each.position: each.dominated_by for each in found.entries} == {0: None, 1: None, 2: 0}


def test_of_equals_none_is_dominated():
    found = ranked(("a", [100.0], 0.1), ("b", [100.0], 0.1))
    assert [each.dominated_by for each in found.entries] == [None, None]


def test_a_lead_that_is_significant_is_told_with_its_interval():
    found = ranked(("a", SETS["a"], 0.08), ("b", SETS["b"], 0.40))
    assert found.significance == "faster"
    assert found.rivals == ()
    # 410 and 700 images/s, at a fifth of the price.
    assert found.lead.value == pytest.approx(5 * 410 / 700, rel=0.01)
    told = cost_answer(found, ["A", "B"])
    assert told.startswith("A gives the most images per unit of currency: 18,400,000 (95 %")
    assert "; 3 runs, 0.08 per hour)" in told
    second = "The second machine, B, gives 6,300,000: the first gives 2.93 times as many"
    assert f"{second} (95 % interval 2.79 to 3.08)." in told
    assert told.endswith("The difference is significant (5 % level).")
    told = cost_answer(
        ranked(*((each, SETS[each], 0.1 * 3**i) for i, each in enumerate("bac"))), "BAC"
    )
    assert told.endswith(
        "The difference to each of the 2 other machines is significant (5 % level)."
    )


def test_rivals_are_named_where_the_lead_is_by_chance():
    found = ranked(("a", [100.0], 0.1), ("b", [98.0], 0.1), ("c", [20.0], 0.1))
    assert [each.position for each in found.rivals] == [1]
    assert cost_answer(found, "XYZ").endswith("The lead is not significant: Y may give as many.")


def test_a_machine_counts_with_its_best_set_up_and_pays_for_having_had_the_choice():
    # Alone, 1.45 times is significant; as the best of four setups of a machine, only likely.
    one = ranked(("a", [145.0], 1.0), ("b", [100.0], 1.0))
    assert one.significance == "faster"
    several = ranked(
        ("a", [145.0], 1.0), *(("a", [rate], 1.0) for rate in (90.0, 91.0, 92.0)),
        ("b", [100.0], 1.0),
    )  # fmt: skip
    assert [each.position for each in several.machines] == [0, 4]
    assert several.significance == "likely faster"
    assert "likely, but not significant: B may" in cost_answer(several, ["A", *"xyz", "B"])


def test_one_machine_is_said_to_be_alone():
    told = cost_answer(ranked(("a", [100.0], 1.0)), ["A"])
    assert told.startswith("A gives images per unit of currency: 360,000 (95 % interval 285,000")
    assert told.endswith("No other machine has both a price and a whole job.")


def test_without_a_price_or_a_whole_job_there_is_no_ranking():
    assert ranked(("a", [100.0], None)) is None
    unmeasured = entry("a", [100.0])
    unmeasured.whole_job = unmeasured.job_seconds = None
    assert cost_ranking([unmeasured], [1.0]) is None


@pytest.mark.parametrize("setups", [(1, 1), (5, 1), (1, 1, 1, 1), (3, 3)], ids=str)
def test_machines_that_are_alike_are_seldom_told_apart(setups):
    """Chosen as the best of all, by its best set-up: the level holds for that choice, too."""
    rng, tables, alarms = np.random.default_rng(5), 400, 0
    for _ in range(tables):
        found = ranked(
            *(
                (f"machine {number}", [float(np.exp(rng.normal(0, RUN_SD)))], 1.0)
                for number, count in enumerate(setups)
                for _ in range(count)
            )
        )
        alarms += found.significance == "faster"
    assert alarms <= stats.binom.ppf(0.999, tables, ALARM)


@pytest.mark.parametrize(
    ("count", "text"), [(1234567, "1,230,000"), (99.94, "99.9"), (0.01234, "0.0123")]
)
def test_numbers_of_images_have_three_digits(count, text):
    assert images(count) == text


@pytest.fixture
def command(write_run, tmp_path):
    """Runs ``tlbench compare`` on two machines' results."""
    for day in range(3):
        write_run(f"cheap/{day}.json", day=day, faster=1 + day / 100)
        facts = {"cpu": "Intel Xeon", "instance_type": "c7i.large"}
        write_run(f"fast/{day}.json", day=day, faster=2 + day / 100, facts=facts)

    def run(*options):
        given = ["compare", "cheap", "fast", "--results", str(tmp_path / "results"), *options]
        return CliRunner().invoke(main, given)

    return run


def test_results_that_were_measured_without_a_price_get_one(command, tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text("c7i.large = 0.4\nunknown = 1\n")
    done = command("--price", "cheap=0.1", f"--prices={file}")
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    told = " ".join(done.stdout.split())
    assert "images per unit of currency, whole job:" in told
    assert "0.1 on the frontier" in told
    assert "0.4 on the frontier" in told
    assert re.search(r"A \(.*\) gives the most images per unit of currency: 15,300,000", told)
    assert "The difference is significant (5 % level)." in told


def test_json_has_the_same_answer(command):
    done = command("--price=cheap=0.4", "--price=c7i.large=0.1", "--json")
    assert json.loads(done.stdout)["level"] == ALARM
    (told,) = json.loads(done.stdout)["comparisons"]
    assert [each["instance_type"] for each in told["entries"]] == [None, "c7i.large"]
    costs = told["costs"]
    best, other = costs["entries"]
    assert other["dominated_by"] == best["entry"]
    assert best["low"] < best["images_per_money"] < best["high"]
    assert costs["lead"]["value"] == pytest.approx(8, rel=0.03)
    assert (costs["word"], costs["rivals"]) == ("more", [])
    assert costs["answer"].startswith(best["entry"])
    cell = next(each for each in told["cells"] if each["benchmark"] == "extract")
    assert cell["price_per_hour"] == 0.4
    assert cell["images_per_money"] == pytest.approx(cell["images_per_s"] * 3600 / 0.4)


def test_without_prices_nothing_is_said_of_money(command):
    done = command()
    assert "currency" not in done.stdout
    (told,) = json.loads(command("--json").stdout)["comparisons"]
    assert told["costs"] is None


def test_a_price_for_nothing_is_one_line(command):
    done = command("--price=chaep=1")
    assert done.exit_code == 2
    assert done.stderr == ("Error: --price chaep: no run is of this machine; did you mean cheap?\n")


@pytest.mark.parametrize("name", ["compare", "report"])
def test_a_machine_that_a_filter_leaves_out_may_have_a_price(write_run, tmp_path, name):
    for engine in ("litert", "openvino"):
        write_run(f"cheap/{engine}.json", engine=engine, facts={"cpu": "Intel Xeon"})
    write_run("fast/0.json", engine="onnxruntime")
    given = [name, "--results", str(tmp_path / "results"), "--price=fast=1", "--price=cheap=2"]
    given += ["--engine=litert"] if name == "report" else ["--engine=litert", "--engine=openvino"]
    output = ["-o", str(tmp_path / "page.html")] if name == "report" else []
    done = CliRunner().invoke(main, [*given, *output])
    assert done.exit_code == 0, done.output
