"""Where the dims of nodes lie on the axes of a kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from firth.ir.node import Node, Shape

Placement = tuple[
    int | None, ...
]  # for each dim of a node: its axis in the cluster (None: extent 1)


def axes_of(shape: Shape) -> Iterator[int | None]:
    """An axis of its own for every dim that is longer than 1."""
    return (None if n == 1 else i for i, n in enumerate(shape))


def reduced_place(node: Node, place: Placement, kept_dims: list[int]) -> Placement:
    """The place of a reduction, from its source's."""
    if node.attrs[1]:  # keepdims
        return tuple(a if d in kept_dims else None for d, a in enumerate(place))
    return tuple(place[d] for d in kept_dims)


def ascends(node: Node, place: Placement) -> bool:
    """Whether the axes of a reduction come in the order of its own dims: strict mode adds so."""
    axes = [a for d in node.attrs[0] if (a := place[d]) is not None]
    return axes == sorted(axes)


def stays_so(
    nodes: Sequence[Node], inside: Mapping[int, Placement], to: Mapping[int | None, int]
) -> bool:
    """Whether the reductions among nodes would still ascend with their axes renamed."""
    for node in nodes:
        if id(node) in inside:
            place = tuple(None if a is None else to[a] for a in inside[id(node)])
            if not ascends(node, place):
                return False
    return True


def follow(node: Node, dims: list[int | None]) -> list[int | None] | None:
    """dims (of `node` -> of the consumer) carried to the source of a movement node."""
    source = node.src[0]
    if node.op.name == "permute":
        out: list[int | None] = [None] * len(source.shape)
        for place, axis in enumerate(node.attrs[0]):
            out[axis] = dims[place]
        return out
    if node.op.name == "expand":
        return [None if n == 1 else d for n, d in zip(source.shape, dims, strict=True)]
    wide = [d for d, n in zip(dims, node.shape, strict=True) if n != 1]
    if [n for n in source.shape if n != 1] != [n for n in node.shape if n != 1]:
        return None
    rest = iter(wide)
    return [None if n == 1 else next(rest) for n in source.shape]
