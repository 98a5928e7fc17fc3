"""Images as patches and back, pixels as channels and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firth.base.errors import ShapeError, message
from firth.nn.functional.common import per_dim
from firth.tensor import Tensor, tensor, zeros
from firth.tensor.record import apply


def _count(name: str, extent: int, size: int, stride: int, padding: int, dilation: int) -> int:
    found = (extent + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    if found < 1:
        raise ShapeError(
            message(name, "no window fits", f"{found} along an extent of {extent}", "at least one",
                    "use a smaller kernel or more padding")
        )  # fmt: skip
    return found


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of an image as columns. (N, C, H, W) -> (N, C * kh * kw, windows)."""
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(
            message("unfold", "not an image", str(tuple(input.shape)), "(N, C, H, W) or (C, H, W)",
                    "add the missing dimension")
        )  # fmt: skip
    x = input if input.ndim == 4 else input.unsqueeze(0)
    k, d, p, s = (per_dim(v, 2) for v in (kernel_size, dilation, padding, stride))
    places = [_count("unfold", x.shape[2 + i], k[i], s[i], p[i], d[i]) for i in range(2)]
    low = (0, 0, *p)
    padded = apply("pad", x, low=low, high=low, inner=(0,) * 4, value=0.0)
    w = apply("window", padded, sizes=k, strides=s, dilations=d)  # (N, C, oh, ow, kh, kw)
    w = apply("permute", w, axes=(0, 1, 4, 5, 2, 3))
    out = w.reshape(x.shape[0], x.shape[1] * k[0] * k[1], places[0] * places[1])
    return out if input.ndim == 4 else out.squeeze(0)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """The image whose windows are the columns, added where they overlap: undoes unfold's shape."""
    size, k, d, p, s = (
        per_dim(v, 2) for v in (output_size, kernel_size, dilation, padding, stride)
    )  # fmt: skip
    x = input if input.ndim == 3 else input.unsqueeze(0)
    places = [_count("fold", size[i], k[i], s[i], p[i], d[i]) for i in range(2)]
    if input.ndim not in (2, 3) or x.shape[1] % (k[0] * k[1]) or (
        x.shape[2] != places[0] * places[1]
    ):  # fmt: skip
        raise ShapeError(
            message("fold", "these are not the columns of such an image", str(tuple(input.shape)),
                    f"(N, C * {k[0] * k[1]}, {places[0] * places[1]})", "check the output size")
        )  # fmt: skip
    wide = [n + 2 * q for n, q in zip(size, p, strict=True)]
    at = [
        np.arange(k[i])[:, None] * d[i] + np.arange(places[i])[None, :] * s[i] for i in range(2)
    ]  # each (k, places)
    spot = at[0][:, None, :, None] * wide[1] + at[1][None, :, None, :]  # (kh, kw, oh, ow)
    channels = x.shape[1] // (k[0] * k[1])
    columns = x.reshape(x.shape[0], channels, -1).permute(2, 0, 1)  # (places, N, C)
    start = zeros(wide[0] * wide[1], x.shape[0], channels, dtype=x.dtype)
    summed = apply("scatter", start, columns, tensor(spot.reshape(-1)), axes=(0,), mode="add")
    image = summed.permute(1, 2, 0).reshape(x.shape[0], channels, *wide)
    image = image[:, :, p[0] : p[0] + size[0], p[1] : p[1] + size[1]]
    return image if input.ndim == 3 else image.squeeze(0)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels as pixels. (..., C * r * r, H, W) -> (..., C, H * r, W * r)."""
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ShapeError(
            message("pixel_shuffle", "the channels do not fit", f"{tuple(input.shape)}, factor {r}",
                    "at least 3 dimensions, channels divisible by the factor's square",
                    "choose another factor")
        )  # fmt: skip
    *lead, c, h, w = input.shape
    x = input.reshape(math.prod(lead), c // (r * r), r, r, h, w).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels as channels. (..., C, H * r, W * r) -> (..., C * r * r, H, W)."""
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise ShapeError(
            message("pixel_unshuffle", "the image does not fit",
                    f"{tuple(input.shape)}, factor {r}",
                    "at least 3 dimensions, height and width divisible by the factor",
                    "choose another factor")
        )  # fmt: skip
    *lead, c, h, w = input.shape
    x = input.reshape(math.prod(lead), c, h // r, r, w // r, r).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of several groups in turn. (N, C, ...) -> (N, C, ...)."""
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            message("channel_shuffle", "the groups do not fit",
                    f"{tuple(input.shape)}, {groups} groups",
                    "(N, C, ...) with C divisible by the groups", "choose another number")
        )  # fmt: skip
    n, c, *rest = input.shape
    x = input.reshape(n, groups, c // groups, *rest).transpose(1, 2)
    return x.reshape(n, c, *rest)
