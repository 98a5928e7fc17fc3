from __future__ import annotations

import json

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import TABLE, input_node
from firth.targets.cpu import compiler, plans


def test_what_is_kept_is_plain_json_and_tells_everything(monkeypatch):
    kept = {}
    monkeypatch.setattr(plans, "remember", lambda *what: kept.update(zip("kfo", what)))
    x = input_node(0, (4, 4), dt.float32)
    graph = Graph((x,), (TABLE["matmul"](x, x).node,))
    program = compiler.build_program(graph, False, True, "key")
    assert kept["k"] == "key"
    fields = json.loads(json.dumps(kept["f"]))
    names = [stage[0] for stage in fields["stages"]]
    assert sorted(set(names)) == sorted(kept["o"])
    again = plans.program(fields, dict.fromkeys(names, 0))
    assert str(again.memory()) == str(program.memory())
    assert sum(s.flops for s in again._stages) == 2 * 4 * 4 * 4


def test_little_work_stays_on_one_thread():
    x = input_node(0, (8,), dt.float32)
    y = input_node(0, (1 << 20,), dt.float32)
    small = compiler.build_program(Graph((x,), (TABLE["neg"](x).node,)), False, True, None)
    large = compiler.build_program(Graph((y,), (TABLE["neg"](y).node,)), False, True, None)
    assert small._serial and not large._serial
