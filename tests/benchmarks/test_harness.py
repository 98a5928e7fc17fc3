import pytest

from benchmarks import harness
from benchmarks.harness import Effort, Goal, Group, Workload
from benchmarks.workloads import WORKLOADS

EFFORT = Effort(runs=2, seconds=0, visits=2)  # three calls a run at least: blocks of two


def test_alternate_visits_every_variant_in_turn(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE_S", 0)
    visits = []
    calls = {"a": lambda: visits.append("a"), "b": lambda: visits.append("b")}
    times = harness.alternate(calls, EFFORT)
    # three calls to estimate; a visit is two calls to settle and two timed ones
    assert visits == list("aaabbb" + "aaaabbbb" * 4)
    assert {k: [len(run) for run in v] for k, v in times.items()} == {"a": [4, 4], "b": [4, 4]}


def test_effort_adapts_to_the_call():
    effort = Effort(seconds=0.3, visits=4)
    assert effort.calls(1e-6) == (4, 100)
    assert effort.calls(0.03) == (4, 3)
    assert effort.calls(0.2) == (3, 1)
    assert effort.calls(2.0) == (1, 1)


def test_a_missing_peer_is_left_out(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE_S", 0)

    def missing():
        raise ImportError("No module named peer")

    work = Workload("w", "", {"firth": lambda: lambda: None, "peer": missing})
    found = harness.measure(work, EFFORT, lambda variant: True)
    assert found["peer"] == {"absent": "ImportError: No module named peer"}
    assert found["firth"]["samples"] == 8


def measured(*runs):
    return harness.summary(runs)


def test_ratios_compare_run_by_run_with_the_fastest_peer():
    goals = (
        Goal("firth_jit", 0.5, "peers", 0.25),
        Goal("firth_jit", 2, ""),
        Goal("firth", 1.0, "slow"),
        Goal("firth_jit", 1.0, "peers", by="median"),
        Goal("firth_jit", 1.0, "gone"),
    )
    found = {
        "firth_jit": measured([1.0, 3.0], [2.0, 2.0], [1.0, 1.0]),
        "firth_eager": measured([0.5], [8.0], [8.0]),
        "slow": measured([8.0], [8.0], [8.0]),
        "fast": measured([4.0, 9.0], [2.0, 9.0], [9.0, 9.0]),
        "gone": {"absent": "no"},
    }
    to_peers, seconds, any_firth, medians = harness.ratios(Workload("w", "", goals=goals), found)
    assert to_peers["runs"] == [0.25, 1.0, 0.125]
    assert (to_peers["ratio"], to_peers["met"], to_peers["of"]) == (0.25, True, "fast")
    assert (seconds["ratio"], seconds["met"], seconds["of"]) == (1.0, True, "")
    assert (any_firth["ratio"], any_firth["variant"]) == (0.125, "firth_eager")
    assert medians["runs"] == [2 / 6.5, 2 / 5.5, 0.125]


def test_a_group_is_a_geometric_mean():
    def entry(ratio):
        return {"goals": [{"ratio": ratio}]}

    group = Group("product", 1.0, 0.95)
    workloads = {"product_a": entry(0.5), "product_b": entry(2.0), "other": entry(9.0)}
    assert harness.group_ratio(group, workloads)["ratio"] == pytest.approx(1.0)
    assert harness.group_ratio(group, {"product_a": entry(0.5)}) is None


@pytest.mark.parametrize("name", WORKLOADS)
def test_goals_name_variants_that_exist(name):
    work = WORKLOADS[name]
    variants = {*work.makers, *work.commands}
    for goal in work.goals:
        assert goal.variant in {*variants, "firth"}
        assert goal.other in {*variants, "peers", ""}


def test_number_of_a_process():
    assert harness.number_of("print('noise'); print(0.25)") == 0.25
