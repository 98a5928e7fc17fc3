"""What the functions share: argument checks and results written into their argument."""

from __future__ import annotations

from typing import Any

from firth.base.errors import ArgumentError, message
from firth.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


def per_dim(value: Any, count: int) -> tuple[int, ...]:
    """One number for all spatial dimensions, or one for each, as a tuple.

    >>> per_dim(3, 2)
    (3, 3)
    """
    found = (value,) * count if isinstance(value, int) else tuple(value)
    found = found * count if len(found) == 1 else found
    if len(found) != count:
        raise ArgumentError(
            message(
                "nn",
                "not one number per spatial dimension",
                str(value),
                f"a number or {count}",
                "give one number for all dimensions",
            )  # fmt: skip
        )
    return found


def strides_of(stride: Any, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The steps of pooling windows: those given, or the windows' own sizes.

    >>> strides_of(None, (2, 3)), strides_of(1, (2, 3))
    ((2, 3), (1, 1))
    """
    found = sizes if stride is None or stride in ((), []) else per_dim(stride, len(sizes))
    if min(found) < 1 or min(sizes) < 1:
        raise ArgumentError(
            message(
                "pool", "windows that do not move or hold nothing", f"stride {found}, size {sizes}",
                "1 or more", "leave the stride out",
            )
        )  # fmt: skip
    return found


def as_shape(value: Any) -> tuple[int, ...]:
    """A number as a shape of one dimension; anything else as a tuple."""
    return (value,) if isinstance(value, int) else tuple(value)


def inplace(x: Tensor, y: Tensor, wanted: bool) -> Tensor:
    """y; or x with y's value written into it."""
    return x.copy_(y) if wanted else y


def check_reduction(op: str, reduction: str) -> None:
    """ArgumentError unless the reduction is one of PyTorch's."""
    allowed = (
        ("mean", "sum", "none", "batchmean") if "kl" in op.lower() else ("mean", "sum", "none")
    )
    if reduction not in allowed:
        raise ArgumentError(
            message(
                op,
                "unknown reduction",
                repr(reduction),
                " or ".join(map(repr, allowed)),
                "the default is 'mean'",
            )  # fmt: skip
        )


def reduce(op: str, losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of all losses, or the losses."""
    check_reduction(op, reduction)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()
