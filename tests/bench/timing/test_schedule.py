"""Plans fit their budget, and runs end where they were planned to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.timing.schedule import (
    MOST_ROUNDS,
    StageCost,
    make_schedule,
    plan_rounds,
    planned_seconds,
)

COSTS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        StageCost,
        round_s=st.floats(0.01, 20),
        fixed_s=st.floats(0, 5),
        least=st.integers(1, 3),
        usual=st.integers(1, 5),
    ),
    min_size=1,
)


class FakeClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@given(COSTS)
def test_without_a_budget_every_stage_takes_its_usual_rounds(costs):
    assert plan_rounds(costs, None) == {name: cost.usual for name, cost in costs.items()}


@given(COSTS, st.floats(0, 300))
def test_a_plan_fits_its_budget_or_is_the_least_there_is(costs, budget):
    rounds = plan_rounds(costs, budget)
    least = {name: cost.least for name, cost in costs.items()}
    assert all(rounds[name] >= least[name] for name in costs)
    assert planned_seconds(costs, rounds) <= budget + 1e-6 or rounds == least


@given(COSTS, st.floats(0, 300))
def test_a_plan_leaves_no_room_for_another_round(costs, budget):
    rounds = plan_rounds(costs, budget)
    left = budget - planned_seconds(costs, rounds)
    for name, cost in costs.items():
        assert cost.round_s > left - 1e-6 or rounds[name] == MOST_ROUNDS


def test_time_is_shared_out_evenly_and_so_quick_stages_get_more_rounds():
    costs = {"quick": StageCost(1.0), "slow": StageCost(10.0)}
    assert plan_rounds(costs, 60.0) == {"quick": 30, "slow": 3}


def run(schedule, clock, costs, actual_round_s, warm=True):
    """Run every stage as the suite does, on a fake clock; the rounds that each took."""
    taken = {}
    for name, cost in costs.items():
        clock.now += cost.fixed_s
        taken[name] = schedule.rounds_for(name)(actual_round_s[name] if warm else 0.0)
        clock.now += taken[name] * actual_round_s[name]
    return taken


@pytest.mark.parametrize("budget", [60.0, 600.0])
@pytest.mark.parametrize("speed", [0.7, 1.0, 1.4], ids=["faster", "as piloted", "slower"])
def test_a_run_ends_within_a_tenth_of_its_plan_although_the_pilot_was_off(budget, speed):
    costs = {
        name: StageCost(s, fixed_s=1.0) for name, s in zip("abcde", (1, 2, 4, 3, 0.5), strict=True)
    }
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=budget, started=90.0, clock=clock)
    planned = schedule.end - 90.0
    assert planned <= budget
    run(schedule, clock, costs, {name: cost.round_s * speed for name, cost in costs.items()})
    assert clock.now - 90.0 == pytest.approx(planned, rel=0.10)


def test_without_a_budget_the_plan_is_kept_whatever_it_takes():
    costs = {"a": StageCost(1.0, usual=5), "b": StageCost(1.0, usual=2)}
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=None, started=90.0, clock=clock)
    assert run(schedule, clock, costs, {"a": 50.0, "b": 50.0}) == {"a": 5, "b": 2}


def test_a_stage_never_gets_fewer_rounds_than_it_needs():
    costs = {"a": StageCost(1.0, least=3)}
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=5.0, started=90.0, clock=clock)
    assert schedule.rounds_for("a")(100.0) == 3


def test_a_run_whose_plan_is_longer_than_its_budget_ends_within_it_if_the_pilot_was_slow():
    """It doesn't fill the time of the plan: the machine turned out to be ten times as fast."""
    costs = {name: StageCost(10.0, least=3) for name in "abc"}
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=30.0, started=90.0, clock=clock)
    assert planned_seconds(costs, schedule.rounds) == 90.0
    rounds = run(schedule, clock, costs, dict.fromkeys(costs, 1.0))
    assert min(rounds.values()) >= 3
    assert clock.now - 90.0 <= 30.0


def test_where_no_warm_up_tells_the_expected_cost_counts():
    costs = {"a": StageCost(4.0)}
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=30.0, started=90.0, clock=clock)
    assert schedule.rounds_for("a")(0.0) == 5


@pytest.mark.parametrize("pace", [0.5, 1.0, 1.5])
def test_a_long_stage_expects_the_pace_that_the_network_showed_before(pace):
    """The pilot said 4 s; the network takes ``pace`` times that, and only it tells."""
    short = StageCost(5.0, overhead_s=1.0, runs_network=True)
    long = StageCost(21.0, fixed_s=6.0, overhead_s=1.0, runs_network=True)
    costs = {"extract": short, "cached": StageCost(1.0), "long": long, "last": long}
    clock = FakeClock()
    schedule = make_schedule(costs, budget_s=900.0, started=clock(), clock=clock)
    schedule.rounds_for("extract")(0.0)
    schedule.learn("extract", [4.0 * pace] * 3)
    schedule.rounds_for("cached")(1.0)
    schedule.learn("cached", [99.0])
    clock.now = schedule.end - 500.0
    last_s = schedule.rounds["last"] * (1.0 + 20.0 * pace) + 6.0 * pace
    assert schedule.rounds_for("long")(0.0) == max(1, (500.0 - last_s) // (1.0 + 20.0 * pace))
