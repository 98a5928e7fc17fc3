"""Reductions: torch's arguments (dim, keepdim) on the ops' (axes, keepdims)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, NamedTuple

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, message
from firth.ir.op import TABLE
from firth.tensor.arguments import refuse
from firth.tensor.arithmetic import binary, operand
from firth.tensor.convert import cast
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, apply_op, user_line
from firth.tensor.shape import axes_of, axis_of, reshape


class ValuesIndices(NamedTuple):
    """Two results of one search: the values and where they were."""

    values: Tensor
    indices: Tensor


def _reduce(name: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = axes_of(name, dim, len(x._kind.shape))
    return apply_op(TABLE[name], (x,), (axes, keepdim))


def sum(
    self: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The sum over dims (all without one); integers and bool add up in int64: (...) -> (...).

    >>> from firth.tensor import ones
    >>> ones(2, 3).sum(dim=1).tolist()
    [3.0, 3.0]
    """
    return _reduce("sum", _counted(self, dtype), dim, keepdim)


def _counted(x: Tensor, dtype: DType | None) -> Tensor:
    kind = x._kind.dtype
    if dtype is None and kind.kind in "bi":
        dtype = dt.int64
    return x if dtype is None else cast(x, dtype)


def prod(
    self: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The product over dims (all without one); integers multiply in int64: (...) -> (...)."""
    return _reduce("prod", _counted(self, dtype), dim, keepdim)


def _floats(op: str, x: Tensor, dtype: DType | None = None) -> Tensor:
    if dtype is not None:
        return cast(x, dtype)
    if x._kind.dtype.kind not in "fc":
        raise DTypeError(
            message(
                op, "integers have no exact answer", x._kind.dtype.name, "a floating-point dtype",
                f"cast first, e.g. x.float().{op}()",
            )
        ).at(user_line())  # fmt: skip
    return x


def mean(
    self: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The mean over dims (all without one) of floats: (...) -> (...)."""
    return _reduce("mean", _floats("mean", self, dtype), dim, keepdim)


def _correction(name: str, unbiased: bool | None, correction: float | None) -> Any:
    if correction is not None:
        if not isinstance(correction, Number):
            refuse(name, "correction", correction, "int | float")
        return correction
    return 1 if unbiased is None or unbiased else 0


def var(
    self: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:  # fmt: skip
    """The variance over dims, divided by n - correction (1): (...) -> (...)."""
    return _spread("var", self, dim, unbiased, keepdim, correction)


def std(
    self: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation over dims, divided by n - correction (1): (...) -> (...)."""
    return _spread("std", self, dim, unbiased, keepdim, correction)


def _spread(
    name: str, x: Tensor, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None
) -> Tensor:
    if isinstance(dim, bool):  # x.var(False)
        dim, unbiased = None, dim
    axes = axes_of(name, dim, len(x._kind.shape))
    op = TABLE[name]
    correction = _correction(name, unbiased, correction)
    attrs = {"axes": axes, "keepdims": keepdim, "correction": correction}
    return apply_op(op, (_floats(name, x),), op.bind(attrs))


def logsumexp(self: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over dims without overflow: (...) -> (...)."""
    return _reduce("logsumexp", self, dim, keepdim)


def amax(self: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The largest over dims; ties share the gradient: (...) -> (...)."""
    return _reduce("amax", self, dim, keepdim)


def amin(self: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The smallest over dims; ties share the gradient: (...) -> (...)."""
    return _reduce("amin", self, dim, keepdim)


def _truth(x: Tensor) -> Tensor:
    return x if x._kind.dtype.kind == "b" else apply("not_equal", x, 0)


def any(self: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true (not zero) over dims: (...) -> (...) bool."""
    return _reduce("any", _truth(self), dim, keepdim)


def all(self: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true (not zero) over dims: (...) -> (...) bool."""
    return _reduce("all", _truth(self), dim, keepdim)


def _arg(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        shape = self._kind.shape
        x = self
        if dim is None:
            x, axis = apply("reshape", self, shape=(self._kind.numel,)), 0
        else:
            axis = axis_of(name, dim, len(shape))
        if not x._kind.shape:
            return apply("full", shape=(), value=0, dtype=dt.int64)
        op = TABLE[name]
        out = apply_op(op, (x,), op.bind({"axis": axis, "keepdims": keepdim and dim is not None}))
        if dim is None and keepdim:
            out = apply("reshape", out, shape=(1,) * len(shape))
        return out

    method.__name__ = name
    method.__doc__ = f"Where the {name[3:]}imum is, the first of equals, along a dim or in x flat."
    return method


argmax, argmin = _arg("argmax"), _arg("argmin")


def _extreme(name: str) -> Callable[..., Any]:
    both = binary(f"{name}imum")
    reduced = amax if name == "max" else amin
    where = argmax if name == "max" else argmin

    def method(self: Tensor, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        other = options.pop("other", None)
        if isinstance(dim, Tensor):
            other = dim
        if other is not None:
            return both(self, other)
        if dim is None:
            return reduced(self)
        shape = self._kind.shape
        axis = axis_of(name, dim, len(shape))
        if not shape:
            return ValuesIndices(self, where(self))
        indices = where(self, axis, True)
        values = apply("take_along_axis", self, indices, axis=axis)
        if not keepdim:
            new = (*shape[:axis], *shape[axis + 1 :])
            values = apply("reshape", values, shape=new)
            indices = apply("reshape", indices, shape=new)
        return ValuesIndices(values, indices)

    method.__name__ = name
    method.__doc__ = (
        f"The {name}imum: of everything; with a dim (values, indices) along it; with a second "
        "tensor element by element."
    )
    return method


max, min = _extreme("max"), _extreme("min")


def _scan(name: str, kind: str) -> Callable[..., Tensor]:
    def method(self: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
        x = _counted(self, dtype)
        if not x._kind.shape:
            axis_of(name, dim, 0)
            return apply("reshape", x, shape=())
        return apply("cumulate", x, axis=axis_of(name, dim, len(x._kind.shape)), kind=kind)

    method.__name__ = name
    method.__doc__ = f"The running {'sum' if kind == 'add' else 'product'} along a dim."
    return method


cumsum, cumprod = _scan("cumsum", "add"), _scan("cumprod", "mul")


def _softmax(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, dim: int | None = None, *, dtype: DType | None = None) -> Tensor:
        x = cast(self, dtype) if dtype is not None else self
        ndim = len(x._kind.shape)
        if dim is None:
            dim = 0 if ndim in (0, 1, 3) else 1
        axis = axis_of(name, dim, ndim)
        if not ndim:
            return reshape(apply(name, apply("reshape", x, shape=(1,)), axis=0), ())
        return apply(name, x, axis=axis)

    method.__name__ = name
    method.__doc__ = f"{name} along a dim: x (..., N, ...) float -> (..., N, ...)."
    return method


softmax, log_softmax = _softmax("softmax"), _softmax("log_softmax")


def norm(self: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The vector p-norm over dims (all without one); p: inf, 1, 2, 'fro', ...: (...) -> (...)."""
    x = _floats("norm", self)
    if p in ("fro", 2, None):
        if not x._kind.dtype.is_complex:
            return _root(_reduce("sum", apply("mul", x, x), dim, keepdim))
        axes = axes_of("norm", dim, len(x._kind.shape))
        return apply("norm", x, axes=axes, keepdims=keepdim)
    if p == float("inf"):
        return _reduce("amax", apply("abs", x), dim, keepdim)
    if p == float("-inf"):
        return _reduce("amin", apply("abs", x), dim, keepdim)
    if p == 1:
        return _reduce("sum", apply("abs", x), dim, keepdim)
    if p == 0:
        return _reduce("sum", cast(apply("not_equal", x, 0), x._kind.dtype), dim, keepdim)
    if not isinstance(p, (int, float)):
        raise ArgumentError(
            message("norm", "no such norm", repr(p), "a number or 'fro'", "use p=2")
        ).at(user_line())
    total = _reduce("sum", apply("pow", apply("abs", x), float(p)), dim, keepdim)
    return apply("pow", total, 1.0 / p)


def _root(x: Tensor) -> Tensor:
    """The square root, with slope 0 at 0: there a norm has no direction to grow in."""
    none = apply("equal", x, 0)
    return apply("where", none, 0.0, apply("sqrt", apply("where", none, 1.0, x)))


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Any:  # fmt: skip
    """(variance, mean) over dims."""
    spread = var(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def count_nonzero(self: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero: (...) -> (...) int64."""
    return sum(_truth(self), dim)


# --- comparison -----------------------------------------------------------------------------------


def isclose(
    self: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x - y| <= atol + rtol * |y|, element by element."""
    if rtol < 0 or atol < 0:
        raise ArgumentError(
            message("isclose", "a tolerance is negative", f"rtol={rtol}, atol={atol}", "0 or more",
                    "use rtol=1e-5")
        ).at(user_line())  # fmt: skip
    y = operand(other, "isclose")
    if not isinstance(y, Tensor):
        y = apply("full", shape=(), value=y, dtype=self._kind.dtype)
    if self._kind.dtype.kind not in "fc":
        return apply("equal", self, y) if not rtol and not atol else isclose(
            cast(self, dt.float64), cast(y, dt.float64), rtol, atol
        )  # fmt: skip
    gap = apply("abs", apply("sub", self, y))
    near = apply("less_equal", gap, apply("add", apply("mul", apply("abs", y), rtol), atol))
    near = apply("bitwise_and", near, apply("isfinite", y))
    near = apply("bitwise_or", near, apply("equal", self, y))
    if equal_nan:
        both = apply("bitwise_and", apply("isnan", self), apply("isnan", y))
        near = apply("bitwise_or", near, both)
    return near


def allclose(
    self: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether isclose holds everywhere."""
    return bool(all(isclose(self, other, rtol, atol, equal_nan)))


def equal(self: Tensor, other: Tensor) -> bool:
    """Whether shape and all elements are the same."""
    if self._kind.shape != other._kind.shape:
        return False
    return bool(all(apply("equal", self, other)))


METHODS: dict[str, Callable[..., Any]] = {
    "sum": sum, "prod": prod, "mean": mean, "var": var, "std": std, "logsumexp": logsumexp,
    "amax": amax, "amin": amin, "any": any, "all": all, "argmax": argmax, "argmin": argmin,
    "max": max, "min": min, "cumsum": cumsum, "cumprod": cumprod, "softmax": softmax,
    "log_softmax": log_softmax, "count_nonzero": count_nonzero, "isclose": isclose,
    "allclose": allclose, "equal": equal,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {**METHODS, "var_mean": var_mean}
