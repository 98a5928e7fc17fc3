"""Pooling over any number of dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import firth
from firth.onnx.ops.conv import Pairs, each, window_pads
from firth.onnx.ops.shape import padded
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, ints
from firth.tensor import Tensor
from firth.tensor.record import apply

Sizes = tuple[int, ...]


class Windows:
    """Where the windows of a pooling are: kernel, strides, dilations, pads, counts of places."""

    def __init__(
        self, x: Tensor, kernel_shape: list[int], strides: list[int] | None,
        dilations: list[int] | None, pads: list[int] | None, auto_pad: str, ceil_mode: int,
    ) -> None:  # fmt: skip
        n = len(kernel_shape)
        self.extents = tuple(x.shape[2:])
        self.kernel = tuple(kernel_shape)
        self.strides, self.dilations = each(strides, n), each(dilations, n)
        self.pairs: Pairs = window_pads(
            auto_pad, pads, self.extents, self.kernel, self.strides, self.dilations
        )
        self.ceil = bool(ceil_mode)
        self.places = tuple(
            _places(*row, self.ceil)
            for row in zip(self.extents, self.kernel, self.strides, self.dilations, self.pairs,
                           strict=True)
        )  # fmt: skip

    def reached(self) -> Pairs:
        """The padding that the windows touch: more after the end with ceil_mode."""
        out = []
        for n, k, s, d, p, o in zip(
            self.extents, self.kernel, self.strides, self.dilations, self.pairs, self.places,
            strict=True,
        ):  # fmt: skip
            last = (o - 1) * s + (k - 1) * d + 1
            out.append((p[0], max(last - n - p[0], 0)))
        return tuple(out)

    def of(self, x: Tensor, value: Any) -> Tensor:
        """The windows of x with `value` around it: (N, C, places.., kernel..)."""
        wide = padded(x, [(0, 0), (0, 0), *self.reached()], "constant", value)
        w = apply("window", wide, sizes=self.kernel, strides=self.strides, dilations=self.dilations)
        for axis, n in enumerate(self.places):
            w = w.narrow(2 + axis, 0, n)
        return w  # type: ignore[no-any-return]

    def counts(self, padding: bool) -> np.ndarray:
        """How many elements each window has, with those of the given padding or without."""
        total: Any = np.ones(())
        for n, k, s, d, p, o in zip(
            self.extents, self.kernel, self.strides, self.dilations, self.pairs, self.places,
            strict=True,
        ):  # fmt: skip
            seen = np.arange(o)[:, None] * s + np.arange(k) * d - p[0]
            low, high = (-p[0], n + p[1]) if padding else (0, n)
            total = total[..., None] * ((seen >= low) & (seen < high)).sum(1)
        return total  # type: ignore[no-any-return]

    @property
    def axes(self) -> Sizes:
        """The kernel's axes among those of the windows."""
        n = len(self.kernel)
        return tuple(range(2 + n, 2 + 2 * n))

    @property
    def plain(self) -> bool:
        """Whether the pooling ops can do it: they want at most half a kernel of padding."""
        return all(2 * max(p) <= k for p, k in zip(self.pairs, self.kernel, strict=True))


def _places(n: int, k: int, s: int, d: int, p: tuple[int, int], ceil_mode: bool) -> int:
    free = n + sum(p) - ((k - 1) * d + 1)
    out = (-(-free // s) if ceil_mode else free // s) + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p[0] else out


def _lowest(x: Tensor) -> Any:
    return -math.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype.np).min)


@op("MaxPool")
def max_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, outputs: int,
) -> Any:  # fmt: skip
    """The largest element of each window, and where it is in x flat."""
    at = Windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if outputs == 1 and at.plain:
        return apply(
            "max_pool", x, sizes=at.kernel, stride=at.strides, padding=at.pairs,
            dilation=at.dilations, ceil_mode=at.ceil,
        )  # fmt: skip
    w = at.of(x, _lowest(x))
    if outputs == 1:
        return apply("amax", w, axes=at.axes, keepdims=False)
    flat = w.reshape(*w.shape[: 2 + len(at.kernel)], -1)
    best = flat.argmax(-1, keepdim=True)
    return firth.gather(flat, -1, best).squeeze(-1), _flat_places(x, best.squeeze(-1), at,
                                                                  storage_order)  # fmt: skip


def _flat_places(x: Tensor, best: Tensor, at: Windows, storage_order: int) -> Tensor:
    """The position in x flat of element `best` of each window."""
    n = len(at.kernel)
    weights = [math.prod(at.extents[i + 1 :]) for i in range(n)]
    if storage_order:
        weights = [math.prod(at.extents[:i]) for i in range(n)]
    place: Any = 0
    for i in range(n):
        tap = (best // math.prod(at.kernel[i + 1 :])) % at.kernel[i]
        shape = tuple(-1 if a == 2 + i else 1 for a in range(2 + n))
        start = (firth.arange(at.places[i]) * at.strides[i] - at.pairs[i][0]).reshape(shape)
        place = place + (start + tap * at.dilations[i]) * weights[i]
    size = math.prod(at.extents)
    images = firth.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * n)
    return place + images * size  # type: ignore[no-any-return]


@op("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """The mean of each window, padding counted or not."""
    at = Windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if at.plain and set(at.dilations) == {1}:
        return apply(
            "avg_pool", x, sizes=at.kernel, stride=at.strides, padding=at.pairs,
            ceil_mode=at.ceil, count_padding=bool(count_include_pad),
        )  # fmt: skip
    total = apply("sum", at.of(x, 0), axes=at.axes, keepdims=False)
    return total / as_tensor(at.counts(bool(count_include_pad)).astype(x.dtype.np))


@op("LpPool")
def lp_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, p: float = 2, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """The p-norm of each window."""
    at = Windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    total = apply("sum", at.of(x.abs() ** p, 0), axes=at.axes, keepdims=False)
    return total ** (1.0 / p)


def _everywhere(x: Tensor) -> Sizes:
    return tuple(range(2, x.ndim))


@op("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Any:
    """The mean of each channel."""
    return apply("mean", x, axes=_everywhere(x), keepdims=True)


@op("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Any:
    """The largest of each channel."""
    return apply("amax", x, axes=_everywhere(x), keepdims=True)


@op("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: float = 2) -> Any:
    """The p-norm of each channel."""
    return apply("sum", x.abs() ** p, axes=_everywhere(x), keepdims=True) ** (1.0 / p)


@op("MaxUnpool", host=(2,))
def max_unpool(
    x: Tensor, indices: Tensor, output_shape: np.ndarray | None = None, *, kernel_shape: list[int],
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """Zeros with x where MaxPool found it."""
    n = len(kernel_shape)
    pairs = window_pads("NOTSET", pads, tuple(x.shape[2:]), tuple(kernel_shape), (1,) * n, (1,) * n)
    natural = tuple(
        (size - 1) * s + k - sum(p)
        for size, s, k, p in zip(x.shape[2:], each(strides, n), kernel_shape, pairs, strict=True)
    )
    shape = (*x.shape[:2], *natural)
    zeros = firth.zeros(math.prod(shape), dtype=x.dtype)
    y = apply("scatter", zeros, x.reshape(-1), indices.reshape(-1), axes=(0,), mode="set")
    y = y.reshape(shape)
    if output_shape is None:
        return y
    return padded(y, [(0, w - n) for w, n in zip(ints(output_shape), shape, strict=True)],
                  "constant")  # fmt: skip
