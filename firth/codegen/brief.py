"""Kernels so short that LLVM's time for their text is what costs, not theirs.

They are written as plain loops: nothing in blocks, little unrolled, no vectors whose elements would
be loaded one by one, and the last vector of a long body under the same masks as the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from firth.base.facts import TargetFacts
from firth.codegen.contract_pack import unit
from firth.ir.kernel import (
    Accumulate,
    Apply,
    Axis,
    Checked,
    Contract,
    Expression,
    Kernel,
    Load,
    Loop,
    Statement,
    Store,
    Within,
)
from firth.passes import blocking
from firth.passes.expressions import reach, weight

WORK = 1 << 13  # additions of all loops, one after the other: a few microseconds
COPIES = 1 << 19  # the same of copies in squares: up to here a text for what is left over is dearer
Visit = Callable[[Statement, frozenset[Axis]], int]


def contracts_briefly(kernel: Kernel, facts: TargetFacts) -> bool:
    """Whether all contractions of a kernel together are less work than LLVM's for a line of a
    micro-kernel's text. Work is counted in steps of vectors, each of which may wait for the last.
    """

    def steps(s: Statement, around: frozenset[Axis]) -> int:
        if not isinstance(s, Contract):
            return 0
        others = (around | {*s.rows, *s.cols, *s.reduce}) - {*s.cols[-1:]}
        last = s.cols[-1].extent if s.cols else 1
        return _points(others) * -(-last // _lanes(s, facts))

    return _total(kernel, steps) <= blocking.TINY_STEPS


def multiplies_briefly(kernel: Kernel) -> bool:
    """Whether the contractions of a kernel take so little time that one micro-kernel for all pieces
    of rows is better than the largest one and another for the rest."""

    def products(s: Statement, around: frozenset[Axis]) -> int:
        return _points(around | {*s.rows, *s.cols, *s.reduce}) if isinstance(s, Contract) else 0

    return _total(kernel, products) <= blocking.EVEN_WORK


def loop_work(kernel: Kernel, facts: TargetFacts) -> int:
    """Additions of everything outside of contractions, without vectors."""

    def work(s: Statement, around: frozenset[Axis]) -> int:
        if not isinstance(s, (Store, Accumulate)):
            return 0
        return _points(around) * additions((s,), facts)

    return _total(kernel, work)


def _points(axes: frozenset[Axis]) -> int:
    return math.prod(axis.extent for axis in axes)


def _lanes(s: Contract, facts: TargetFacts) -> int:
    """Lanes that a step of the sum is worth: a quarter where they are loaded one by one."""
    lanes = facts.lanes(s.result.dtype.itemsize)
    return lanes if s.cols and unit(s.b, s.cols[-1]) else min(lanes, 4)


def _total(kernel: Kernel, visit: Visit) -> int:
    """The sum of what `visit` says of each statement and the axes that it runs along."""
    grid = frozenset(axis for axis, _ in kernel.grid)
    return sum(visit(s, axes) for s, axes in _statements(kernel.body, grid))


def _statements(
    body: Sequence[Statement], around: frozenset[Axis]
) -> Iterator[tuple[Statement, frozenset[Axis]]]:
    for s in body:
        yield s, around
        if isinstance(s, Loop):
            yield from _statements(s.body, around | {s.axis})
        elif isinstance(s, Within):
            yield from _statements(s.body, around)
        elif isinstance(s, Contract):
            yield from _statements(s.body, around | {*s.rows, *s.cols})


def additions(body: Sequence[Statement], facts: TargetFacts, once: bool = False) -> int:
    """What some stores and sums cost when they run once, what is loaded included. Those of loops
    among them count as often as they run, or `once`, as they are written."""
    total = 0
    for s in body:
        if isinstance(s, Loop):
            total += (1 if once else s.axis.extent) * additions(s.body, facts, once)
        elif isinstance(s, (Store, Accumulate)):
            made = reach([s.value]).values()
            total += 1 + sum(isinstance(x, Load) + weight(x, facts) for x in made)
    return total


def apart(body: Sequence[Statement], axis: Axis, lanes: int) -> bool:
    """Whether vectors along an axis would be taken apart, at least somewhere: where neighbours are
    loaded or stored one by one, or divided as integers. So are checks, if they are written twice:
    for whole vectors, and for what remains."""
    singles = (Checked,) if axis.extent % lanes else ()
    for s, _ in _statements(body, frozenset()):
        if not isinstance(s, (Store, Accumulate)):
            continue
        accesses: list[Load | Store] = [s] if isinstance(s, Store) else []
        made = reach([s.value]).values()
        accesses += [x for x in made if isinstance(x, Load)]
        if any(_apart(x, axis) for x in accesses) or any(
            isinstance(x, singles) or _divides(x) for x in made
        ):
            return True
    return False


def _divides(x: Expression) -> bool:
    divides = isinstance(x, Apply) and x.op in ("floor_divide", "remainder")
    return divides and x.dtype.kind in "iu"


def _apart(access: Load | Store, axis: Axis) -> bool:
    step = dict(access.index.terms).get(axis, 0)
    return step not in (0, 1, -1) or any(_moves(x, axis) for x, _ in access.dynamic)


def _moves(x: Expression, axis: Axis) -> bool:
    """Whether a position that is read depends on an axis."""
    return any(isinstance(y, Load) and axis in dict(y.index.terms) for y in reach([x]).values())
