"""Expressions of kernels again: over merged axes, with parts replaced, counted, searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.ir.kernel import (
    Affine,
    Apply,
    Axis,
    Checked,
    Const,
    Coordinate,
    Expression,
    Guard,
    Load,
    Store,
)
from firth.ir.node import Node
from firth.ir.traced import differ
from firth.passes.affine import combine, of_axis

FEW_APART = 4  # elements from lane to lane for which vectors are put together from whole ones


def collapse(
    axes: Sequence[Axis], affines: Iterable[Affine], classes: Sequence[int]
) -> dict[Axis, tuple[Axis, int]]:
    """Neighbouring axes of one class that every index walks as one: axis -> (merged axis, part).

    The second part is 1 for the axis that carries the merged coefficient and 0 for the others.
    """
    tables = [dict(a.terms) for a in set(affines)]
    merged: dict[Axis, tuple[Axis, int]] = {}
    for kind in sorted(set(classes)):
        run: list[Axis] = []
        mine = [a for a, k in zip(axes, classes, strict=True) if k == kind and a.extent != 1]
        for axis in mine:
            if run and any(differ(t.get(run[-1], 0), t.get(axis, 0) * axis.extent) for t in tables):
                _merge_run(run, merged)
                run = []
            run.append(axis)
        _merge_run(run, merged)
    return merged


def _merge_run(run: list[Axis], merged: dict[Axis, tuple[Axis, int]]) -> None:
    if len(run) < 2:
        merged.update({axis: (axis, 1) for axis in run})
        return
    extent = 1
    for axis in run:
        extent *= axis.extent
    one = Axis(run[-1].name, extent)
    merged.update(dict.fromkeys(run[:-1], (one, 0)))
    merged[run[-1]] = (one, 1)


def rename(a: Affine, merged: Mapping[Axis, tuple[Axis, int] | Affine]) -> Affine:
    """An index over merged axes, or with other indices in place of axes."""
    parts = []
    for axis, c in a.terms:
        target = merged.get(axis, (axis, 1))
        if isinstance(target, Affine):
            parts.append((target, c))
        elif target[1]:
            parts.append((of_axis(target[0]), c))
    return combine(parts, a.const)


class Rewriter:
    """Expressions again, with indices renamed or parts replaced; bottom up, each one once."""

    def __init__(self, merged: Mapping[Axis, tuple[Axis, int] | Affine]) -> None:
        self.merged = merged
        self.new: dict[int, Expression] = {}

    def run(self, made: Iterable[Expression]) -> None:
        """Rewrites expressions given in the order they were made."""
        for e in made:
            if id(e) not in self.new:
                self.new[id(e)] = self._again(e)

    def guards(self, guards: tuple[Guard, ...]) -> tuple[Guard, ...]:
        """Guards over merged axes."""
        return tuple(Guard(rename(g.index, self.merged), g.extent, g.step) for g in guards)

    def __getitem__(self, e: Expression) -> Expression:
        return self.new[id(e)]

    def _again(self, e: Expression) -> Expression:
        if not self.merged and all(self.new[id(a)] is a for a in arguments_of(e)):
            return e
        if isinstance(e, Load):
            dynamic = tuple((self.new[id(v)], c) for v, c in e.dynamic)
            index = rename(e.index, self.merged)
            return Load(e.buffer, index, e.dtype, self.guards(e.guards), e.fill, dynamic)
        if isinstance(e, Coordinate):
            return Coordinate(rename(e.index, self.merged), e.dtype)
        if isinstance(e, Apply):
            args = tuple(self.new[id(a)] for a in e.args)
            return Apply(e.op, args, e.dtype, e.site, self.guards(e.guards), e.coefficients)
        if isinstance(e, Checked):
            return Checked(self.new[id(e.index)], e.extent, e.site, self.guards(e.guards))
        return e


def affines_of(made: Iterable[Expression], stores: Iterable[Store]) -> Iterable[Affine]:
    """Every index that a kernel's expressions and stores use."""
    for e in made:
        if isinstance(e, (Load, Coordinate)):
            yield e.index
        if isinstance(e, (Load, Checked, Apply)):
            yield from (g.index for g in e.guards)
    for s in stores:
        yield s.index


def weight(e: Expression, facts: TargetFacts) -> int:
    """Additions that the expression itself is worth."""
    return facts.cost(e.op, len(e.coefficients)) if isinstance(e, Apply) else 0


def coefficients(node: Node) -> tuple[float, ...]:
    """Of a node that is a sum of many terms; none of any other."""
    return node.attrs[0] if node.op.name == "chebyshev" else ()


def arguments_of(e: Expression) -> tuple[Expression, ...]:
    """The expressions that an expression reads."""
    if isinstance(e, Apply):
        return e.args
    if isinstance(e, Load):
        return tuple(v for v, _ in e.dynamic)
    return (e.index,) if isinstance(e, Checked) else ()


def reach(roots: Iterable[Expression]) -> dict[int, Expression]:
    """Expressions that the roots need, not looking behind accumulators."""
    out: dict[int, Expression] = {}
    stack = list(roots)
    while stack:
        e = stack.pop()
        if id(e) not in out:
            out[id(e)] = e
            stack.extend(arguments_of(e))
    return out


def times_reciprocal(
    x: Expression, y: Expression, dtype: DType, made: list[Expression]
) -> Expression:
    """(x * s) * (1 / (y * s)), s a power of two that brings y far from 0 and infinity."""

    def enter(e: Expression) -> Expression:
        made.append(e)
        return e

    def number(value: float) -> Expression:
        return enter(Const(value, dtype))

    def apply(op: str, *args: Expression) -> Expression:
        return enter(Apply(op, args, dt.bool_ if op == "less" else dtype))

    far = 2.0**100 if dtype is dt.float32 else 2.0**1000
    step = 2.0**64 if dtype is dt.float32 else 2.0**512
    size, one = apply("abs", y), number(1.0)
    down = apply("where", apply("less", number(far), size), number(1 / step), one)
    scale = apply("where", apply("less", size, number(1 / far)), number(step), down)
    reciprocal = apply("div", one, apply("mul", y, scale))
    return apply("mul", apply("mul", x, scale), reciprocal)
