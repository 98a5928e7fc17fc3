"""What is legal at each stage of a graph. A violation is a bug in Firth, never in user code."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.base.errors import FirthError, VerifyError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import INPUT
from firth.ir.text import Body

STAGES = ("recorded", "lowered")
# Composed ops that may stay whole, because the passes have a schedule for them.
SCHEDULED = ("scaled_dot_product_attention", "attention_lse", "attention_gradient")
_HALF = (dt.float16, dt.bfloat16)
_HALF_ALLOWED = ("where", "cast", "bitcast", "equal", "not_equal", "less", "less_equal")


def verify(graph: Graph, stage: str) -> Graph:
    """Returns the graph; VerifyError naming the first node that breaks a rule of the stage."""
    for place, node in enumerate(graph.inputs):
        if node.op is not INPUT or node.attrs != (place,):
            raise _wrong(node, stage, f"input number {place} is {node!r}")
    for node in graph.nodes():
        if node.op is INPUT:
            if not any(node is n for n in graph.inputs):
                raise _wrong(node, stage, "an input that the graph does not list")
            continue
        _check_rules(node, stage)
        if stage == "lowered":
            _check_lowered(node)
    for out, place in graph.donated:
        o, i = graph.outputs[out], graph.inputs[place]
        if o.shape != i.shape or o.dtype is not i.dtype:
            raise _wrong(o, stage, f"output {out} is donated input {place}, which is {i!r}")
    return graph


def _check_rules(node: Node, stage: str) -> None:
    """Shape and dtype are what the op's own rules say; graphs inside of it are legal too."""
    op = node.op
    for attr in node.attrs:
        for body in attr if isinstance(attr, tuple) else (attr,):
            if isinstance(body, Body):
                verify(body.graph, "recorded")
    if op.arity is not None and len(node.src) != op.arity:
        raise _wrong(node, stage, f"{len(node.src)} sources where {op.arity} are declared")
    try:
        shape = op.shape(*[s.shape for s in node.src], **node.kwargs())
        dtype = op.dtype(*[s.dtype for s in node.src], **node.kwargs())
    except FirthError as error:
        raise _wrong(node, stage, f"its own rule refuses it: {error}") from error
    if shape != node.shape or dtype is not node.dtype:
        raise _wrong(node, stage, f"its rules say {dtype.name}{list(shape)}")


def _check_lowered(node: Node) -> None:
    op = node.op
    if node.dtype.is_complex:
        raise _wrong(node, "lowered", "a complex value is left")
    if not op.is_base and op.name not in SCHEDULED:
        raise _wrong(node, "lowered", "a composed op is left")
    if op.family != "elementwise":
        return
    if any(s.shape != node.shape for s in node.src):
        raise _wrong(node, "lowered", "a source has another shape: broadcasting is not explicit")
    sources = node.src[1:] if op.name == "where" else node.src
    if len({s.dtype for s in sources}) > 1:
        raise _wrong(node, "lowered", "sources differ in dtype: promotion is not explicit")
    if node.dtype in _HALF and op.name not in _HALF_ALLOWED:
        raise _wrong(node, "lowered", "arithmetic on a half type")


def _wrong(node: Node, stage: str, why: str) -> VerifyError:
    sources = ", ".join(map(repr, node.src))
    return VerifyError(
        f"verify: {node!r} is not legal in a {stage} graph; got {why}, "
        f"expected the rules of docs/design/0002; its sources are {sources or 'none'}"
    )
