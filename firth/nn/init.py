"""Initial values of parameters: PyTorch's names and distributions, drawn on the host.

Each function fills the tensor in place and returns it. Draws come from a counter-based generator,
so they depend on the seed and on the order of the calls, never on the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.parameter import put
from firth.tensor import Tensor
from firth.tensor.arguments import guarded
from firth.tensor.random import host_generator

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0), "selu": 0.75,
}  # fmt: skip


def _fill(tensor: Tensor, draw: Callable[[], np.ndarray]) -> Tensor:
    put(tensor, draw().reshape(tensor.shape))
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Uniform in [a, b)."""
    return _fill(tensor, lambda: host_generator().uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal with the given mean and standard deviation."""
    return _fill(tensor, lambda: host_generator().normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Normal, drawn again where it falls outside [a, b]."""

    def draw() -> np.ndarray:
        generator = host_generator()
        values = generator.normal(mean, std, tensor.shape)
        while (outside := (values < a) | (values > b)).any():
            values[outside] = generator.normal(mean, std, int(outside.sum()))
        return values

    return _fill(tensor, draw)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element is `val`."""
    return _fill(tensor, lambda: np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """Every element is 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Every element is 1."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix. tensor: (N, M)."""
    return _fill(tensor, lambda: np.eye(*tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with std gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform in +-gain * sqrt(3 / fan) (He et al., 2015); a is the slope of a leaky ReLU."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal with std gain / sqrt(fan) (He et al., 2015); a is the slope of a leaky ReLU."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Orthonormal rows or columns, whichever are fewer (Saxe et al., 2013). tensor: (N, ...)."""
    fans(tensor)

    def draw() -> np.ndarray:
        rows = tensor.shape[0]
        flat = host_generator().normal(size=(rows, math.prod(tensor.shape[1:])))
        q, r = np.linalg.qr(flat if flat.shape[0] >= flat.shape[1] else flat.T)
        q = q * np.sign(np.diag(r))
        return gain * (q if flat.shape[0] >= flat.shape[1] else q.T)

    return _fill(tensor, draw)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity wants its weights scaled; param: leaky ReLU's slope."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(
            message(
                "calculate_gain",
                "unknown nonlinearity",
                repr(nonlinearity),
                f"one of {', '.join(_GAINS)}, leaky_relu",
                "use 'linear' for a gain of 1",
            )  # fmt: skip
        )
    return _GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, ...). ShapeError below two dimensions."""
    if tensor.ndim < 2:
        raise ShapeError(
            message(
                "init",
                "fan in and fan out need a weight of two dimensions or more",
                str(tuple(tensor.shape)),
                "(out, in, ...)",
                "use normal_ or uniform_ instead",
            )  # fmt: skip
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(
            message(
                "init",
                "unknown mode",
                repr(mode),
                "'fan_in' or 'fan_out'",
                "fan_in keeps the scale of activations, fan_out that of gradients",
            )  # fmt: skip
        )
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


guarded(globals(), __all__)
