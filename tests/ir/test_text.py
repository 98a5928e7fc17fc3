"""Graphs as text: written, read back, edited, and refused with the line."""

from __future__ import annotations

import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base.errors import ArgumentError
from firth.ir.graph import Graph
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, const_node, input_node, make
from firth.ir.text import from_text, to_text

TEXT = """\
%0 = input(index=0) float32[2, 3]
%1 = input(index=1) float32[3]
%2 = mul(%0, %1) float32[2, 3]
%3 = sum(%2; axes=(1,), keepdims=False) float32[2]
%4 = cast(%3; dtype=float16) float16[2]
return %4, %2
donated 1:0
"""


def test_reading_and_writing_are_inverse():
    assert to_text(from_text(TEXT)) == TEXT


def test_a_graph_survives_with_everything_it_has():
    x = input_node(0, (4, 1), dt.float64)
    unused = input_node(1, (), dt.int32)
    y = T["concatenate"](Expr(x), T["exp"](Expr(x)) * 0.5, axis=1)
    graph = Graph((x, unused), (y.node, y.node), donated=())
    again = from_text(to_text(graph))
    assert again.inputs[1].dtype is dt.int32 and again.outputs[0] is again.outputs[1]
    assert to_text(again) == to_text(graph)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), -0.0, 1e-45, True, 3])
def test_constants_keep_their_value(value):
    dtype = {bool: dt.bool_, int: dt.int64}.get(type(value), dt.float32)
    graph = Graph((), (const_node(value, dtype),))
    (again,) = from_text(to_text(graph)).outputs
    assert repr(again.attrs[0]) == repr(value) and again.dtype is dtype


def test_shapes_behind_a_node_are_computed_not_believed():
    graph = from_text(TEXT.replace("float32[2, 3]\n%3", "float32[9, 9]\n%3"))
    assert graph.outputs[1].shape == (2, 3)


def test_tuples_of_other_classes_are_written_as_tuples():
    class Extents(tuple):
        def __repr__(self) -> str:
            return f"Extents({list(self)})"

    x = input_node(0, (6,), dt.float32)
    graph = Graph((x,), (make(T["reshape"], (x,), (Extents((2, 3)),)),))
    assert "shape=(2, 3)" in to_text(graph)
    assert to_text(from_text(to_text(graph))) == to_text(graph)


def test_comments_and_empty_lines_are_free():
    assert to_text(from_text("# what it is\n\n" + TEXT)) == TEXT


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("%2 = mull(%0, %1) float32[2, 3]", "line 3"),
        ("%2 = mul(%0, %9) float32[2, 3]", "line 3"),
        ("%2 = mul(%0, %1)", "line 3.*another form"),
        ("%2 = mul(%0, %1) float31[2, 3]", "line 3"),
        ("%2 = sum(%0; axes=open('x')) float32[2]", "line 3"),
    ],
)
def test_a_wrong_line_is_named(line, found):
    with pytest.raises(ArgumentError, match=found):
        from_text(TEXT.replace("%2 = mul(%0, %1) float32[2, 3]", line))
