"""Which kernels can be the first to fail: what writes over an input waits for those alone.

A gradient adds at the very positions that the forward pass has looked up. Its kernel checks them
again, for nothing may be written elsewhere, but it fails only where an earlier one failed. So an
update of parameters need not wait for the end of the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from firth.ir.kernel import (
    Accumulate,
    Affine,
    Apply,
    Axis,
    Checked,
    Contract,
    Coordinate,
    Expression,
    Load,
    Loop,
    Sort,
    Statement,
    Store,
    Within,
)
from firth.passes.affine import inside
from firth.passes.expressions import reach
from firth.passes.loops import Call


def failing(calls: Sequence[Call]) -> int:
    """The bit set of calls that may fail although no earlier one did."""
    found = 0
    held: dict[int, int] = {}  # node of indices -> the extent in which all of them lie
    for k, call in enumerate(calls):
        if not call.checks:
            continue
        nodes = _nodes(call)
        held_before = all(_holds(x, nodes, held) for x in _checks(call.kernel.body))
        if call.kernel.host() or not held_before:
            found |= 1 << k
        for node, extent in _held(call, nodes):
            held[node] = min(extent, held.get(node, extent))
    return found


def _nodes(call: Call) -> dict[int, int]:
    """Which node (by id) each buffer stands for."""
    numbers = (n for n, b in enumerate(call.kernel.buffers) if not b.scratch)
    return dict(zip(numbers, map(id, call.arguments), strict=True))


def _holds(x: Checked | Apply, nodes: dict[int, int], held: dict[int, int]) -> bool:
    """Whether a check cannot fail where those before it did not."""
    if isinstance(x, Apply):
        return False
    if isinstance(x.index, Coordinate):
        return inside(x.index.index, x.extent)
    if not isinstance(x.index, Load) or x.index.guards or x.index.dynamic:
        return False
    return held.get(nodes.get(x.index.buffer, 0), x.extent + 1) <= x.extent


def _held(call: Call, nodes: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Nodes of which this kernel checks every element, each with its extent."""
    kernel = call.kernel
    around = tuple(axis for axis, _ in kernel.grid)
    for x in _everywhere(kernel.body, around):
        load = x.index
        if not isinstance(load, Load) or x.guards or load.guards or load.dynamic:
            continue
        if load.buffer in nodes and _all_of(load.index, kernel.buffers[load.buffer].elements):
            yield nodes[load.buffer], x.extent


def _everywhere(body: Sequence[Statement], around: tuple[Axis, ...]) -> Iterator[Checked]:
    """Checked indices that are computed at every point of the axes around them."""
    if any(axis.extent == 0 for axis in around):
        return
    for s in body:
        if isinstance(s, Loop):
            yield from _everywhere(s.body, (*around, s.axis))
        elif isinstance(s, Accumulate) or isinstance(s, Store) and not s.guards:
            yield from (x for x in reach(_roots(s)).values() if isinstance(x, Checked))


def _all_of(index: Affine, elements: int) -> bool:
    """Whether an index meets every element of a buffer."""
    reached = 1
    for axis, step in sorted(index.terms, key=lambda term: term[1]):
        if step != reached:
            return False
        reached *= axis.extent
    return index.const == 0 and reached == elements


def _checks(body: Sequence[Statement]) -> Iterator[Checked | Apply]:
    """Everything that can fail in some statements."""
    for s in body:
        for x in reach(_roots(s)).values():
            if isinstance(x, Checked) or isinstance(x, Apply) and x.site:
                yield x
        if isinstance(s, (Loop, Within, Contract)):
            yield from _checks(s.body)


def _roots(s: Statement) -> tuple[Expression, ...]:
    """The expressions that a statement itself holds."""
    if isinstance(s, Store):
        return (s.value, *(v for v, _ in s.dynamic))
    if isinstance(s, Accumulate):
        return (s.value,)
    if isinstance(s, Contract):
        return (s.a, s.b)
    return (s.key,) if isinstance(s, Sort) else ()
