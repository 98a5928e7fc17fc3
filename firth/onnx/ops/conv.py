"""Convolution over any number of dimensions."""

from __future__ import annotations

from typing import Any

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.ops.shape import padded
from firth.onnx.registry import op
from firth.tensor import Tensor
from firth.tensor.record import apply

Pairs = tuple[tuple[int, int], ...]


def window_pads(
    auto_pad: str, pads: list[int] | None, extents: tuple[int, ...], kernel: tuple[int, ...],
    strides: tuple[int, ...], dilations: tuple[int, ...],
) -> Pairs:  # fmt: skip
    """(before, after) of each spatial dimension."""
    n = len(kernel)
    if auto_pad in ("", "NOTSET"):
        found = pads or [0] * (2 * n)
        return tuple(zip(found[:n], found[n:], strict=True))
    if auto_pad == "VALID":
        return ((0, 0),) * n
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ArgumentError(
            message("onnx", "unknown auto_pad", repr(auto_pad),
                    "NOTSET, SAME_UPPER, SAME_LOWER or VALID", "export the model again")
        )  # fmt: skip
    out = []
    for size, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        places = -(-size // s)
        total = max((places - 1) * s + (k - 1) * d + 1 - size, 0)
        less, more = total // 2, total - total // 2
        out.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return tuple(out)


def each(values: list[int] | None, n: int) -> tuple[int, ...]:
    """One number for each of n dimensions, 1 where none are given."""
    return tuple(values) if values else (1,) * n


@op("Conv")
def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """Cross-correlation: (N, C, ...), (F, C // group, ...), (F) -> (N, F, ...)."""
    n = x.ndim - 2
    stride, dilation = each(strides, n), each(dilations, n)
    kernel = tuple(weight.shape[2:])
    pairs = window_pads(auto_pad, pads, tuple(x.shape[2:]), kernel, stride, dilation)
    more = () if bias is None else (bias,)
    return apply(
        "conv", x, weight, *more, stride=stride, padding=pairs, dilation=dilation, groups=group
    )


@op("ConvTranspose")
def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """The transpose of Conv: (N, C, ...), (C, F // group, ...) -> (N, F, ...)."""
    n = x.ndim - 2
    stride, dilation = each(strides, n), each(dilations, n)
    extra = tuple(output_padding) if output_padding else (0,) * n
    sizes, kernel = tuple(x.shape[2:]), tuple(weight.shape[2:])
    if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        output_shape = [size * s for size, s in zip(sizes, stride, strict=True)]
    if output_shape is not None:
        pairs = _pads_for(output_shape[-n:], sizes, kernel, stride, dilation, extra, auto_pad)
    else:
        pairs = window_pads("NOTSET" if auto_pad != "VALID" else auto_pad, pads, sizes, kernel,
                            stride, dilation)  # fmt: skip
    cut = tuple((max(a, 0), max(b, 0)) for a, b in pairs)
    more = () if bias is None or cut != pairs else (bias,)
    y = apply(
        "conv_transpose", x, weight, *more, stride=stride, padding=cut, output_padding=extra,
        dilation=dilation, groups=group,
    )  # fmt: skip
    if cut == pairs:
        return y
    grown = [(0, 0), (0, 0), *((max(-a, 0), max(-b, 0)) for a, b in pairs)]
    y = padded(y, grown, "constant")
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def _pads_for(
    wanted: list[int], sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
    dilation: tuple[int, ...], extra: tuple[int, ...], auto_pad: str,
) -> Pairs:  # fmt: skip
    """What is cut from each side of a transposed convolution to give an output shape."""
    out = []
    for w, n, k, s, d, e in zip(wanted, sizes, kernel, stride, dilation, extra, strict=True):
        total = s * (n - 1) + e + (k - 1) * d + 1 - w
        less, more = total // 2, total - total // 2
        out.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return tuple(out)


@op("DeformConv")
def deform_conv(
    x: Tensor, weight: Tensor, offset: Tensor, bias: Tensor | None = None,
    mask: Tensor | None = None, *, dilations: list[int] | None = None, group: int = 1,
    kernel_shape: list[int] | None = None, offset_group: int = 1, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """Convolution whose windows look at places moved by `offset`, between pixels linearly."""
    n, c, height, width = x.shape
    kh, kw = weight.shape[2:]
    (sh, sw), (dh, dw) = each(strides, 2), each(dilations, 2)
    top, left = (pads or [0, 0])[:2]
    oh, ow = offset.shape[2:]
    g = offset_group
    offset = offset.reshape(n, g, kh, kw, 2, oh, ow)
    rows = _grid(kh, dh, oh, sh, top).reshape(1, 1, kh, 1, oh, 1) + offset[:, :, :, :, 0]
    columns = _grid(kw, dw, ow, sw, left).reshape(1, 1, 1, kw, 1, ow) + offset[:, :, :, :, 1]
    seen = _between_pixels(x.reshape(n, g, c // g, height * width), rows, columns, height, width)
    if mask is not None:
        seen = seen * mask.reshape(n, g, 1, kh, kw, oh, ow)
    # (n, g, c / g, kh, kw, oh, ow) -> windows of all channels, times the weight
    seen = seen.reshape(n, group, c // group, kh * kw, oh * ow)
    kernel = weight.reshape(group, weight.shape[0] // group, c // group, kh * kw)
    y = firth.einsum("ngckp,gfck->ngfp", seen, kernel).reshape(n, weight.shape[0], oh, ow)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def _grid(taps: int, dilation: int, places: int, stride: int, pad: int) -> Tensor:
    """Where tap k of window o looks: (taps, places)."""
    k = firth.arange(taps).reshape(taps, 1) * dilation
    return k + firth.arange(places).reshape(1, places) * stride - pad


def _between_pixels(x: Tensor, rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Bilinear values at places: x (n, g, c, H * W), places (n, g, ...) -> (n, g, c, ...)."""
    n, g, c = x.shape[:3]
    r0, c0 = rows.floor(), columns.floor()
    total: Any = None
    for dr in (0, 1):
        for dc in (0, 1):
            r, k = r0 + dr, c0 + dc
            share = (1 - (rows - r).abs()) * (1 - (columns - k).abs())
            inside = (r >= 0) & (r <= height - 1) & (k >= 0) & (k <= width - 1)
            share = firth.where(inside, share, 0)
            flat = r.clamp(0, height - 1) * width + k.clamp(0, width - 1)
            index = flat.to(firth.int64).reshape(n, g, 1, -1)
            index = index.expand(n, g, c, index.shape[-1])
            part = firth.gather(x, 3, index).reshape(n, g, c, *rows.shape[2:])
            part = part * share.unsqueeze(2)
            total = part if total is None else total + part
    return total  # type: ignore[no-any-return]
