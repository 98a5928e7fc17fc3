"""Activations, element by element, and softmax along a dimension."""

from __future__ import annotations

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import inplace as written
from firth.tensor import Tensor
from firth.tensor.record import apply


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return written(input, apply("relu", input), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return written(input, apply("relu6", input), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x held between min_val and max_val."""
    if min_val > max_val:
        raise ArgumentError(
            message("hardtanh", "the bounds are the wrong way round", f"{min_val}, {max_val}",
                    "min_val of at most max_val", "swap them")
        )  # fmt: skip
    return written(
        input, apply("hardtanh", input, low=float(min_val), high=float(max_val)), inplace
    )


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere."""
    return written(input, apply("leaky_relu", input, slope=float(negative_slope)), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    return written(input, apply("elu", input, alpha=float(alpha)), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere."""
    return written(input, apply("celu", input, alpha=float(alpha)), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The self-normalising ELU (Klambauer et al., 2017)."""
    return written(input, apply("selu", input), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x * Phi(x); approximate is "none" or "tanh"."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(
            message(
                "gelu",
                "unknown approximation",
                repr(approximate),
                "'none' or 'tanh'",
                "the default is 'none'",
            )  # fmt: skip
        )
    return apply("gelu", input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    return written(input, apply("silu", input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x))."""
    return written(input, apply("mish", input), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return written(input, apply("hardsigmoid", input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6."""
    return written(input, apply("hardswish", input), inplace)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), computed without overflow."""
    return apply("logsigmoid", input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""
    return apply("softplus", input, beta=float(beta), threshold=float(threshold))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return apply("softsign", input)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return apply("tanhshrink", input)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, weight * x elsewhere. x: (N, C, ...), weight: (1,) or (C,)."""
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ShapeError(
            message("prelu", "the weight does not fit", str(tuple(weight.shape)),
                    f"one slope, or one for each of {channels} channels", "check the channels")
        )  # fmt: skip
    if weight.numel() == 1:
        weight = weight.reshape(())
    elif input.ndim > 2:
        weight = weight.reshape(-1, *(1,) * (input.ndim - 2))  # (C, 1, ...)
    if not input.ndim:
        weight = weight.reshape(())
    return apply("prelu", input, weight)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |x| <= lambd, x elsewhere."""
    return apply("hardshrink", input, cut=float(lambd))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd."""
    if lambd < 0:
        raise ArgumentError(
            message("softshrink", "lambd is negative", str(lambd), "0 or more", "lambd=0.5")
        )
    return apply("softshrink", input, cut=float(lambd))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, value elsewhere."""
    result = apply("threshold", input, cut=float(threshold), value=float(value))
    return written(input, result, inplace)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of x along dim, times the sigmoid of the second."""
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(x) / sum(exp(x)) along dim."""
    x = input if dtype is None else input.to(dtype)
    return x.softmax(_dim("softmax", dim))


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """log(softmax(x)) along dim, computed without overflow."""
    x = input if dtype is None else input.to(dtype)
    return x.log_softmax(_dim("log_softmax", dim))


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """softmax of -x along dim."""
    return softmax(-input, dim, dtype=dtype)


def _dim(op: str, dim: int | None) -> int:
    if dim is None:
        raise ArgumentError(
            message(op, "along which dimension?", "dim=None", "a dimension", "pass dim=-1")
        )
    return dim
