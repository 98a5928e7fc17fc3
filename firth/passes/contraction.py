"""Kernels of contractions: labels become rows, columns and sums, the cluster the epilogue."""

from __future__ import annotations

from typing import Any

from firth.base import dtype as dt
from firth.base import flags
from firth.base.facts import TargetFacts
from firth.ir.kernel import Accumulator, Apply, Axis, Contract, Expression, Kernel, Load, Store
from firth.ir.node import Node
from firth.ir.traced import greatest, least, through
from firth.passes.affine import of_axis
from firth.passes.blocking import contract_blocks, window_blocks
from firth.passes.clusters import Cluster, Fusion
from firth.passes.expressions import Rewriter, affines_of, collapse, rename
from firth.passes.layout import windowed
from firth.passes.loops import Call
from firth.passes.values import Sites, Values

_HALF = (dt.float16, dt.bfloat16)
Labels = tuple[int, ...]


def schedule_contraction(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts, generic: bool
) -> Call:
    """The kernel of a contraction and its epilogue; generic: no choice depends on extents."""
    node = cluster.contraction
    assert node is not None
    values = Values(fusion, cluster, sites)
    axes, kinds = _classify(node, values, 0 if generic else facts.lanes(node.dtype.itemsize))
    half = node.dtype in _HALF
    result = Accumulator("sum", "add", dt.float32 if half else node.dtype, 0)
    values.result = result
    values.keep(result)
    left, right = (_operand(values, s, labels, axes) for s, labels in _operands(node))
    stores = []
    for member in cluster.nodes:
        index = values.index_of(cluster.place[id(member)])
        value = values.at(member, index)
        if id(member) in fusion.stored:
            address = values.address(member, index)
            stores.append(Store(values.buffer(member, written=True), address, value))

    a, b = (right, left) if _swapped(node, kinds) else (left, right)
    labels = list(axes)
    if flags.strict():  # sums in an order of the node's own, wherever its operands lie
        labels.sort(key=lambda label: label not in _kernel_labels(node))
    elif not generic and windowed(node) is not None:  # the sums run along memory
        labels.sort(key=lambda label: (-_step(a, axes[label]), -_step(b, axes[label])))
    order = [axes[label] for label in labels]
    classes = [kinds[label] for label in labels]
    merged = collapse(order, affines_of(values.made, stores), classes)
    new = Rewriter(merged)
    new.run(values.made)
    groups: list[list[Axis]] = [[], [], [], []]  # batch, rows, cols, reduce
    for axis, kind in zip(order, classes, strict=True):
        if axis in merged and merged[axis][0] not in groups[kind]:
            groups[kind].append(merged[axis][0])
    batch, rows, cols, reduce = groups
    reduce = reduce or [Axis("k", 1)]
    grid: list[tuple[Axis, int]]
    if windowed(node) is not None and not generic and cols:
        batch += cols[:-1]
        grid, cols = [(axis, 1) for axis in batch], cols[-1:]
        more, rows = _window_tiles(batch, rows, cols, reduce, node.dtype.itemsize, facts)
        grid += more
    else:
        # How many axes a tile spans may depend on extents only where they are constants.
        outer_rows, rows = _split(rows, 1 if generic else 16)
        outer_cols, cols = _split(cols, 1 if generic else 64)
        grid = [(axis, 1) for axis in (*batch, *outer_rows, *outer_cols)]
        sizes = _product(rows), _product(cols), _product(reduce)
        copied = _neighbours(new[a], rows) and not generic
        given = (*sizes, node.dtype.itemsize, facts, copied)
        grid += _blocks(rows, cols, (through(_tile_rows, *given), through(_tile_columns, *given)))
    body = tuple(Store(s.buffer, rename(s.index, merged), new[s.value]) for s in stores)
    contract = Contract(tuple(rows), tuple(cols), tuple(reduce), new[a], new[b], result, body)
    arguments = tuple(n for n in values.nodes if n is not None)
    kernel = Kernel("contract", tuple(grid), tuple(values.buffers), (contract,))
    return Call(kernel, arguments, values.checks)


def _operands(node: Node) -> list[tuple[Node, Labels]]:
    return [(node.src[0], node.attrs[0]), (node.src[1], node.attrs[1])]


def _operand(values: Values, node: Node, labels: Labels, axes: dict[int, Axis]) -> Expression:
    value = values.at(node, tuple(of_axis(axes[label]) for label in labels))
    if node.dtype in _HALF:
        value = values.keep(Apply("cast", (value,), dt.float32))
    return value


def _kernel_labels(node: Node) -> Labels:
    """Labels of the places inside a window: channels, which lie beside each other, come inside."""
    windows = windowed(node)
    if windows is None or not windows.forward():
        return ()
    labels: Labels = node.attrs[windows.place]
    return labels[-windows.spatial :]


def _step(x: Expression, axis: Axis) -> int:
    """How far the operand moves in memory along an axis."""
    while isinstance(x, Apply):
        x = x.args[0]
    return abs(dict(x.index.terms).get(axis, 0)) if isinstance(x, Load) else 0


def _classify(node: Node, values: Values, lanes: int) -> tuple[dict[int, Axis], dict[int, int]]:
    """An axis and a class (0 batch, 1 rows, 2 columns, 3 reduce) for each label."""
    a_labels, b_labels, out_labels = node.attrs
    axes = dict(zip(out_labels, values.axes, strict=True))
    kinds: dict[int, int] = {}
    for label in out_labels:
        in_a, in_b = label in a_labels, label in b_labels
        kinds[label] = 0 if in_a and in_b else 1 if in_a else 2
    for source, labels in _operands(node):
        for label, extent in zip(labels, source.shape, strict=True):
            if label not in axes:
                axes[label], kinds[label] = Axis(f"k{label}", extent), 3
    windows = windowed(node)
    if windows is not None and lanes:
        turned = windows.place == 1  # places of windows are the rows
    else:
        turned = _columns_in_a(axes, kinds, lanes)
    if turned:
        kinds = {label: {1: 2, 2: 1}.get(kind, kind) for label, kind in kinds.items()}
    return axes, kinds


def _columns_in_a(axes: dict[int, Axis], kinds: dict[int, int], lanes: int) -> bool:
    """Whether a's own labels make better columns: the vector wants the innermost stored axis,
    unless that is too short to fill one and the other side is not."""
    rows = [axes[x].extent for x, k in kinds.items() if k == 1 and axes[x].extent != 1]
    cols = [axes[x].extent for x, k in kinds.items() if k == 2 and axes[x].extent != 1]
    if not rows or not cols:
        return bool(rows)
    inner = [k for x, k in kinds.items() if k in (1, 2) and axes[x].extent != 1][-1]
    last, other = (rows[-1], cols[-1]) if inner == 1 else (cols[-1], rows[-1])
    if last < lanes // 2 and other >= 2 * last:
        return inner == 2
    return inner == 1


def _swapped(node: Node, kinds: dict[int, int]) -> bool:
    """Whether b supplies the rows."""
    return any(kind == 1 and label not in node.attrs[0] for label, kind in kinds.items()) or any(
        kind == 2 and label not in node.attrs[1] for label, kind in kinds.items()
    )


def _neighbours(x: Expression, axes: list[Axis]) -> bool:
    """Whether elements next to each other along the last of the axes are so in memory."""
    return isinstance(x, Load) and bool(axes) and dict(x.index.terms).get(axes[-1]) == 1


def _blocks(rows: list[Axis], cols: list[Axis], blocks: tuple[int, int]) -> list[tuple[Axis, int]]:
    """The block of rows and the block of columns that make a tile, on their outermost axes."""
    out = []
    for group, block in zip((rows, cols), blocks, strict=True):
        if group:
            each = block // greatest(1, _product(group[1:]))
            out.append((group[0], greatest(1, least(group[0].extent, each))))
    return out


def _tile_rows(*given: Any) -> int:
    return contract_blocks(*given)[0]


def _tile_columns(*given: Any) -> int:
    return contract_blocks(*given)[1]


def _window_tiles(
    batch: list[Axis], rows: list[Axis], cols: list[Axis], reduce: list[Axis], itemsize: int,
    facts: TargetFacts,
) -> tuple[list[tuple[Axis, int]], list[Axis]]:  # fmt: skip
    """Blocks of a contraction over windows, and the row axes that its tiles span: tiles are some
    of an image, or several images."""
    sizes = _product(batch), _product(rows), _product(cols), _product(reduce)
    wanted, columns = window_blocks(*sizes, itemsize, facts)
    grid = []
    while len(rows) > 1 and _product(rows[1:]) > wanted:
        grid.append((rows[0], 1))
        rows = rows[1:]
    if rows:
        extent = rows[0].extent
        parts = -(-extent // max(1, wanted // max(1, _product(rows[1:]))))
        grid.append((rows[0], -(-extent // parts)))
    return [*grid, (cols[0], min(cols[0].extent, columns))], rows


def _split(axes: list[Axis], enough: int) -> tuple[list[Axis], list[Axis]]:
    """(axes left to the grid, innermost axes with at least `enough` elements together)."""
    for n in range(1, len(axes) + 1):
        if _product(axes[-n:]) >= enough:
            return axes[:-n], axes[-n:]
    return [], axes


def _product(axes: list[Axis]) -> int:
    out = 1
    for a in axes:
        out *= a.extent
    return out
