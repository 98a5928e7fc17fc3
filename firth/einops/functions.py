"""The functions of patterns over tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.einops.pattern import ELLIPSIS, check_name, fail, plan, side, sides, tokens
from firth.tensor import Tensor, stack
from firth.tensor import einsum as sum_of_products

Reduction = str | Callable[[Tensor, tuple[int, ...]], Tensor]
_REDUCTIONS = {
    "min": "amin", "max": "amax", "sum": "sum", "mean": "mean", "prod": "prod", "any": "any",
    "all": "all",
}  # fmt: skip


def _whole(op: str, tensor: Any) -> Tensor:
    """The tensor; a sequence of tensors stacked along a new first dimension."""
    if isinstance(tensor, (list, tuple)):
        if not tensor:
            raise ArgumentError(
                message(op, "an empty list", "[]", "one tensor or more", "pass tensors")
            )
        return stack(list(tensor))
    if isinstance(tensor, Tensor):
        return tensor
    raise DTypeError(
        message(op, "not a tensor", type(tensor).__name__, "a tensor or a list of tensors",
                "use firth.tensor(...)")
    )  # fmt: skip


def _reduced(x: Tensor, reduction: Reduction, axes: tuple[int, ...]) -> Tensor:
    if callable(reduction):
        return reduction(x, axes)
    if reduction not in _REDUCTIONS:
        raise ArgumentError(
            message("reduce", "no such reduction", repr(reduction), ", ".join(_REDUCTIONS),
                    "use one of these or a function of (tensor, axes)")
        )  # fmt: skip
    if not axes:
        return x
    found: Tensor = getattr(x, _REDUCTIONS[reduction])(axes)
    return found


def _apply(op: str, tensor: Any, pattern: str, reduction: Reduction, lengths: dict[str, int]) -> (
    Tensor
):  # fmt: skip
    x = _whole(op, tensor)
    steps = plan(op, pattern, tuple(x.shape), tuple(sorted(lengths.items())))
    x = x.reshape(steps.split)
    if op == "reduce":
        x = _reduced(x, reduction, steps.reduced)
    if steps.order != tuple(range(len(steps.order))):
        x = x.permute(steps.order)
    if steps.between != steps.grown:
        x = x.reshape(steps.between).expand(steps.grown)
    return x.reshape(steps.joined)


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """Moves, splits and joins the axes of a tensor as a pattern says: (...) -> (...).

    A list of tensors of one shape counts as one with an axis more in front.

    >>> from firth.tensor import arange
    >>> rearrange(arange(6), "(h w) -> w h", w=2).tolist()
    [[0, 2, 4], [1, 3, 5]]
    """
    return _apply("rearrange", tensor, pattern, "", axes_lengths)


def reduce(
    tensor: Tensor | Sequence[Tensor], pattern: str, reduction: Reduction, **axes_lengths: int
) -> Tensor:
    """Rearranges and reduces over the axes that the right side leaves out: (...) -> (...).

    reduction: min, max, sum, mean, prod, any, all, or a function of (tensor, axes).

    >>> from firth.tensor import arange
    >>> reduce(arange(6), "(h w) -> h", "max", w=2).tolist()
    [1, 3, 5]
    """
    return _apply("reduce", tensor, pattern, reduction, axes_lengths)


def repeat(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """Rearranges and repeats along the axes that only the right side has: (...) -> (...).

    >>> from firth.tensor import arange
    >>> repeat(arange(2), "n -> (n 3)").tolist()
    [0, 0, 0, 1, 1, 1]
    """
    return _apply("repeat", tensor, pattern, "", axes_lengths)


def parse_shape(x: Tensor, pattern: str) -> dict[str, int]:
    """The extents of a tensor by the names that a pattern gives its dimensions; `_` has none.

    >>> from firth.tensor import zeros
    >>> parse_shape(zeros(2, 3, 5), "batch _ width")
    {'batch': 2, 'width': 5}
    """
    names = tokens("parse_shape", pattern, pattern)
    shape = tuple(x.shape)
    if ELLIPSIS in names:
        place = names.index(ELLIPSIS)
        names[place : place + 1] = ["_"] * (len(shape) - len(names) + 1)
    if len(names) != len(shape):
        raise ShapeError(
            message("parse_shape", f"other dimensions than {pattern!r} has", str(shape),
                    f"{len(names)} dimensions", "name every dimension, or write '...'")
        )  # fmt: skip
    found = {}
    for name, extent in zip(names, shape, strict=True):
        if name == "_":
            continue
        if name.isdecimal():
            if int(name) != extent:
                raise ShapeError(
                    message("parse_shape", f"a dimension is not the {name} of {pattern!r}",
                            str(extent), name, "change the pattern")
                )  # fmt: skip
            continue
        check_name("parse_shape", pattern, name)
        found[name] = extent
    return found


def einsum(*tensors_and_pattern: Any) -> Tensor:
    """The sum of products over the axes that the right side leaves out, axes named in words.

    >>> from firth.tensor import ones
    >>> einsum(ones(2, 3), ones(3, 4), "row k, k column -> row column").shape
    Size([2, 4])
    """
    *tensors, pattern = tensors_and_pattern
    left, right = sides("einsum", pattern)
    letters: dict[str, str] = {}

    def letter(axis: str) -> str:
        if axis == ELLIPSIS:
            return axis
        place = len(letters)
        if place >= 52 and axis not in letters:
            fail("einsum", pattern, "too many axes", "at most 52", "join some")
        return letters.setdefault(
            axis, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[place]
        )

    def short(text: str) -> str:
        groups = side("einsum", pattern, text)
        if any(len(group) != 1 or " #" in group[0] or "(" in group[0] for group in groups):
            fail("einsum", pattern, "brackets or numbers", "names and '...'", "use rearrange first")
        return "".join(letter(axis) for group in groups for axis in group)

    formula = ",".join(short(part) for part in left.split(","))
    found: Tensor = sum_of_products(f"{formula}->{short(right)}", *tensors)
    return found
