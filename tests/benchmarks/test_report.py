import json

from benchmarks import harness, report
from benchmarks.harness import Goal, Workload

GOALS = (Goal("firth_jit", 0.5, "peers", 0.3), Goal("firth_jit", 2.0, ""))


def entry(ours, theirs):
    found = {"firth_jit": harness.summary([[ours]] * 5), "torch": harness.summary([[theirs]] * 5)}
    goals = harness.ratios(Workload("w", "", goals=GOALS), found)
    return {
        "doc": "a step", "commit": "c0ffee", "unit": "s", "flops": 4e9, "bytes": 0.0,
        "peaks": {"flops": 8e9, "bytes": 1e9}, "variants": found, "goals": goals,
    }  # fmt: skip


def results(**workloads):
    machine = {
        "processor": "P", "cores": 2, "threads": 2, "system": "S", "python": "3", "versions": {},
    }  # fmt: skip
    return {"machine": machine, "peaks": {"flops": 8e9, "bytes": 1e9}, "workloads": workloads}


def test_page_says_what_is_met():
    page = report.page(results(mlp_step=entry(1.0, 4.0), gpt_step=entry(3.0, 4.0)))
    assert "2 of 4 goals are met. Measured at c0ffee." in page
    row = "| 1.00 s | 50% | 4.00 s (torch) | 12% | 0.25 | 0.5 | 0.3 | aim met |"
    assert f"| `mlp_step`: a step {row}" in page
    assert "| 0.75 | 0.5 | 0.3 | **missed** |" in page
    assert "| 3.00 s | 2 s |  | **missed** |" in page


def test_text_names_goal_and_spread():
    text = report.table("mlp_step", entry(1.0, 4.0))
    assert "-> firth_jit: 0.25 x torch (0.25 to 0.25), must 0.5: met" in text


def test_saving_keeps_other_workloads(tmp_path):
    path = tmp_path / "r.json"
    report.save(path, results(mlp_step=entry(1.0, 4.0)))
    report.save(path, results(gpt_step=entry(1.0, 4.0)))
    assert list(json.loads(path.read_text())["workloads"]) == ["mlp_step", "gpt_step"]
