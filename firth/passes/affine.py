"""Arithmetic of affine indices, and movement ops as maps of indices or of strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firth.ir.kernel import Affine, Axis, Guard
from firth.ir.node import Node, Shape

Index = tuple[Affine, ...]
ZERO = Affine()


def of_axis(axis: Axis, coefficient: int = 1) -> Affine:
    """coefficient * axis; an axis of extent 1 is always 0."""
    return ZERO if axis.extent == 1 or coefficient == 0 else Affine(0, ((axis, coefficient),))


def scale(a: Affine, factor: int, offset: int = 0) -> Affine:
    """a * factor + offset."""
    if factor == 1 and offset == 0:
        return a
    if factor == 0:
        return Affine(offset)
    return Affine(a.const * factor + offset, tuple((x, c * factor) for x, c in a.terms))


def combine(parts: Sequence[tuple[Affine, int]], const: int = 0) -> Affine:
    """const + sum(part * factor)."""
    terms: dict[Axis, int] = {}
    for a, factor in parts:
        const += a.const * factor
        for axis, c in a.terms:
            terms[axis] = terms.get(axis, 0) + c * factor
    return Affine(const, tuple((x, c) for x, c in terms.items() if c))


def strides_of(shape: Shape) -> tuple[int, ...]:
    """Row-major strides, in elements."""
    out: list[int] = []
    step = 1
    for extent in reversed(shape):
        out.append(step)
        step *= max(extent, 1)
    return tuple(reversed(out))


Rims = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a stored value lies in memory.

    order: its dims from the outermost to the innermost. rims: for each dim, how many zeros are kept
    before and after its elements.
    """

    order: tuple[int, ...]
    rims: Rims

    def room(self, shape: Shape) -> Shape:
        """The extents in memory, rims included, in the order of the dims."""
        return tuple(a + n + b for n, (a, b) in zip(shape, self.rims, strict=True))


@dataclass(frozen=True, slots=True)
class View:
    """How a node lies in the buffer of another one: strides and offset in elements.

    rims: zeros that may be read before and after each dim, where there are some.
    """

    base: Node
    shape: Shape
    strides: tuple[int, ...]
    offset: int
    rims: Rims = ()


def whole(node: Node, layout: Layout | None = None) -> View:
    """A node in its own buffer, row-major if nothing else is said."""
    if layout is None:
        return View(node, node.shape, strides_of(node.shape), 0)
    room = layout.room(node.shape)
    packed = strides_of(tuple(room[d] for d in layout.order))
    strides = tuple(packed[layout.order.index(d)] for d in range(len(room)))
    offset = sum(a * s for (a, _), s in zip(layout.rims, strides, strict=True))
    rims = layout.rims if any(map(any, layout.rims)) else ()
    return View(node, node.shape, strides, offset, rims)


def move_view(view: View, node: Node) -> View | None:
    """The view after one movement op, or None when strides cannot say it."""
    name, attrs = node.op.name, node.attrs
    strides, offset = view.strides, view.offset
    if name == "permute":
        rims = tuple(view.rims[a] for a in attrs[0]) if view.rims else ()
        return View(view.base, node.shape, tuple(strides[a] for a in attrs[0]), offset, rims)
    if name == "expand":
        grown = zip(view.shape, node.shape, strides, strict=True)
        moved = tuple(0 if a == 1 and b != 1 else s for a, b, s in grown)
        return View(view.base, node.shape, moved, offset)
    if name == "slice":
        starts, _, steps = attrs
        offset += sum(a * s for a, s in zip(starts, strides, strict=True))
        moved = tuple(a * s for a, s in zip(steps, strides, strict=True))
        return View(view.base, node.shape, moved, offset)
    if name == "flip":
        moved_list = list(strides)
        for a in attrs[0]:
            offset += (view.shape[a] - 1) * strides[a]
            moved_list[a] = -strides[a]
        return View(view.base, node.shape, tuple(moved_list), offset)
    if name == "window":
        _, steps, dilations = attrs
        lead = len(view.shape) - len(steps)
        tail = strides[lead:]
        outer = tuple(s * k for s, k in zip(tail, steps, strict=True))
        inner = tuple(s * d for s, d in zip(tail, dilations, strict=True))
        return View(view.base, node.shape, strides[:lead] + outer + inner, offset)
    if name == "reshape":
        reshaped = _reshape_strides(view.shape, strides, node.shape)
        rims = _reshape_rims(view, node.shape)
        return None if reshaped is None else View(view.base, node.shape, reshaped, offset, rims)
    return None


def _reshape_rims(view: View, new: Shape) -> Rims:
    """The rims after a reshape that only adds or drops extents of 1; others lose them."""
    kept = [r for r, n in zip(view.rims, view.shape, strict=False) if n != 1]
    if [n for n in view.shape if n != 1] != [n for n in new if n != 1] or not view.rims:
        return ()
    rest = iter(kept)
    return tuple((0, 0) if n == 1 else next(rest) for n in new)


def _reshape_strides(old: Shape, strides: tuple[int, ...], new: Shape) -> tuple[int, ...] | None:
    """Strides of a reshaped view without a copy, or None (NumPy's rule)."""
    if 0 in old:
        return strides_of(new)
    dims = [(n, s) for n, s in zip(old, strides, strict=True) if n != 1]
    out: list[int] = []
    i = 0
    left, stride = 1, 0  # what is left of the current run of old dims, seen from its outer end
    for extent in new:
        if extent == 1:
            out.append(0)
            continue
        while left == 1 or left % extent:
            if i == len(dims) or (left != 1 and stride != dims[i][0] * dims[i][1]):
                return None
            left, stride = left * dims[i][0], dims[i][1]
            i += 1
        left //= extent
        out.append(left * stride)
    return tuple(out)


def move_index(node: Node, index: Index) -> tuple[Index, tuple[Guard, ...]] | None:
    """Where one movement op reads its source: (index, guards), or None when it isn't affine."""
    name, attrs, shape = node.op.name, node.attrs, node.src[0].shape
    if name == "permute":
        out = [ZERO] * len(index)
        for place, axis in enumerate(attrs[0]):
            out[axis] = index[place]
        return tuple(out), ()
    if name == "expand":
        return tuple(ZERO if n == 1 else i for n, i in zip(shape, index, strict=True)), ()
    if name == "slice":
        starts, _, steps = attrs
        rows = zip(index, steps, starts, strict=True)
        return tuple(scale(i, step, start) for i, step, start in rows), ()
    if name == "flip":
        return tuple(
            scale(i, -1, shape[a] - 1) if a in attrs[0] else i for a, i in enumerate(index)
        ), ()
    if name == "window":
        _, steps, dilations = attrs
        n = len(steps)
        lead = len(shape) - n
        parts = zip(index[lead : lead + n], steps, index[lead + n :], dilations, strict=True)
        return index[:lead] + tuple(combine([(o, s), (k, d)]) for o, s, k, d in parts), ()
    if name == "pad":
        return _pad_index(node, index)
    if name == "reshape":
        moved = _reshape_index(node.shape, index, shape)
        return None if moved is None else (moved, ())
    return None


def _pad_index(node: Node, index: Index) -> tuple[Index, tuple[Guard, ...]] | None:
    low, high, inner, _ = node.attrs
    out, guards = [], []
    for d, n in enumerate(node.src[0].shape):
        if inner[d]:
            return None
        moved = scale(index[d], 1, -low[d])
        if low[d] > 0 or high[d] > 0:
            guards.append(Guard(moved, n))
        out.append(moved)
    return tuple(out), tuple(guards)


def inside(index: Affine, limit: int) -> bool:
    """Whether an index is known to lie in [0, limit) wherever its axes are."""
    ends = [c * (axis.extent - 1) for axis, c in index.terms]
    low = index.const + sum(c for c in ends if c < 0)
    high = index.const + sum(c for c in ends if c > 0)
    return low >= 0 and high < limit


def _reshape_index(new: Shape, index: Index, old: Shape) -> Index | None:
    """An index of the reshaped node as one of its source, term by term where extents allow it."""
    if 0 in old:
        return (ZERO,) * len(old)
    flat = combine([(i, s) for i, s, n in zip(index, strides_of(new), new, strict=True) if n != 1])
    out = []
    const, terms = flat.const, list(flat.terms)
    for n, stride in zip(old, strides_of(old), strict=True):
        if n == 1:
            out.append(ZERO)
            continue
        mine = [(x, c // stride) for x, c in terms if abs(c) >= stride and c % stride == 0]
        terms = [(x, c) for x, c in terms if not (abs(c) >= stride and c % stride == 0)]
        whole_part, const = divmod(const, stride)
        reach = whole_part + sum(c * (x.extent - 1) for x, c in mine if c > 0)
        least = whole_part + sum(c * (x.extent - 1) for x, c in mine if c < 0)
        if reach >= n or least < 0:
            return None
        out.append(Affine(whole_part, tuple(mine)))
    return None if terms or const else tuple(out)
