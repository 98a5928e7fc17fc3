"""Activations as modules: each calls the function of the same name in `firth.nn.functional`."""

from __future__ import annotations

from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.nn import init
from firth.nn.functional import activation as F
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor


class _Inplace(Module):
    """An activation whose only option is to write into its argument."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def extra_repr(self) -> str:
        """inplace, when set."""
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.relu(x, self.inplace)


class ReLU6(_Inplace):
    """min(max(x, 0), 6)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.relu6(x, self.inplace)


class SiLU(_Inplace):
    """x * sigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.silu(x, self.inplace)


class Mish(_Inplace):
    """x * tanh(softplus(x))."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.mish(x, self.inplace)


class SELU(_Inplace):
    """The self-normalising ELU (Klambauer et al., 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.selu(x, self.inplace)


class Hardswish(_Inplace):
    """x * relu6(x + 3) / 6."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.hardswish(x, self.inplace)


class Hardsigmoid(_Inplace):
    """relu6(x + 3) / 6."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.hardsigmoid(x, self.inplace)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.tanh(x)


class LogSigmoid(Module):
    """log(sigmoid(x))."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.logsigmoid(x)


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.softsign(x)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.tanhshrink(x)


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The width of the middle."""
        return str(self.lambd)


class Hardshrink(_Shrink):
    """0 where |x| <= lambd, x elsewhere."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.hardshrink(x, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by lambd."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.softshrink(x, self.lambd)


class Threshold(Module):
    """x where x > threshold, value elsewhere."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.threshold(x, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The options."""
        return f"threshold={self.threshold}, value={self.value}"


class LeakyReLU(Module):
    """x where x > 0, negative_slope * x elsewhere."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.leaky_relu(x, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The slope."""
        inplace = ", inplace=True" if self.inplace else ""
        return f"negative_slope={self.negative_slope}{inplace}"


class ELU(Module):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.elu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The scale."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(ELU):
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.celu(x, self.alpha, self.inplace)


class GELU(Module):
    """x * Phi(x); approximate is "none" or "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Which formula."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """x held between min_val and max_val."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.hardtanh(x, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The bounds."""
        inplace = ", inplace=True" if self.inplace else ""
        return f"min_val={self.min_val}, max_val={self.max_val}{inplace}"


class PReLU(Module):
    """x where x > 0, weight * x elsewhere, one weight or one per channel. x: (N, C, ...)."""

    def __init__(
        self,
        num_parameters: int = 1,
        init_value: float = 0.25,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.num_parameters = num_parameters
        self.weight = init.constant_(empty_parameter((num_parameters,), dtype, device), init_value)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...), the same shape out."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """How many weights."""
        return f"num_parameters={self.num_parameters}"


class _AlongDim(Module):
    """An activation that looks along one dimension."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along dim."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.softmax(x, self.dim)


class Softmin(_AlongDim):
    """softmax(-x) along dim."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.softmin(x, self.dim)


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along dim."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.log_softmax(x, self.dim)


class GLU(_AlongDim):
    """The first half of x along dim, times the sigmoid of the second (Dauphin et al., 2016)."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., 2n, ...) -> (..., n, ...)."""
        return F.glu(x, -1 if self.dim is None else self.dim)


class Softmax2d(Module):
    """exp(x) over its sum along the channels. x: (N, C, H, W) or (C, H, W), the same out."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) or (C, H, W)."""
        if x.ndim not in (3, 4):
            raise ShapeError(
                message("Softmax2d", "this input does not fit", str(tuple(x.shape)),
                        "(N, C, H, W) or (C, H, W)", "use Softmax with its own dim")
            )  # fmt: skip
        return F.softmax(x, -3)
