from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.base.errors import VerifyError
from firth.ir.graph import Graph
from firth.ir.kernel import Affine, Axis, Load, Loop, Store
from firth.ir.op import TABLE, input_node
from firth.passes.affine import of_axis
from firth.runtime.buffer import from_array
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


def test_a_wrong_kernel_is_named_and_touches_nothing(monkeypatch):
    """With FIRTH_CHECK=1, a kernel that reads behind its buffer is an error and nothing worse."""
    x = input_node(0, (8,), dt.float32)
    graph = Graph((x,), (TABLE["neg"](x).node,))
    right = compiler.pipeline.place

    def wrong(*args):
        schedule, plan = right(*args)
        (step,) = plan.steps
        i = Axis("i", 8)
        store = Store(1, of_axis(i), Load(0, Affine(100_000_000, ((i, 1),)), dt.float32))
        kernel = replace(step.kernel, grid=(), body=(Loop(i, (store,), 8),))
        plan.steps[:] = [replace(step, kernel=kernel)]
        return schedule, plan

    monkeypatch.setattr(compiler.pipeline, "place", wrong)
    flags.put("FIRTH_CHECK", "1")
    try:
        program = compiler.build_program(graph, False, True, None)
        with pytest.raises(VerifyError, match=rf"{program._stages[0].name}.* element 100000000"):
            program.run([from_array(np.ones(8, np.float32))])
    finally:
        flags.put("FIRTH_CHECK", None)
