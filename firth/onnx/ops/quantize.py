"""Quantised numbers: to and from integers with a scale and a zero point, and products of them."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.onnx.ops.cast import cast_array
from firth.onnx.ops.conv import conv
from firth.onnx.registry import op
from firth.onnx.values import NARROW, as_array, as_tensor, cast, dtype_of, element, firth_dtype
from firth.tensor import Tensor
from firth.tensor.record import apply

_RANGES = {"uint2": (0, 3), "int2": (-2, 1), "uint4": (0, 15), "int4": (-8, 7)}


def _spread(value: Any, x: Any, axis: int, block: int) -> Any:
    """A scale or zero point shaped to broadcast with x: one for all, for each slice, or each block
    of slices along the axis."""
    if value.ndim == 0 or (value.ndim == 1 and value.shape[0] == 1 and not block):
        return value.reshape(())
    axis %= x.ndim
    if not block and value.ndim == 1:
        return value.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    if not block:
        return value
    if isinstance(value, Tensor):
        value = value.repeat_interleave(block, axis)
    else:
        value = np.repeat(value, block, axis)
    return value[(*(slice(None),) * axis, slice(0, x.shape[axis]))]


def _limits(kind: np.dtype[Any]) -> tuple[int, int]:
    found = _RANGES.get(kind.name)
    if found is None:
        info = np.iinfo(kind)
        found = int(info.min), int(info.max)
    return found


@op("QuantizeLinear", foreign=True, statistics=(1, 2))
def quantize(
    x: Any, scale: Any, zero_point: Any = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0, precision: int = 0, saturate: int = 1,
) -> Any:  # fmt: skip
    """round(x / scale) + zero_point within the limits of a dtype."""
    kind = element(output_dtype) if output_dtype else np.dtype(np.uint8)
    if zero_point is not None:
        kind = dtype_of(zero_point)
        zero_point = _spread(zero_point, x, axis, block_size)
    scale = _spread(scale, x, axis, block_size)
    if firth_dtype(kind) is None or not isinstance(x, Tensor) or not isinstance(scale, Tensor):
        return _quantize_arrays(*map(as_array, (x, scale, zero_point)), kind, precision, saturate)
    if precision and (wide := firth_dtype(element(precision))) is not None:
        x, scale = x.to(wide), scale.to(wide)
    y = (x / scale).float().round()
    if zero_point is not None:
        y = y + zero_point.to(y.dtype)
    low, high = _limits(kind)
    return cast(y.clamp(low, high), kind)


def _quantize_arrays(
    x: np.ndarray, scale: np.ndarray, zero: np.ndarray | None, kind: np.dtype[Any], precision: int,
    saturate: int,
) -> Any:  # fmt: skip
    """QuantizeLinear to dtypes that tensors lack, by NumPy."""
    wide = element(precision) if precision else np.result_type(x.dtype, np.float32)
    if scale.dtype.name.startswith("float8"):
        scale = scale.astype(np.float32)
    y = x.astype(wide) / scale.astype(wide)
    if kind.name.startswith(("int", "uint")):
        y = np.rint(y.astype(np.float32)).astype(np.int32)
        if zero is not None:
            y = y + zero.astype(np.int32)
        low, high = _limits(kind)
        return y.clip(low, high).astype(np.int16 if kind in NARROW else kind).astype(kind)
    if zero is not None:
        y = y + zero.astype(y.dtype)
    return cast_array(y.astype(np.float32), kind, bool(saturate))


@op("DequantizeLinear", foreign=True, statistics=(1, 2))
def dequantize(
    x: Any, scale: Any, zero_point: Any = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Any:  # fmt: skip
    """(x - zero_point) * scale."""
    x, zero_point, scale = _widened(x), _widened(zero_point), _widened(scale)
    kind = element(output_dtype) if output_dtype else dtype_of(scale)
    y = x.to(firth.float32)
    if zero_point is not None:
        y = y - _spread(zero_point, x, axis, block_size).to(firth.float32)
    return cast(y * _spread(scale, x, axis, block_size).to(firth.float32), kind)


def _widened(value: Any) -> Any:
    """Narrow numbers in the next dtype of tensors."""
    if isinstance(value, np.ndarray) and value.dtype in NARROW:
        whole = value.dtype.name.startswith(("int", "uint"))
        return as_tensor(value.astype(np.int8 if whole else np.float32))
    return value


@op("DynamicQuantizeLinear")
def dynamic_quantize(x: Tensor) -> Any:
    """x in uint8 by its own range, with that scale and zero point."""
    low, high = x.amin().clamp(max=0.0), x.amax().clamp(min=0.0)
    scale = (high - low) / 255
    # Wide, because kernels multiply by the inverse of what was reduced, and ties are common here.
    wide = firth.where(scale == 0, 1, scale).double()
    zero = (-low.double() / wide).float().clamp(0, 255).round()
    y = ((x.double() / wide).float().round() + zero).clamp(0, 255)
    return y.to(firth.uint8), scale, zero.to(firth.uint8)


def _shifted(x: Any, zero_point: Any, rows: bool = False) -> Any:
    """x minus its zero point in int32; one zero point for each row where `rows`."""
    x, zero_point = _widened(x), _widened(zero_point)
    if x.dtype.kind == "f":
        return x
    wide = x.to(firth.int32)
    if zero_point is None:
        return wide
    zero = zero_point.to(firth.int32)
    return wide - (zero.unsqueeze(-1) if rows and zero.ndim == 1 else zero)


@op("MatMulInteger")
def matmul_integer(
    a: Tensor, b: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
) -> Any:
    """A product of 8-bit matrices in int32."""
    return apply("matmul", _shifted(a, a_zero_point, True), _shifted(b, b_zero_point))


@op("ConvInteger")
def conv_integer(
    x: Tensor, w: Tensor, x_zero_point: Tensor | None = None, w_zero_point: Tensor | None = None,
    **attributes: Any,
) -> Any:  # fmt: skip
    """A convolution of 8-bit numbers in int32."""
    if w_zero_point is not None and w_zero_point.ndim == 1 and w_zero_point.shape[0] > 1:
        w_zero_point = w_zero_point.reshape(-1, *(1,) * (w.ndim - 1))
    zeros = [z.reshape(()) if z is not None and z.numel() == 1 else z
             for z in (x_zero_point, w_zero_point)]  # fmt: skip
    wide = [_shifted(v, z) for v, z in zip((x, w), zeros, strict=True)]
    return conv(*wide, **attributes)


def _requantized(y: Tensor, factor: Tensor, zero_point: Any) -> Any:
    """Sums in int32 as integers of another scale."""
    kind = dtype_of(zero_point)
    found = y.to(firth.float32) * factor
    if kind in NARROW:
        return cast_array(as_array(found), kind)
    low, high = _limits(kind)
    return cast((found.round() + zero_point.to(firth.float32)).clamp(low, high), kind)


@op("QLinearMatMul", foreign=True)
def qlinear_matmul(
    a: Any, a_scale: Tensor, a_zero: Any, b: Any, b_scale: Tensor, b_zero: Any, y_scale: Tensor,
    y_zero: Any,
) -> Any:  # fmt: skip
    """A product of quantised matrices, quantised."""
    y = apply("matmul", _shifted(a, a_zero, True), _shifted(b, b_zero))
    scales = [s.to(firth.float32) for s in (a_scale, b_scale, y_scale)]
    if scales[0].ndim == 1 and scales[0].shape[0] > 1:
        scales[0] = scales[0].unsqueeze(-1)
    return _requantized(y, scales[0] * scales[1] / scales[2], y_zero)


@op("QLinearConv")
def qlinear_conv(
    x: Tensor, x_scale: Tensor, x_zero: Tensor, w: Tensor, w_scale: Tensor, w_zero: Tensor,
    y_scale: Tensor, y_zero: Tensor, bias: Tensor | None = None, **attributes: Any,
) -> Any:  # fmt: skip
    """A convolution of quantised numbers, quantised."""
    n = x.ndim - 2
    by_filter = [v.reshape(-1, *(1,) * n) if v.numel() > 1 else v.reshape(())
                 for v in (w_scale, w_zero)]  # fmt: skip
    zero = by_filter[1] if by_filter[1].ndim == 0 else by_filter[1].unsqueeze(1)
    y = conv(_shifted(x, x_zero), _shifted(w, zero), bias, **attributes)
    return _requantized(y, x_scale * by_filter[0] / y_scale, y_zero)
