"""One exponential where a graph has two: exp(x) serves a sigmoid of the same x.

1 / (1 + exp(-x)) becomes e / (1 + e) with e = exp(x), held below infinity. The result is within two
units in the last place of the exact value, as before, but need not have the same bits: strict mode
does without.
"""

from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.passes.simplify import Simplifier, scalar_value

_LARGE = {dt.float32: 2.0**100, dt.float64: 2.0**1000}  # beside it 1 is nothing


def share(graph: Graph) -> Graph:
    """The graph with sigmoids that use an exponential that is computed anyway."""
    order = graph.nodes()
    arguments = {id(n.src[0]) for n in order if n.op.name == "exp" and n.dtype in _LARGE}
    if not arguments:
        return graph
    maker = Simplifier()
    made: dict[int, Node] = {id(n): n for n in graph.inputs}
    for node in order:
        if id(node) in made:
            continue
        maker.origin = node.origin
        x = _sigmoid_of(node)
        if x is not None and id(x) in arguments:
            e = maker.call("exp", made[id(x)])
            e = maker.call("minimum", e, maker.full(_LARGE[e.dtype], e.shape, e.dtype))
            below = maker.call("add", e, maker.full(1.0, e.shape, e.dtype))
            made[id(node)] = maker.call("div", e, below)
        else:
            made[id(node)] = maker.again(node, tuple(made[id(s)] for s in node.src))
    return graph.replace(made[id(o)] for o in graph.outputs)


def _sigmoid_of(node: Node) -> Node | None:
    """x, where the node is 1 / (exp(-x) + 1)."""
    if node.op.name != "div" or scalar_value(node.src[0]) != 1 or node.src[1].op.name != "add":
        return None
    for e, one in (node.src[1].src, node.src[1].src[::-1]):
        if e.op.name == "exp" and e.src[0].op.name == "neg" and scalar_value(one) == 1:
            return e.src[0].src[0]
    return None
