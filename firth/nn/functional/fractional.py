"""Maxima over windows whose places are drawn: fractional pooling (Graham, 2014)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import per_dim
from firth.tensor import Tensor, arange, cat, rand

IntOrTuple = int | tuple[int, ...]
RatioOrTuple = float | tuple[float, ...]


def _starts(draw: Tensor, extent: int, windows: int, kernel: int) -> Tensor:
    """Where the windows along one dimension begin, the last one at the end: (N, C, windows)."""
    last = extent - kernel
    step = last / (windows - 1) if windows > 1 else 0.0
    draw = draw.unsqueeze(-1)
    number = arange(windows - 1, dtype=draw.dtype)
    found = ((number + draw) * step).to(dt.int64) - (draw * step).to(dt.int64)
    return cat([found, (draw * 0).to(dt.int64) + last], -1)


def ratios_of(value: RatioOrTuple, spatial: int) -> tuple[float, ...]:
    """One ratio for each spatial dimension."""
    return (value,) * spatial if isinstance(value, (int, float)) else tuple(value)


def check_said(name: str, output_size: Any, output_ratio: Any) -> None:
    """ArgumentError unless one of the two says how large the result is."""
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(
            message(name, "the size of the result is not said, or twice",
                    f"output_size={output_size}, output_ratio={output_ratio}",
                    "one of them", "give output_size=(...) or output_ratio=0.5")
        )  # fmt: skip


def _sizes(
    name: str, x: Tensor, kernel: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    """How many windows there are along each dimension."""
    spatial = len(kernel)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ShapeError(
            message(name, "wrong number of dimensions", f"shape {tuple(x.shape)}",
                    f"{spatial + 1} or {spatial + 2}", "add or remove dimensions")
        )  # fmt: skip
    check_said(name, output_size, output_ratio)
    extents = tuple(x.shape[-spatial:])
    if output_size is None:
        ratios = ratios_of(output_ratio, spatial)
        output_size = tuple(int(n * r) for n, r in zip(extents, ratios, strict=True))
    outs = per_dim(output_size, spatial)
    for n, k, out in zip(extents, kernel, outs, strict=True):
        if out < 1 or k < 1 or out + k - 1 > n:
            raise ArgumentError(
                message(name, "these windows do not fit", f"{out} of {k} elements in {n}",
                        f"sizes whose sum is at most {n + 1}", "take smaller or fewer windows")
            )  # fmt: skip
    return outs


def _function(spatial: int, order: tuple[int, ...]) -> Callable[..., tuple[Tensor, Tensor]]:
    """order: which of the numbers drawn for a channel belongs to each dimension."""
    name = f"fractional_max_pool{spatial}d"

    def pool(
        input: Tensor, kernel_size: IntOrTuple, output_size: IntOrTuple | None = None,
        output_ratio: RatioOrTuple | None = None, return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        kernel = per_dim(kernel_size, spatial)
        outs = _sizes(name, input, kernel, output_size, output_ratio)
        x = input if input.ndim == spatial + 2 else input.unsqueeze(0)
        n, c, *extents = x.shape
        drawn = rand(n, c, spatial, dtype=x.dtype) if _random_samples is None else _random_samples
        drawn = drawn[:n]
        if tuple(drawn.shape) != (n, c, spatial):
            raise ShapeError(
                message(name, "numbers drawn do not fit", f"shape {tuple(drawn.shape)}",
                        str((n, c, spatial)), "one for each example, channel and dimension")
            )  # fmt: skip
        flat: Any = 0
        for i, extent in enumerate(extents):
            line = _starts(drawn[..., order[i]], extent, outs[i], kernel[i])
            line = line.unsqueeze(-1) + arange(kernel[i])  # (N, C, out, k)
            shape = [n, c] + [1] * (2 * spatial)
            shape[2 + i], shape[2 + spatial + i] = outs[i], kernel[i]
            flat = flat * extent + line.reshape(shape)
        size = math.prod(kernel)
        flat = flat.reshape(n, c, -1)  # (N, C, outs * ks)
        windows = x.flatten(2).gather(2, flat).reshape(n, c, -1, size)
        best, which = windows.max(-1)
        places = flat.reshape(n, c, -1, size).gather(-1, which.unsqueeze(-1))
        result = best.reshape(n, c, *outs), places.reshape(n, c, *outs)
        return result if input.ndim == spatial + 2 else (result[0][0], result[1][0])

    shapes = "(N, C, H, W)" if spatial == 2 else "(N, C, D, H, W)"
    pool.__name__ = pool.__qualname__ = f"{name}_with_indices"
    pool.__doc__ = (
        f"Maxima over windows at places drawn anew, and their flat places. x: {shapes} -> "
        "(N, C, *output_size)."
    )
    return pool


fractional_max_pool2d_with_indices = _function(2, (1, 0))
fractional_max_pool3d_with_indices = _function(3, (0, 1, 2))


def fractional_max_pool2d(
    input: Tensor, kernel_size: IntOrTuple, output_size: IntOrTuple | None = None,
    output_ratio: RatioOrTuple | None = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Maxima over windows at places drawn anew at each call (Graham, 2014).

    x: (N, C, H, W) -> (N, C, *output_size), or H and W times output_ratio; with return_indices a
    pair.
    """
    found = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor, kernel_size: IntOrTuple, output_size: IntOrTuple | None = None,
    output_ratio: RatioOrTuple | None = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Maxima over windows at places drawn anew at each call (Graham, 2014).

    x: (N, C, D, H, W) -> (N, C, *output_size), or extents times output_ratio; with return_indices
    a pair.
    """
    found = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return found if return_indices else found[0]
