"""Values of nodes at an index, as kernel expressions: views and lookups become loads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Checked,
    Const,
    Coordinate,
    Expression,
    Guard,
    Load,
)
from firth.ir.node import Node
from firth.ir.op import INPUT
from firth.passes.affine import Index, View, combine, inside, move_index, move_view, of_axis, whole
from firth.passes.clusters import Cluster, Fusion
from firth.passes.expressions import coefficients
from firth.passes.fuse import LOOKUPS, MOVEMENT, REDUCTIONS
from firth.passes.placement import Placement
from firth.passes.simplify import scalar_value


class NeedsBuffer(Exception):
    """Raised when a value cannot be computed in place: the node has to be stored first."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


@dataclass(frozen=True)
class Site:
    """A place in a program that can fail at run time."""

    op: str
    kind: str  # "index" or "division"
    extent: int


@dataclass
class Sites:
    """The failing places of one program; a site's number is its place plus one."""

    table: list[Site] = field(default_factory=list)

    def add(self, op: str, kind: str, extent: int = 0) -> int:
        """Enters a place, returns its number."""
        self.table.append(Site(op, kind, extent))
        return len(self.table)


_COMBINE = {
    "sum": "add", "prod": "mul", "amax": "maximum", "amin": "minimum",
    "any": "bitwise_or", "all": "bitwise_and",
}  # fmt: skip


class Values:
    """Expressions of one kernel. Every expression made is in `made`, arguments before users."""

    def __init__(self, fusion: Fusion, cluster: Cluster, sites: Sites) -> None:
        self.fusion = fusion
        self.cluster = cluster
        self.sites = sites
        self.axes = [Axis(f"i{d}", n) for d, n in enumerate(cluster.extents)]
        self.buffers: list[Buffer] = []
        self.nodes: list[Node | None] = []  # whose storage each buffer is; None for scratch
        self.made: list[Expression] = []
        self.bodies: dict[Accumulator, Expression] = {}
        self.result: Accumulator | None = None  # of the cluster's contraction
        self.checks = False
        self._places: dict[tuple[int, bool], int] = {}
        self._memo: dict[tuple[int, Index, tuple[Guard, ...]], Expression] = {}
        self._views: dict[int, View | None] = {}
        self._accumulators: dict[tuple[int, str], Expression] = {}  # by body and operation

    def buffer(self, node: Node, written: bool = False) -> int:
        """The number of the buffer that holds a stored node."""
        key = (id(node), written)
        if key not in self._places:
            self._places[key] = len(self.buffers)
            self.buffers.append(Buffer(node.dtype, written, 0, self.fusion.elements(node)))
            self.nodes.append(node)
        return self._places[key]

    def scratch(self, dtype: DType, elements: int) -> int:
        """The number of a new scratch buffer; never of no elements, for that means an argument."""
        self.buffers.append(Buffer(dtype, True, max(elements, 1)))
        self.nodes.append(None)
        return len(self.buffers) - 1

    def index_of(self, place: Placement) -> Index:
        """The index of a node placed on the cluster's axes."""
        return tuple(Affine() if a is None else of_axis(self.axes[a]) for a in place)

    def elements(self, node: Node) -> Iterator[Index]:
        """The index of a node placed on the cluster's axes; of interleaved values, one of each."""
        index = self.index_of(self.cluster.place[id(node)])
        if node.op.name != "concatenate":
            yield index
        for k in range(len(node.src) if node.op.name == "concatenate" else 0):
            yield (*index[:-1], Affine(k))

    def address(self, node: Node, index: Index) -> Affine:
        """Where an element of a stored node lies in its buffer."""
        place = self.fusion.whole(node)
        return combine(list(zip(index, place.strides, strict=True)), place.offset)

    def at(self, node: Node, index: Index, guards: tuple[Guard, ...] = ()) -> Expression:
        """The value of a node at an index; only valid (0 otherwise) where the guards hold."""
        key = (id(node), index, guards)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._value(node, index, guards)
        return found

    def keep(self, expression: Expression) -> Expression:
        """Enters a new expression in `made`."""
        self.made.append(expression)
        return expression

    def view(self, node: Node) -> View | None:
        """The node as a view of a buffer that exists before this kernel, if it is one."""
        key = id(node)
        if key not in self._views:
            self._views[key] = self._find_view(node)
        return self._views[key]

    def _find_view(self, node: Node) -> View | None:
        if node.op is INPUT:
            return whole(node)
        if id(node) in self.fusion.stored and self.fusion.owner[id(node)] is not self.cluster:
            return self.fusion.whole(node)
        if node.op.name in MOVEMENT and node.op.name != "pad":
            inner = self.view(node.src[0])
            return None if inner is None else move_view(inner, node)
        return None

    def _value(self, node: Node, index: Index, guards: tuple[Guard, ...]) -> Expression:
        name = node.op.name
        number = scalar_value(node)
        if number is not None:
            return self.keep(Const(number, node.dtype))
        view = self.view(node)
        if view is not None:
            number = scalar_value(view.base)
            if number is not None:  # never read from memory: its kernel may come later
                return self.keep(Const(number, node.dtype))
            address = combine(list(zip(index, view.strides, strict=True)), view.offset)
            return self.keep(Load(self.buffer(view.base), address, node.dtype, guards))
        if name == "iota":
            return self.keep(Coordinate(index[0], node.dtype))
        if name == "pad":
            return self._pad(node, index, guards)
        if name in MOVEMENT:
            moved = move_index(node, index)
            if moved is None:
                raise NeedsBuffer(node.src[0])
            return self.at(node.src[0], moved[0], guards)
        if name == "concatenate":
            return self.at(node.src[index[-1].const], (*index[:-1], Affine()), guards)
        if name in LOOKUPS:
            return self._lookup(node, index, guards)
        if name in REDUCTIONS:
            return self._reduction(node, index)
        if name == "contract":
            return self._contraction(node, index)
        args = tuple(self.at(s, index, guards) for s in node.src)
        if name == "checked_index":
            extent: int = node.attrs[0]
            site, self.checks = self.sites.add(name, "index", extent), True
            return self.keep(Checked(args[0], extent, site, guards))
        if name in ("floor_divide", "remainder") and node.dtype.is_integer:
            site, self.checks = self.sites.add(name, "division"), True
            return self.keep(Apply(name, args, node.dtype, site, guards))
        return self.keep(Apply(name, args, node.dtype, coefficients=coefficients(node)))

    def _pad(self, node: Node, index: Index, guards: tuple[Guard, ...]) -> Expression:
        moved = move_index(node, index)
        if moved is None:
            raise NeedsBuffer(node)
        inner, own = moved
        fill, source = node.attrs[3], node.src[0]
        view = self.view(source)
        if view is not None and scalar_value(view.base) is not None:
            view = None  # a number: never read from memory
        if view is not None and (not guards or fill == 0):
            if view.rims and fill == 0:
                own = _beyond_rims(node, view, inner)
            address = combine(list(zip(inner, view.strides, strict=True)), view.offset)
            buffer = self.buffer(view.base)
            return self.keep(Load(buffer, address, node.dtype, guards + own, fill))
        value = self.at(source, inner, guards + own)
        if not own:
            return value
        inside = self._holds(own)
        other = self.keep(Const(fill, node.dtype))
        return self.keep(Apply("where", (inside, value, other), node.dtype))

    def _holds(self, guards: tuple[Guard, ...]) -> Expression:
        """Guards as a bool expression: one unsigned comparison each."""
        out: Expression | None = None
        for guard in guards:
            place = self.keep(Coordinate(guard.index, dt.int64))
            place = self.keep(Apply("bitcast", (place,), dt.uint64))
            end = self.keep(Const(guard.extent, dt.uint64))
            inside = self.keep(Apply("less", (place, end), dt.bool_))
            if out is not None:
                inside = self.keep(Apply("bitwise_and", (out, inside), dt.bool_))
            out = inside
        assert out is not None
        return out

    def _lookup(self, node: Node, index: Index, guards: tuple[Guard, ...]) -> Expression:
        """gather and dynamic_slice: a load whose address holds values, each checked."""
        x = node.src[0]
        view = self.view(x)
        if view is None:
            raise NeedsBuffer(x)
        if node.op.name == "gather":
            axes: tuple[int, ...] = node.attrs[0]
            places = index[: len(index) - (len(x.shape) - len(axes))]
            rest = iter(index[len(places) :])
            base: list[Affine] = [
                Affine() if d in axes else next(rest) for d in range(len(x.shape))
            ]
            limits = [x.shape[a] for a in axes]
        else:
            axes, places, base = tuple(range(len(x.shape))), (), list(index)
            limits = [x.shape[d] - n + 1 for d, n in enumerate(node.attrs[0])]
        dynamic = []
        for source, axis, limit in zip(node.src[1:], axes, limits, strict=True):
            value = self.at(source, places, guards)
            if isinstance(value, Coordinate) and inside(value.index, limit):
                base[axis] = combine([(base[axis], 1), (value.index, 1)])
                continue
            self.checks = True
            site = self.sites.add(node.op.name, "index", limit)
            checked = self.keep(Checked(value, limit, site, guards))
            dynamic.append((checked, view.strides[axis]))
        address = combine(list(zip(base, view.strides, strict=True)), view.offset)
        buffer = self.buffer(view.base)
        return self.keep(Load(buffer, address, node.dtype, guards, 0, tuple(dynamic)))

    def _reduction(self, node: Node, index: Index) -> Expression:
        place = self.cluster.place.get(id(node))
        if place is None or index != self.index_of(place):
            raise NeedsBuffer(node)
        source = node.src[0]
        body = self.at(source, self.index_of(self.cluster.inside[id(node)]))
        op = _COMBINE[node.op.name]
        half = node.dtype in (dt.float16, dt.bfloat16)
        key = (id(body), op)
        if key in self._accumulators:
            return self._accumulators[key]
        acc = Accumulator(f"a{len(self.bodies)}", op, dt.float32 if half else node.dtype,
                          neutral(op, node.dtype))  # fmt: skip
        if half:
            body = self.keep(Apply("cast", (body,), dt.float32))
        self.bodies[acc] = body
        out = self.keep(acc)
        found = self.keep(Apply("cast", (out,), node.dtype)) if half else out
        self._accumulators[key] = found
        return found

    def _contraction(self, node: Node, index: Index) -> Expression:
        if self.cluster.contraction is not node or self.result is None:
            raise NeedsBuffer(node)
        if index != self.index_of(self.cluster.place[id(node)]):
            raise NeedsBuffer(node)
        if self.result.dtype is node.dtype:
            return self.result
        return self.keep(Apply("cast", (self.result,), node.dtype))


def _beyond_rims(node: Node, view: View, inner: Index) -> tuple[Guard, ...]:
    """The guards of a padding that its source's rims do not make needless."""
    low, high = node.attrs[:2]
    rows = zip(inner, view.shape, view.rims, low, high, strict=True)
    return tuple(
        Guard(i, n) for i, n, (a, b), p, q in rows if (p > 0 or q > 0) and (p > a or q > b)
    )


def neutral(op: str, dtype: DType) -> bool | int | float:
    """The value that changes nothing when combined."""
    if op == "add":
        return 0
    if op == "mul":
        return 1
    if op == "bitwise_or":
        return False
    if op == "bitwise_and":
        return True
    low = op == "maximum"
    if dtype.kind == "f":
        return float("-inf") if low else float("inf")
    if dtype.kind == "b":
        return not low
    if dtype.kind == "u":
        return 0 if low else 2**dtype.bits - 1
    half: int = 1 << dtype.bits - 1
    return -half if low else half - 1
