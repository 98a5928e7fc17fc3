"""Reverse-mode gradients: more nodes, built from each op's `vjp` or from its body."""

from __future__ import annotations

from collections.abc import Sequence

from firth.base.dtype import DType
from firth.base.errors import MissingRule, ShapeError
from firth.ir.graph import topological
from firth.ir.node import Node, Shape
from firth.ir.op import TABLE, Expr, const_node, input_node, make
from firth.ops.flow import RESULT, is_flow
from firth.passes.flow import pull


def gradient(
    outputs: Sequence[Node], cotangents: Sequence[Node | None], wrt: Sequence[Node]
) -> list[Node | None]:
    """Gradients of sum(output * cotangent) for each node of `wrt`; None where nothing flows.

    A missing cotangent stands for ones. Raises MissingRule where a base op has no gradient.
    """
    order = topological(outputs)
    given = topological([*outputs, *(c for c in cotangents if c is not None)])
    claim = _Claim(given)
    targets = {id(n) for n in wrt}
    needed = _depends_on(order, targets)
    grads: dict[int, Node] = {}
    for out, cot in zip(outputs, cotangents, strict=True):
        if id(out) in needed:
            _accumulate(grads, out, cot if cot is not None else full(out.shape, 1, out.dtype))
    flows: dict[int, dict[int, Node]] = {}  # gradients of the results of control flow
    for node in reversed(order):
        g = grads.get(id(node))
        if id(node) in flows:
            marks = [id(s) in needed for s in node.src]
            pulled = pull(node, flows[id(node)], marks, gradient)
        elif g is None or not node.src or not any(id(s) in needed for s in node.src):
            continue
        elif node.op is RESULT:
            known, index = flows.setdefault(id(node.src[0]), {}), node.attr("index")
            known[index] = g if index not in known else make(TABLE["add"], (known[index], g))
            continue
        else:
            pulled = _pull(node, g, needed)
        for source, contribution in zip(node.src, pulled, strict=True):
            if contribution is not None and id(source) in needed:
                _accumulate(grads, source, contribution)
                claim(grads[id(source)], node)
    return [grads.get(id(n)) for n in wrt]


class _Claim:
    """Notes for new nodes which node they are the gradient of."""

    def __init__(self, given: list[Node]) -> None:
        self._known = {id(n) for n in given}
        self._keep = given  # ids stay valid

    def __call__(self, root: Node, origin: Node) -> None:
        stack = [root]
        while stack:
            node = stack.pop()
            if id(node) not in self._known:
                self._known.add(id(node))
                self._keep.append(node)
                node.origin = origin
                stack.extend(node.src)


def full(shape: Shape, value: float, dtype: DType) -> Node:
    """A node of the shape that holds one number everywhere."""
    node = const_node(value, dtype)
    if shape:
        node = make(TABLE["reshape"], (node,), ((1,) * len(shape),))
        node = make(TABLE["expand"], (node,), (shape,))
    return node


def unbroadcast(node: Node, shape: Shape, dtype: DType) -> Node:
    """The gradient of broadcasting and promotion: sums down to `shape`, casts to `dtype`."""
    if node.shape != shape:
        extra = len(node.shape) - len(shape)
        if extra < 0:
            raise ShapeError(
                f"grad: a gradient has fewer dimensions than its source; got {node.shape}, "
                f"expected {shape}; the op's vjp rule is wrong"
            )
        axes = tuple(range(extra)) + tuple(
            i + extra for i, n in enumerate(shape) if n == 1 and node.shape[i + extra] != 1
        )
        if axes:
            node = make(TABLE["sum"], (node,), TABLE["sum"].bind({"axes": axes, "keepdims": True}))
        if node.shape != shape:
            node = make(TABLE["reshape"], (node,), (shape,))
    if node.dtype is not dtype:
        node = make(TABLE["cast"], (node,), (dtype,))
    return node


def _depends_on(order: list[Node], targets: set[int]) -> set[int]:
    """Ids of the float nodes through which a gradient reaches a target."""
    needed: set[int] = set()
    for node in order:
        flows = id(node) in targets or any(id(s) in needed for s in node.src)
        if flows and (node.dtype.kind in "fc" or is_flow(node)):
            needed.add(id(node))
    return needed


def _accumulate(grads: dict[int, Node], node: Node, contribution: Node) -> None:
    contribution = unbroadcast(contribution, node.shape, node.dtype)
    known = grads.get(id(node))
    grads[id(node)] = contribution if known is None else make(TABLE["add"], (known, contribution))


def _pull(node: Node, g: Node, needed: set[int]) -> list[Node | None]:
    """Contributions of one node to its sources."""
    op = node.op
    if op.vjp is not None:
        pulled = op.vjp(Expr(g), Expr(node), *map(Expr, node.src), **node.kwargs())
        return [p.node if isinstance(p, Expr) else p for p in pulled]
    if op.lower is None:
        raise MissingRule(
            f"grad: op {op.name} has no gradient; got a request to differentiate {op.name}, "
            "expected an op with a vjp rule or a body; detach() its inputs or add the rule"
        )
    # The body is differentiated on stand-ins, so that it ends at this node's own sources.
    real = (*node.src, g)
    inputs = [input_node(i, n.shape, n.dtype) for i, n in enumerate(real)]
    body = op.lower(*map(Expr, inputs[:-1]), **node.kwargs()).node
    wanted = [s for s, n in zip(inputs, node.src, strict=False) if id(n) in needed]
    found = iter(gradient([body], [inputs[-1]], wanted))
    pulls = [next(found) if id(n) in needed else None for n in node.src]
    back = {id(s): n for s, n in zip(inputs, real, strict=True)}
    inside = iter(substitute_all([p for p in pulls if p is not None], back))
    return [None if p is None else next(inside) for p in pulls]


def substitute(root: Node, mapping: dict[int, Node]) -> Node:
    """The graph of `root` with the nodes of `mapping` (by id) replaced; the rest is shared."""
    return substitute_all([root], mapping)[0]


def substitute_all(roots: list[Node], mapping: dict[int, Node]) -> list[Node]:
    """`substitute` for several roots: what they share stays shared."""
    made = dict(mapping)
    for node in topological(roots, stop=mapping):
        src = tuple(made[id(s)] for s in node.src)
        same = all(a is b for a, b in zip(src, node.src, strict=True))
        made[id(node)] = node if same else _on(node, src)
    return [made[id(root)] for root in roots]


def _on(node: Node, src: tuple[Node, ...]) -> Node:
    """The node on other sources of the same shapes and dtypes."""
    made = Node(node.op, src, node.attrs, node.shape, node.dtype)
    made.origin = node.origin
    return made
