"""Pooling that names its places: maxima with indices, adaptive maxima, unpooling, p-means."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import per_dim, strides_of
from firth.ops.pool import pooled_extent
from firth.tensor import Tensor, tensor, where, zeros
from firth.tensor.record import apply


def table(
    extents: Sequence[int], sizes: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], ceil_mode: bool,
) -> tuple[np.ndarray, tuple[int, ...]]:  # fmt: skip
    """Flat places of the elements of each window, -1 in the padding: (windows, kernel)."""
    lines, outs = [], []
    for n, k, s, p, d in zip(extents, sizes, stride, padding, dilation, strict=True):
        out = pooled_extent(n, k, s, (p, p), d, ceil_mode)
        place = np.arange(out)[:, None] * s - p + np.arange(k)[None, :] * d
        lines.append(np.where((place < 0) | (place >= n), -1, place))
        outs.append(out)
    return _product(lines, extents), tuple(outs)


def adaptive_table(
    extents: Sequence[int], wanted: Sequence[int]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Flat places of the elements of nearly equal windows, short ones filled up with -1."""
    lines = []
    for n, out in zip(extents, wanted, strict=True):
        start = np.arange(out) * n // out
        end = -(-(np.arange(out) + 1) * n // out)
        width = int((end - start).max()) if out else 0
        place = start[:, None] + np.arange(width)[None, :]
        lines.append(np.where(place < end[:, None], place, -1))
    return _product(lines, extents), tuple(wanted)


def _product(lines: list[np.ndarray], extents: Sequence[int]) -> np.ndarray:
    """Flat places from places along each dimension: each (out, k) -> (outs, ks)."""
    n = len(lines)
    flat: Any = 0
    outside: Any = False
    for i, (line, extent) in enumerate(zip(lines, extents, strict=True)):
        shape = [1] * (2 * n)
        shape[i], shape[n + i] = line.shape
        wide = line.reshape(shape)
        flat = flat * extent + wide
        outside = outside | (wide < 0)
    outs = math.prod(line.shape[0] for line in lines)
    return np.where(outside, -1, flat).reshape(outs, -1)


def _windows(x: Tensor, n: int, places: np.ndarray, fill: float) -> Tensor:
    """The elements of each window with a number in the padding: (..., windows, kernel)."""
    flat = x.reshape(*x.shape[: x.ndim - n], -1)
    taken = apply("take", flat, tensor(np.maximum(places, 0)), axis=flat.ndim - 1)
    if not (places < 0).any():
        return taken
    return apply("where", tensor(places >= 0), taken, fill)


def maxima(x: Tensor, n: int, places: np.ndarray, outs: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """(the largest of each window, its flat place in the spatial dimensions)."""
    lead = tuple(x.shape[: x.ndim - n])
    low = -math.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype.np).min)
    best = _windows(x.detach(), n, places, low).argmax(-1, keepdim=True)  # (..., windows, 1)
    listed = tensor(np.maximum(places, 0)).expand(*lead, *places.shape)
    index = apply("take_along_axis", listed, best, axis=len(lead) + 1).squeeze(-1)
    flat = x.reshape(*lead, -1)
    values = apply("take_along_axis", flat, index, axis=len(lead))
    return values.reshape(*lead, *outs), index.reshape(*lead, *outs)


def max_pool_with_indices(
    x: Tensor, n: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Tensor, Tensor]:
    """(values, indices) of max pooling over the last n dimensions."""
    sizes = per_dim(kernel_size, n)
    strides = strides_of(stride, sizes)
    places, outs = table(x.shape[x.ndim - n :], sizes, strides, per_dim(padding, n),
                         per_dim(dilation, n), ceil_mode)  # fmt: skip
    return maxima(x, n, places, outs)


def sum_pool(
    x: Tensor, n: int, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool
) -> Tensor:
    """The sum of each window over the last n dimensions."""
    sizes = per_dim(kernel_size, n)
    strides = strides_of(stride, sizes)
    places, outs = table(x.shape[x.ndim - n :], sizes, strides, per_dim(padding, n), (1,) * n,
                         ceil_mode)  # fmt: skip
    total = _windows(x, n, places, 0.0).sum(-1)
    return total.reshape(*x.shape[: x.ndim - n], *outs)


def _ranked(name: str, x: Tensor, n: int) -> None:
    if x.ndim not in (n + 1, n + 2) or 0 in x.shape[-n - 1 :]:
        raise ShapeError(
            message(name, "this input does not fit", str(tuple(x.shape)),
                    f"{n + 1} or {n + 2} dimensions, none of them empty but the batch",
                    "add the missing dimension")
        )  # fmt: skip


def _adaptive_max(n: int) -> Callable[..., Any]:
    name = f"adaptive_max_pool{n}d"

    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        _ranked(name, input, n)
        extents = tuple(input.shape[input.ndim - n :])
        wanted = tuple(
            e if w is None else w for w, e in zip(per_dim(output_size, n), extents, strict=True)
        )
        if min(wanted) < 1:
            raise ArgumentError(
                message(name, "nothing would be left", str(wanted), "1 or more each",
                        "ask for more")
            )  # fmt: skip
        places, outs = adaptive_table(extents, wanted)
        found = maxima(input, n, places, outs)
        return found if return_indices else found[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "Maxima over windows chosen so that the result has `output_size`, with their places if "
        f"wanted, over {n} dimensions."
    )
    return function


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_adaptive_max, (1, 2, 3))


def _unpool(n: int) -> Callable[..., Tensor]:
    name = f"max_unpool{n}d"

    def function(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        _ranked(name, input, n)
        if input.shape != indices.shape:
            raise ShapeError(
                message(name, "not one place for each value",
                        f"{tuple(input.shape)} and {tuple(indices.shape)}", "equal shapes",
                        "pass what max pooling gave")
            )  # fmt: skip
        sizes = per_dim(kernel_size, n)
        strides = strides_of(stride, sizes)
        pads = per_dim(padding, n)
        spatial = input.shape[input.ndim - n :]
        outs = tuple(
            (e - 1) * s - 2 * p + k
            for e, s, p, k in zip(spatial, strides, pads, sizes, strict=True)
        )
        if output_size is not None:
            given = tuple(output_size)[-n:]
            if any(not a - s < b < a + s for a, b, s in zip(outs, given, strides, strict=True)):
                raise ArgumentError(
                    message(name, "no such size comes from this pooling", str(given),
                            f"about {outs}, up to a stride off", "leave output_size out")
                )  # fmt: skip
            outs = given
        lead = tuple(input.shape[: input.ndim - n])
        flat = zeros(*lead, math.prod(outs), dtype=input.dtype)
        count = (*lead, math.prod(spatial))
        out = flat.scatter(len(lead), indices.reshape(*count), input.reshape(*count))
        return out.reshape(*lead, *outs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Values put back where max pooling found them, zeros elsewhere, over {n} dimensions."
    )
    return function


max_unpool1d, max_unpool2d, max_unpool3d = map(_unpool, (1, 2, 3))


def _lp_pool(n: int) -> Callable[..., Tensor]:
    def function(
        input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:  # fmt: skip
        total = sum_pool(input.pow(norm_type), n, kernel_size, stride, 0, ceil_mode)
        # as PyTorch's: the gradient is 0 at 0, where that of a root is infinite
        return where(total == 0, 0.0, total) ** (1.0 / norm_type)

    function.__name__ = function.__qualname__ = f"lp_pool{n}d"
    function.__doc__ = f"The p-norm of each window over {n} dimensions."
    return function


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))
