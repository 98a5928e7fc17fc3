from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import TABLE, input_node
from firth.runtime.buffer import from_array
from firth.targets.cpu import compiler, target, templates


def row_sums(rows: int, columns: int) -> Graph:
    x = input_node(0, (rows, columns), dt.float32)
    return Graph((x,), (TABLE["sum"](x, axes=(1,), keepdims=False).node,))


def test_the_second_extents_make_a_structure_generic(monkeypatch):
    made = []
    whole = compiler.build_fields

    def noted(graph, generic, *rest):
        made.append(generic)
        return whole(graph, generic, *rest)

    monkeypatch.setattr(compiler, "build_fields", noted)
    monkeypatch.setattr(target.plans, "key_of", lambda *rest: None)
    target._seen.clear()
    templates._known.clear()
    for rows, columns in ((30, 70), (30, 70), (50, 70), (40, 70)):
        executable = target.compile(row_sums(rows, columns))
        x = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
        (out,) = executable.run([from_array(x)])
        np.testing.assert_array_equal(out.view(dt.float32, (rows,)), x.sum(1))
    assert made == [False, False, True]  # the third extents are a formula's


def test_a_generic_program_that_runs_often_is_specialised(monkeypatch):
    made = []
    whole = compiler.build_fields

    def noted(graph, generic, *rest):
        made.append(generic)
        return whole(graph, generic, *rest)

    monkeypatch.setattr(compiler, "build_fields", noted)
    monkeypatch.setattr(target, "_SECONDS_TO_COMPILE", 0.0)
    monkeypatch.setattr(target.plans, "key_of", lambda *rest: None)
    target._seen.clear()
    templates._known.clear()
    target.compile(row_sums(3, 7))
    executable = target.compile(row_sums(50, 70))
    x = from_array(np.arange(3500, dtype=np.float32))
    sums = x.view(dt.float32, (50, 70)).sum(1)
    for _ in range(target._FEWEST_RUNS + 5):
        (out,) = executable.run([x])
        np.testing.assert_array_equal(out.view(dt.float32, (50,)), sums)
    assert made == [False, True, False]


def test_a_generic_program_of_long_runs_is_specialised_at_once(monkeypatch):
    made = []
    whole = compiler.build_fields

    def noted(graph, generic, *rest):
        made.append(generic)
        return whole(graph, generic, *rest)

    monkeypatch.setattr(compiler, "build_fields", noted)
    monkeypatch.setattr(target.plans, "key_of", lambda *rest: None)
    monkeypatch.setattr(target.Program, "seconds", lambda self: 4.0)
    target._seen.clear()
    templates._known.clear()
    target.compile(row_sums(3, 7))
    executable = target.compile(row_sums(50, 70))
    executable.run([from_array(np.zeros(3500, dtype=np.float32))])
    assert made == [False, True, False]


def test_unfused_kernels_give_the_same_numbers():
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    source = input_node(0, (3, 4), dt.float32)
    graph = Graph((source,), (TABLE["abs"](TABLE["neg"](source)).node,))
    results = []
    for fused in (True, False):
        (out,) = target.specialise(graph, fused=fused).run([from_array(x)])
        results.append(out.view(dt.float32, (3, 4)).copy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("sizes", "expected"), [((5, 6), [False, True]), ((900, 1000), [False, True, False])]
)
def test_convolutions_of_much_work_are_specialised(monkeypatch, sizes, expected):
    made = []
    whole = compiler.build_fields

    def noted(graph, generic, *rest):
        made.append(generic)
        return whole(graph, generic, *rest)

    monkeypatch.setattr(compiler, "build_fields", noted)
    monkeypatch.setattr(target.plans, "key_of", lambda *rest: None)
    options = {"stride": (1, 1), "padding": ((1, 1),) * 2, "dilation": (1, 1), "groups": 1}
    target._seen.clear()
    templates._known.clear()
    for size in sizes:
        shapes = ((1, 32, size, size), (32, 32, 3, 3))
        x, w = (input_node(i, s, dt.float32) for i, s in enumerate(shapes))
        target.compile(Graph((x, w), (TABLE["conv"](x, w, **options).node,)))
    assert made == expected
