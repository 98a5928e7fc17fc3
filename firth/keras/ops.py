"""`keras.ops`: functions of tensors and of KerasTensors, by Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from typing import Any

from firth.keras import activations
from firth.keras.symbolic import operate
from firth.keras.variable import dtype_of, to_tensor
from firth.nn import functional as F
from firth.tensor import Tensor, creation
from firth.tensor.methods import FUNCTIONS

_SAME = (
    "abs", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf", "floor", "ceil", "round", "sign",
    "sigmoid", "isnan", "isinf", "isfinite", "logical_not",
)  # fmt: skip
_TWO = ("add", "maximum", "minimum", "logical_and", "logical_or", "logical_xor", "matmul", "fmod")
_NAMES: dict[str, str] = {
    "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "mod": "remainder",
    "absolute": "abs", "negative": "neg", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "floor_divide": "floor_divide", "equal": "eq", "not_equal": "ne",
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "outer": "outer",
}  # fmt: skip
_REDUCTIONS = {
    "sum": "sum", "mean": "mean", "prod": "prod", "max": "amax", "min": "amin", "any": "any",
    "all": "all", "logsumexp": "logsumexp",
}  # fmt: skip


def _dispatched(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    """fn, also for KerasTensors."""

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        return operate(fn, name, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def _of_tensors(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        first, *rest = args
        numbers = (int, float, bool, Tensor)
        return function(
            to_tensor(first), *(r if isinstance(r, numbers) else to_tensor(r) for r in rest)
        )

    call.__doc__ = f"firth.{getattr(function, '__name__', name)} of tensors, arrays or numbers."
    return call


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = to_tensor(x)
        dims = tuple(range(x.ndim)) if axis is None else axis
        if isinstance(dims, (tuple, list)) and function.__name__ in ("prod", "any", "all"):
            for d in sorted((d % x.ndim for d in dims), reverse=True):
                x = function(x, d, keepdims)
            return x
        return function(x, dims, keepdims) if dims != () else x

    call.__doc__ = f"firth.{function.__name__} over `axis`, everything by default."
    return call


def _activation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(x: Any, *args: Any, **options: Any) -> Tensor:
        return function(to_tensor(x), *args, **options)

    call.__doc__ = function.__doc__
    return call


def _cast(x: Any, dtype: Any) -> Tensor:
    """x in another dtype."""
    return to_tensor(x).to(dtype_of(dtype))


def _where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """x1 where the condition holds, x2 elsewhere."""
    return FUNCTIONS["where"](to_tensor(condition), x1, x2)


def _clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """x between two numbers."""
    return to_tensor(x).clamp(x_min, x_max)


def _reshape(x: Any, newshape: Any) -> Tensor:
    """x with another shape."""
    return (
        to_tensor(x).reshape(*newshape)
        if not isinstance(newshape, int)
        else to_tensor(x).reshape(newshape)
    )


def _transpose(x: Any, axes: Any = None) -> Tensor:
    """x with its axes in another order, reversed by default."""
    x = to_tensor(x)
    return x.permute(*(range(x.ndim - 1, -1, -1) if axes is None else axes))


def _concatenate(xs: Any, axis: int = -1) -> Tensor:
    """Tensors one after the other."""
    return FUNCTIONS["cat"]([to_tensor(x) for x in xs], axis)


def _stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors along a new axis."""
    return FUNCTIONS["stack"]([to_tensor(t) for t in x], axis)


def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Equal parts, or parts that begin at the indices."""
    x = to_tensor(x)
    if isinstance(indices_or_sections, int):
        return x.chunk(indices_or_sections, axis)
    ends = [0, *indices_or_sections, x.shape[axis]]
    return x.split([b - a for a, b in pairwise(ends)], axis)


def _expand_dims(x: Any, axis: int) -> Tensor:
    """x with an axis of extent 1."""
    return to_tensor(x).unsqueeze(axis)


def _squeeze(x: Any, axis: Any = None) -> Tensor:
    """x without an axis of extent 1, without all of them by default."""
    x = to_tensor(x)
    return x.squeeze() if axis is None else x.squeeze(axis)


def _argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest is: int32."""
    return to_tensor(x).argmax(axis, keepdims).to(dtype_of("int32"))


def _argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest is: int32."""
    return to_tensor(x).argmin(axis, keepdims).to(dtype_of("int32"))


def _variance(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean square of deviations from the mean."""
    x = to_tensor(x)
    return x.var(tuple(range(x.ndim)) if axis is None else axis, False, keepdims)


def _std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The root of the variance."""
    return _variance(x, axis, keepdims).sqrt()


def _take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Slices at indices along an axis."""
    x, indices = to_tensor(x), to_tensor(indices).long()
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis %= x.ndim
    out = x.index_select(axis, indices.reshape(-1))
    return out.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """Class numbers (...) as rows of one 1: (..., num_classes)."""
    hot = F.one_hot(to_tensor(x).long(), num_classes).to(dtype_of(dtype))
    return hot.movedim(-1, axis)


def _einsum(subscripts: str, *operands: Any) -> Tensor:
    """Sums of products named by letters."""
    return FUNCTIONS["einsum"](subscripts, *(to_tensor(o) for o in operands))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The root of the sum of squares."""
    x = to_tensor(x)
    return x.square().sum(tuple(range(x.ndim)) if axis is None else axis, keepdims).sqrt()


def _cumsum(x: Any, axis: int | None = None) -> Tensor:
    """Running sums."""
    x = to_tensor(x)
    return x.reshape(-1).cumsum(0) if axis is None else x.cumsum(axis)


def shape(x: Any) -> tuple[Any, ...]:
    """The extents of a tensor; None is open."""
    return tuple(x.shape)


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """A tensor of numbers, arrays or tensors."""
    return to_tensor(x, dtype)


def convert_to_numpy(x: Any) -> Any:
    """A NumPy array."""
    return to_tensor(x).detach().numpy()


def stop_gradient(x: Any) -> Tensor:
    """x, constant for gradients."""
    return to_tensor(x).detach()


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """0 everywhere."""
    return creation.zeros(shape, dtype=dtype_of(dtype))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """1 everywhere."""
    return creation.ones(shape, dtype=dtype_of(dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop."""
    low, high = (0, start) if stop is None else (start, stop)
    whole = {type(v) for v in (low, high, step)} == {int}
    high = low if (high - low) * step < 0 else high
    return creation.arange(low, high, step, dtype=dtype_of(dtype or ("int32" if whole else None)))


_table: dict[str, Callable[..., Any]] = {
    **{name: _of_tensors(FUNCTIONS[name], name) for name in (*_SAME, *_TWO)},
    **{name: _of_tensors(FUNCTIONS[other], name) for name, other in _NAMES.items()},
    **{name: _reduction(FUNCTIONS[other]) for name, other in _REDUCTIONS.items()},
    **{
        name: _activation(getattr(activations, name))
        for name in (
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "celu",
            "selu",
            "gelu",
            "silu",
            "softplus",
            "softsign",
            "softmax",
            "log_softmax",
            "log_sigmoid",
            "hard_sigmoid",
            "hard_silu",
            "mish",
        )
    },
    "cast": _cast,
    "where": _where,
    "clip": _clip,
    "reshape": _reshape,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "argmax": _argmax,
    "argmin": _argmin,
    "var": _variance,
    "std": _std,
    "take": _take,
    "one_hot": _one_hot,
    "einsum": _einsum,
    "norm": _norm,
    "cumsum": _cumsum,
    "zeros_like": lambda x: creation.zeros_like(to_tensor(x)),
    "ones_like": lambda x: creation.ones_like(to_tensor(x)),
    "flip": lambda x, axis=None: to_tensor(x).flip(
        axis if axis is not None else list(range(x.ndim))
    ),
    "dot": _of_tensors(FUNCTIONS["matmul"], "dot"),
}
globals().update({name: _dispatched(name, fn) for name, fn in _table.items()})
__all__ = [  # noqa: PLE0604
    *_table, "arange", "convert_to_numpy", "convert_to_tensor", "ones", "shape", "stop_gradient",
    "zeros",
]  # fmt: skip
