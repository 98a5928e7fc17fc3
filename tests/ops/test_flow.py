"""Control flow as nodes: bytes of results, checks, text, and the NumPy meaning."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ShapeError, VerifyError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import Expr, input_node
from firth.ir.text import Body, from_text, to_text
from firth.ir.verify import verify
from firth.ops.flow import SCAN, SWITCH, WHILE, call, pack, places
from tests.table.table_tools import TARGETS, run


def _body(*outputs: object, inputs: tuple[Node, ...]) -> Body:
    return Body(Graph(inputs, tuple(o.node if isinstance(o, Expr) else o for o in outputs)))


def _sums() -> Graph:
    """Running sums of the rows of (4, 3), scaled by 2, and the last carry."""
    c, x, k = (input_node(i, s, dt.float64) for i, s in enumerate(((3,), (3,), ())))
    body = _body(Expr(c) + Expr(x), Expr(c) * Expr(k), inputs=(c, x, k))
    given = [input_node(i, s, dt.float64) for i, s in enumerate(((3,), (4, 3), ()))]
    found = call(SCAN, given, body=body, carried=1, rows=1, length=4, reverse=False, kept=True)
    return Graph(tuple(given), tuple(found))


@pytest.mark.parametrize("target", TARGETS)
def test_scan(target: str) -> None:
    xs = np.arange(12.0).reshape(4, 3)
    last, ys, before = run(_sums(), [np.ones(3), xs, np.array(2.0)], target)
    sums = 1 + np.vstack([np.zeros((1, 3)), np.cumsum(xs, 0)])
    assert (last == sums[-1]).all() and (ys == 2 * sums[:-1]).all() and (before == ys / 2).all()


@pytest.mark.parametrize("target", TARGETS)
def test_while_and_switch(target: str) -> None:
    n, x = input_node(0, (), dt.int64), input_node(1, (2,), dt.float32)
    inputs = (n, x)
    cond = _body(Expr(n) < 3, inputs=inputs)
    body = _body(Expr(n) + 1, Expr(x) * 2.0, inputs=inputs)
    graph = Graph(inputs, tuple(call(WHILE, [n, x], cond=cond, body=body)))
    count, found = run(graph, [np.array(0), np.ones(2, np.float32)], target)
    assert count == 3 and found.tolist() == [8.0, 8.0]
    y = input_node(0, (2,), dt.float32)
    bodies = (_body(Expr(y), inputs=(y,)), _body(ops.exp(Expr(y)), inputs=(y,)))
    chosen = Graph(inputs, tuple(call(SWITCH, [n, x], bodies=bodies)))
    for index, expected in ((-5, 0.0), (0, 0.0), (1, 1.0), (9, 1.0)):
        got = run(chosen, [np.array(index), np.zeros(2, np.float32)], target)[0]
        assert got.tolist() == [expected] * 2


def test_text_is_read_back() -> None:
    text = to_text(_sums())
    assert "body={\n" in text and to_text(from_text(text)) == text
    inner = _sums()
    y = input_node(0, (), dt.int64)
    twice = SWITCH(y, *inner.inputs, bodies=(Body(inner), Body(inner)))
    nested = to_text(Graph((y, *inner.inputs), (twice.node,)))
    assert to_text(from_text(nested)) == nested
    assert Body(inner) == Body(_sums()) and hash(Body(inner)) == hash(Body(_sums()))


def test_bodies_are_verified() -> None:
    verify(_sums(), "recorded")
    x = input_node(0, (2,), dt.float32)
    wrong = Node(ops.exp, (x,), (), (3,), dt.float32)
    bodies = (Body(Graph((x,), (wrong,))),)
    index = input_node(0, (), dt.int64)
    other = input_node(1, (2,), dt.float32)
    node = call(SWITCH, [index, other], bodies=bodies)[0]
    with pytest.raises(VerifyError, match="exp"):
        verify(Graph((index, other), (node,)), "recorded")


def test_what_does_not_fit_is_refused() -> None:
    x = input_node(0, (2,), dt.float32)
    with pytest.raises(ShapeError, match="carried value 0 does not fit"):
        call(WHILE, [x], cond=_body(Expr(x) < 1, inputs=(x,)),
             body=_body(ops.cast(x, dtype=dt.float64), inputs=(x,)))  # fmt: skip
    with pytest.raises(ShapeError, match="sources do not fit the body"):
        call(SCAN, [input_node(0, (3,), dt.float32)], body=_body(Expr(x), inputs=(x,)), carried=1,
             rows=0, length=2, reverse=False, kept=False)  # fmt: skip


def test_results_begin_at_aligned_places() -> None:
    kinds = [((3,), dt.int8), ((), dt.float64), ((0,), dt.float32), ((2,), dt.bfloat16)]
    starts, size = places(kinds)
    assert starts == [0, 64, 128, 128] and size == 192
    arrays = [np.zeros(s, d.np) + np.ones((), d.np) for s, d in kinds]
    assert pack(kinds, arrays)[:3].tolist() == [1, 1, 1]
