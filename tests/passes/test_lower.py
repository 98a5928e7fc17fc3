"""Bodies inlined, broadcasting and promotion explicit: as text before and after."""

from __future__ import annotations

import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.ir.text import from_text, to_text
from firth.ir.verify import verify
from firth.passes.lower import lower

CASES = {
    "broadcasting": (
        """
        %0 = input(index=0) float32[2, 3]
        %1 = input(index=1) float32[3]
        %2 = add(%0, %1) float32[2, 3]
        return %2
        """,
        """
        %0 = input(index=0) float32[2, 3]
        %1 = input(index=1) float32[3]
        %2 = reshape(%1; shape=(1, 3)) float32[1, 3]
        %3 = expand(%2; shape=(2, 3)) float32[2, 3]
        %4 = add(%0, %3) float32[2, 3]
        return %4
        """,
    ),
    "promotion": (
        """
        %0 = input(index=0) int32[2]
        %1 = input(index=1) float32[2]
        %2 = mul(%0, %1) float32[2]
        return %2
        """,
        """
        %0 = input(index=0) int32[2]
        %1 = input(index=1) float32[2]
        %2 = cast(%0; dtype=float32) float32[2]
        %3 = mul(%2, %1) float32[2]
        return %3
        """,
    ),
    "half types compute in float32": (
        """
        %0 = input(index=0) float16[2]
        %1 = exp(%0) float16[2]
        return %1
        """,
        """
        %0 = input(index=0) float16[2]
        %1 = cast(%0; dtype=float32) float32[2]
        %2 = exp(%1) float32[2]
        %3 = cast(%2; dtype=float16) float16[2]
        return %3
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_made_explicit(name: str) -> None:
    before, after = CASES[name]
    assert to_text(lower(from_text(before))) == to_text(from_text(after))


def test_composed_ops_become_base_ops() -> None:
    text = """
        %0 = input(index=0) bfloat16[4, 8]
        %1 = softmax(%0; axis=1) bfloat16[4, 8]
        %2 = gelu(%1; approximate='none') bfloat16[4, 8]
        return %2
        """
    graph = from_text(text)
    verify(graph, "recorded")
    low = lower(graph)
    verify(low, "lowered")
    assert all(TABLE[n.op.name].is_base for n in low.nodes())


def test_sums_of_bools_are_bools_again() -> None:
    x = input_node(0, (3,), dt.bool_)
    graph = lower(Graph((x,), ((Expr(x) + Expr(x)).node,)))
    assert graph.outputs[0].dtype is dt.bool_
