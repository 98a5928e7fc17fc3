"""What is legal at each stage of a graph."""

from __future__ import annotations

import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base.errors import VerifyError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import input_node as given
from firth.ir.op import make
from firth.ir.verify import verify

X = given(0, (2, 3), dt.float32)
ROW = given(1, (3,), dt.float32)
HALF = given(0, (2,), dt.float16)


def graph(node, *inputs, donated=()):
    return Graph(inputs or (X,), (node,), donated)


def test_a_legal_graph_comes_back():
    legal = graph(make(T["exp"], (X,)))
    assert verify(legal, "recorded") is legal and verify(legal, "lowered") is legal
    broad = graph(make(T["add"], (X, ROW)), X, ROW)
    assert verify(broad, "recorded") is broad


CASES = {
    "a composed op is left": (graph(make(T["softmax"], (X,), (1,))), "lowered"),
    "broadcasting is not explicit": (graph(make(T["add"], (X, ROW)), X, ROW), "lowered"),
    "an input that the graph does not list": (graph(make(T["exp"], (ROW,))), "recorded"),
    "input number 0": (Graph((ROW,), (ROW,)), "recorded"),
    "its rules say": (graph(Node(T["exp"], (X,), (), (9,), dt.float32)), "recorded"),
    "its rules say float32": (graph(Node(T["exp"], (X,), (), (2, 3), dt.float64)), "recorded"),
    "where 2 are declared": (graph(Node(T["add"], (X,), (), (2, 3), dt.float32)), "recorded"),
    "arithmetic on a half type": (graph(make(T["exp"], (HALF,)), HALF), "lowered"),
    "is donated input 0": (
        graph(make(T["permute"], (X,), ((1, 0),)), donated=((0, 0),)),
        "lowered",
    ),
}


@pytest.mark.parametrize("words", CASES)
def test_a_violation_is_named(words):
    wrong, stage = CASES[words]
    with pytest.raises(VerifyError, match=words):
        verify(wrong, stage)


def test_half_types_may_be_moved_and_compared():
    chosen = make(T["where"], (make(T["less"], (HALF, HALF)), HALF, HALF))
    verify(graph(chosen, HALF), "lowered")
