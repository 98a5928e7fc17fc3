import pytest

from benchmarks import harness
from benchmarks.harness import Goal, Workload
from benchmarks.workloads import WORKLOADS


def test_alternate_visits_every_variant_in_turn(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE_S", 0)
    visits = []
    calls = {"a": lambda: visits.append("a"), "b": lambda: visits.append("b")}
    times = harness.alternate(calls, rounds=2, block=3)
    assert visits == list("aaaaabbbbb" * 2)  # two calls to settle, three timed
    assert {k: len(v) for k, v in times.items()} == {"a": 6, "b": 6}


def test_a_missing_peer_is_left_out(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE_S", 0)

    def missing():
        raise ImportError("No module named peer")

    work = Workload("w", "", {"firth": lambda: lambda: None, "peer": missing}, rounds=1)
    found = harness.measure(work, None, lambda variant: True)
    assert found["peer"] == {"absent": "ImportError: No module named peer"}
    assert found["firth"]["samples"] == work.block


def test_ratios_compare_with_the_fastest_peer():
    work = Workload("w", "", goals=(Goal("firth_jit", 0.5, "peers"), Goal("firth_jit", 2, "")))
    found = {
        "firth_jit": {"median_s": 1.0, "best_s": 1.0},
        "firth_eager": {"median_s": 0.1, "best_s": 0.1},
        "slow": {"median_s": 8.0, "best_s": 8.0},
        "fast": {"median_s": 4.0, "best_s": 1.0},
        "gone": {"absent": "no"},
    }
    to_peers, seconds = harness.ratios(work, found)
    assert (to_peers["median"], to_peers["best"], to_peers["met"]) == (0.25, 1.0, True)
    assert (seconds["median"], seconds["met"]) == (1.0, True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_goals_name_variants_that_exist(name):
    work = WORKLOADS[name]
    variants = {*work.makers, *work.commands}
    for goal in work.goals:
        assert goal.variant in variants
        assert goal.other in {*variants, "peers", ""}


def test_seconds_of_a_process():
    assert harness.seconds_of("print('noise'); print(0.25)") == 0.25
