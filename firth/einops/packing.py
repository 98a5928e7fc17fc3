"""Tensors of different dimensions joined into one, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from firth.base.errors import ShapeError, message
from firth.einops.pattern import check_name, fail
from firth.tensor import Tensor, cat, split


def _around(op: str, pattern: str) -> tuple[int, int]:
    """How many axes stand before and after the star."""
    names = pattern.split() if isinstance(pattern, str) else []
    if names.count("*") != 1:
        fail(op, str(pattern), "not one '*'", "axes around one star", "write e.g. 'b * c'")
    named = [name for name in names if name != "*"]
    for name in named:
        check_name(op, pattern, name)
    if len(set(named)) != len(named):
        fail(op, pattern, "an axis stands twice", "each axis once", "rename one")
    return names.index("*"), len(names) - names.index("*") - 1


def pack(tensors: Sequence[Tensor], pattern: str) -> tuple[Tensor, list[tuple[int, ...]]]:
    """Joins tensors along the star of the pattern, which stands for any dimensions of each.

    Returns the joined tensor and, for `unpack`, the shape that the star had in each.

    >>> from firth.tensor import zeros
    >>> joined, shapes = pack([zeros(2, 5), zeros(2, 3, 4, 5)], "i * k")
    >>> joined.shape, shapes
    (Size([2, 13, 5]), [(), (3, 4)])
    """
    before, after = _around("pack", pattern)
    parts, shapes = [], []
    for x in tensors:
        shape = tuple(x.shape)
        if len(shape) < before + after:
            raise ShapeError(
                message("pack", f"a tensor has too few dimensions for {pattern!r}", str(shape),
                        f"at least {before + after} dimensions", "add dimensions to it")
            )  # fmt: skip
        star = shape[before : len(shape) - after]
        shapes.append(star)
        parts.append(x.reshape((*shape[:before], prod(star), *shape[len(shape) - after :])))
    return cat(parts, dim=before), shapes


def unpack(tensor: Tensor, packed_shapes: Sequence[Sequence[int]], pattern: str) -> list[Tensor]:
    """Takes apart what `pack` joined; one shape may hold one -1.

    >>> from firth.tensor import zeros
    >>> [x.shape for x in unpack(zeros(2, 13, 5), [(), (3, -1)], "i * k")]
    [Size([2, 5]), Size([2, 3, 4, 5])]
    """
    before, after = _around("unpack", pattern)
    shape = tuple(tensor.shape)
    if len(shape) != before + after + 1:
        raise ShapeError(
            message("unpack", f"other dimensions than {pattern!r} has", str(shape),
                    f"{before + after + 1} dimensions", "pass what pack returned")
        )  # fmt: skip
    sizes = [prod(star) if -1 not in star else -1 for star in packed_shapes]
    total, open_ones = shape[before], sizes.count(-1)
    rest = total - sum(size for size in sizes if size != -1)
    if open_ones > 1 or (rest if not open_ones else rest < 0):
        raise ShapeError(
            message("unpack", "the shapes do not add up", f"{list(map(tuple, packed_shapes))}",
                    f"{total} elements along the star, at most one unknown", "pass pack's shapes")
        )  # fmt: skip
    pieces = split(tensor, [rest if size == -1 else size for size in sizes], dim=before)
    ends = shape[:before], shape[before + 1 :]
    return [
        piece.reshape((*ends[0], *star, *ends[1]))
        for piece, star in zip(pieces, packed_shapes, strict=True)
    ]
