"""Padding, one-hot, normalised vectors, similarity, resizing."""

from __future__ import annotations

from collections.abc import Sequence

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, message
from firth.tensor import Tensor, arange
from firth.tensor.record import apply


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Grows (or, where negative, cuts) the last dimensions.

    pad: (before, after) of the last dimension, then of the one before it, ... mode: "constant",
    "reflect", "replicate" or "circular".
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ArgumentError(
            message(
                "pad",
                "the sizes do not come in pairs that fit",
                str(tuple(pad)),
                f"an even count, at most {2 * input.ndim}",
                "give (before, after) per dimension",
            )  # fmt: skip
        )
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    for n, (low, high) in enumerate(pairs, 1):
        size, dim = input.shape[-n], input.ndim - n
        if mode in ("constant", "circular") and (low < 0 or high < 0):
            start, end = max(-low, 0), size + min(high, 0)
            input = input[(*(slice(None),) * dim, slice(start, end))]
    if mode in ("constant", "circular"):
        pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    if mode == "constant":
        zeros = (0,) * (input.ndim - len(pairs))
        lows = zeros + tuple(low for low, _ in reversed(pairs))
        highs = zeros + tuple(high for _, high in reversed(pairs))
        fill = _fill_value(input, value)
        inner = (0,) * input.ndim
        return apply("pad", input, low=lows, high=highs, inner=inner, value=fill)
    for n, (low, high) in enumerate(pairs, 1):
        if low or high:
            input = input.index_select(
                input.ndim - n, _source(mode, input.shape[-n], low, high)
            )  # fmt: skip
    return input


def _fill_value(x: Tensor, value: float | None) -> bool | int | float:
    value = 0 if value is None else value
    if x.dtype.kind == "b":
        return bool(value)
    return float(value) if x.dtype.kind in "fc" else int(value)


def _source(mode: str, size: int, low: int, high: int) -> Tensor:
    """Where the value at each place of the padded dimension comes from: (low + size + high,)."""
    place = arange(-low, size + high)
    if mode == "replicate":
        return place.clamp(0, size - 1)
    if mode == "circular":
        return place % size
    if mode != "reflect" or max(low, high) >= size:
        raise ArgumentError(
            message(
                "pad",
                "this cannot be done",
                f"mode {mode!r}, {low} before, {high} after {size}",
                "constant, replicate, circular, or reflect by less than the size",
                "use mode='replicate'",
            )  # fmt: skip
        )
    place = place.abs()
    return (size - 1) - ((size - 1) - place).abs()


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class number, 0 elsewhere. (...) integer -> (..., C) int64.

    num_classes=-1 reads the largest number to find C.
    """
    classes = int(tensor.max().item()) + 1 if num_classes < 0 else num_classes
    return (tensor.unsqueeze(-1) == arange(classes)).to(dt.int64)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x over its p-norm along dim, the norm held above eps."""
    if p == 2:
        norm = (input * input).sum(dim, keepdim=True).sqrt()
    else:
        norm = (input.abs() ** p).sum(dim, keepdim=True) ** (1.0 / p)
    return input / norm.clamp(min=eps)
