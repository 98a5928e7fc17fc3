"""Composed ops that stay whole until they are scheduled: what fits, and which share a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from firth.base import dtype as dt
from firth.base import flags
from firth.ir.node import Node, Shape
from firth.ir.verify import SCHEDULED

WIDEST = 1024  # larger heads keep the body


def fits(node: Node) -> bool:
    """Whether there is a kernel for this node: float32 or float64 throughout, nothing empty."""
    if node.op.name not in SCHEDULED or node.dtype not in (dt.float32, dt.float64):
        return False
    if flags.strict():  # blocks of keys have other sums than all of them
        return False
    if any(s.dtype is not node.dtype and s.dtype.kind != "b" for s in node.src):
        return False
    q, k, v, mask = parts(node)
    batch = batch_of(node)
    small = max(q.shape[-1], v.shape[-1]) <= WIDEST
    inside = all(_inside(m.shape, (*batch, q.shape[-2], k.shape[-2])) for m in mask)
    return small and inside and all(0 not in s.shape for s in node.src)


def _inside(shape: Shape, whole: Shape) -> bool:
    """Whether a shape broadcasts to a whole one."""
    rest = whole[len(whole) - len(shape) :]
    return len(shape) <= len(whole) and all(n in (1, m) for n, m in zip(shape, rest, strict=True))


def partner(node: Node, other: Node) -> bool:
    """Whether two nodes share a kernel: a result and its logarithms, or gradients of one result."""
    if node.op.name not in SCHEDULED or other.op.name not in SCHEDULED:
        return False
    gradient = [n.op.name == "attention_gradient" for n in (node, other)]
    if gradient[0] != gradient[1] or node.attrs[:2] != other.attrs[:2]:
        return False
    if gradient[0]:
        return _same(node.src, other.src) and node.attrs != other.attrs
    (q, k, _, mask), (q2, k2, _, mask2) = parts(node), parts(other)
    same = _same((q, k, *mask), (q2, k2, *mask2))
    return same and node.op is not other.op and batch_of(node) == batch_of(other)


def _same(a: Sequence[Node], b: Sequence[Node]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def parts(node: Node) -> tuple[Node, Node, Node, tuple[Node, ...]]:
    """(q, k, v, mask) of any of the ops; k in place of v where there is none."""
    if node.op.name == "attention_gradient":
        return node.src[1], node.src[2], node.src[3], node.src[6:]
    if node.op.name == "attention_lse":
        return node.src[0], node.src[1], node.src[1], node.src[2:]
    return node.src[0], node.src[1], node.src[2], node.src[3:]


def batch_of(node: Node) -> Shape:
    """The batch dimensions of the result."""
    return node.shape[: len(node.shape) - (1 if node.op.name == "attention_lse" else 2)]
