"""Products of matrices and vectors, distances, covariances, and sums along curves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor import reduce, shape
from firth.tensor.composed import tensordot
from firth.tensor.contract import dot, matmul
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import apply, local, user_line
from firth.tensor.shape import axis_of


def _scaled(x: Tensor, factor: Any) -> Tensor:
    return x if factor == 1 else apply("mul", x, factor)


def _ranks(name: str, *pairs: tuple[Tensor, int]) -> None:
    """ShapeError unless each tensor has the number of dimensions beside it."""
    if any(len(t._kind.shape) != n for t, n in pairs):
        raise ShapeError(
            message(
                name, "the numbers of dimensions don't fit",
                " and ".join(str(tuple(t._kind.shape)) for t, _ in pairs),
                " and ".join(str(n) for _, n in pairs) + " dimensions",
                "unsqueeze or reshape, or use matmul",
            )
        ).at(user_line())  # fmt: skip


def _added(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product; with beta 0 the input is not even looked at."""
    product = _scaled(product, alpha)
    if beta == 0:
        wide = apply("full", shape=tuple(input._kind.shape), value=0, dtype=input._kind.dtype)
        return apply("add", wide, product)
    return apply("add", _scaled(input, beta), product)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec): (N), (N, M), (M) -> (N)."""
    _ranks("addmv", (mat, 2), (vec, 1))
    return _added(input, matmul(mat, vec), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * sum of products: (N, P), (B, N, M), (B, M, P) -> (N, P)."""
    _ranks("addbmm", (batch1, 3), (batch2, 3))
    total = apply("sum", matmul(batch1, batch2), axes=(0,), keepdims=False)
    return _added(input, total, beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2): (N, M), (N), (M) -> (N, M)."""
    _ranks("addr", (vec1, 1), (vec2, 1))
    return _added(input, apply("mul", shape.unsqueeze(vec1, 1), vec2), beta, alpha)


def vdot(self: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors, the first conjugated: (N), (N) -> ()."""
    _ranks("vdot", (self, 1), (other, 1))
    first = self.conj() if self._kind.dtype.kind == "c" else self  # type: ignore[attr-defined]
    return dot(first, other)


def inner(self: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last dimensions: (..., N), (..., N) -> (..., ...)."""
    if not self._kind.shape or not other._kind.shape:
        return apply("mul", self, other)
    if self._kind.shape[-1] != other._kind.shape[-1]:
        raise ShapeError(
            message(
                "inner", "the last dimensions differ",
                f"{tuple(self._kind.shape)} and {tuple(other._kind.shape)}", "equal ones",
                "transpose one of them",
            )
        ).at(user_line())  # fmt: skip
    return tensordot(self, other, ([-1], [-1]))


def kron(self: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of x times all of y, as blocks."""
    a, b = self._kind.shape, other._kind.shape
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + tuple(a), (1,) * (ndim - len(b)) + tuple(b)
    left = apply("reshape", self, shape=tuple(n for x in a for n in (x, 1)))
    right = apply("reshape", other, shape=tuple(n for y in b for n in (1, y)))
    return apply("reshape", apply("mul", left, right),
                 shape=tuple(x * y for x, y in zip(a, b, strict=True)))  # fmt: skip


def cross(self: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along a dimension of extent 3 (the first such by default)."""
    if dim is None:
        found = [i for i, n in enumerate(self._kind.shape) if n == 3]
        if not found:
            raise ShapeError(
                message("cross", "no dimension has extent 3", str(tuple(self._kind.shape)),
                        "vectors of three", "name the dim")
            ).at(user_line())  # fmt: skip
        dim = found[0]
    return apply("cross", self, other, axis=axis_of("cross", dim, len(self._kind.shape)))


# --- distances ------------------------------------------------------------------------------------


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:  # fmt: skip
    """The p-norm distance of every pair of rows: (..., P, M), (..., R, M) -> (..., P, R)."""
    for x in (x1, x2):
        if len(x._kind.shape) < 2 or x._kind.dtype.kind != "f" or p < 0:
            raise ShapeError(
                message("cdist", "these are not rows of floats",
                        f"{tuple(x._kind.shape)} {x._kind.dtype.name}, p={p}",
                        "(..., rows, features), floats, p of 0 or more", "reshape or cast")
            ).at(user_line())  # fmt: skip
    if x1._kind.shape[-1] != x2._kind.shape[-1]:
        raise ShapeError(
            message("cdist", "rows of different lengths",
                    f"{tuple(x1._kind.shape)} and {tuple(x2._kind.shape)}",
                    "equal last dimensions", "cut or pad one")
        ).at(user_line())  # fmt: skip
    gap = apply("sub", shape.unsqueeze(x1, -2), shape.unsqueeze(x2, -3))
    return p_length(gap, p)


def p_length(gap: Tensor, p: float, keepdim: bool = False) -> Tensor:
    """The p-norm along the last dimension, with slope 0 where the length is 0."""
    axes = (len(gap._kind.shape) - 1,)
    size = apply("abs", gap)
    if gap._kind.shape[-1] == 0:
        return apply("sum", size, axes=axes, keepdims=keepdim)
    if p == math.inf:
        return apply("amax", size, axes=axes, keepdims=keepdim)
    if p == 0:
        apart = apply("cast", apply("not_equal", gap, 0), dtype=gap._kind.dtype)
        return apply("sum", apart, axes=axes, keepdims=keepdim)
    if p == 1:
        return apply("sum", size, axes=axes, keepdims=keepdim)
    still = apply("equal", size, 0)
    safe = apply("where", still, 1.0, size)
    powers = apply("mul", safe, safe) if p == 2 else apply("pow", safe, float(p))
    total = apply("sum", apply("where", still, 0.0, powers), axes=axes, keepdims=keepdim)
    none = apply("equal", total, 0)
    filled = apply("where", none, 1.0, total)
    length = apply("sqrt", filled) if p == 2 else apply("pow", filled, 1.0 / p)
    return apply("where", none, 0.0, length)


# --- statistics of variables ----------------------------------------------------------------------


def cov(
    self: Tensor, *, correction: int = 1, fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Covariances of variables in rows: (N, observations) -> (N, N); of one row a number."""
    if len(self._kind.shape) > 2:
        raise ShapeError(
            message("cov", "more than two dimensions", str(tuple(self._kind.shape)),
                    "(variables, observations)", "reshape it")
        ).at(user_line())  # fmt: skip
    x = self if self._kind.dtype.kind in "fc" else apply("cast", self, dtype=dt.float32)
    rows = shape.reshape(x, (1, -1)) if len(x._kind.shape) < 2 else x
    weights = None
    for given, kinds, name in ((fweights, "iu", "fweights"), (aweights, "f", "aweights")):
        if given is None:
            continue
        _check_weights(given, kinds, name, rows._kind.shape[1])
        weights = given if weights is None else apply("mul", weights, given)
    count = rows._kind.shape[1]
    if weights is None:
        mean = apply("div", apply("sum", rows, axes=(1,), keepdims=True), max(count, 1))
        if count == 0:
            mean = apply("mul", mean, math.nan)
        left = apply("sub", rows, mean)
        right, norm = left, max(count - correction, 0)
    else:
        total = apply("sum", weights, axes=(0,), keepdims=False)
        mean = apply("sum", apply("mul", rows, weights), axes=(1,), keepdims=True) / total  # type: ignore[operator]
        left = apply("sub", rows, mean)
        right = apply("mul", left, weights)
        if aweights is None or correction == 0:
            less: Any = correction
        else:
            # torch's: the weights of observations count through their squares
            second = apply("sum", apply("mul", weights, aweights), axes=(0,), keepdims=False)
            less = apply("div", apply("mul", second, correction), total)
        norm = apply("maximum", apply("sub", total, less), 0)
    turned = right.conj() if right._kind.dtype.kind == "c" else right  # type: ignore[attr-defined]
    found = apply("div", matmul(left, shape.transpose(turned, 0, 1)), norm)
    return shape.reshape(found, ()) if found._kind.numel == 1 else found


def _check_weights(weights: Tensor, kinds: str, name: str, count: int) -> None:
    if weights._kind.dtype.kind not in kinds:
        raise DTypeError(
            message("cov", f"{name} of another kind", weights._kind.dtype.name,
                    "integers for fweights, floats for aweights", "cast them")
        ).at(user_line())  # fmt: skip
    if tuple(weights._kind.shape) != (count,):
        raise ShapeError(
            message("cov", f"{name} do not fit the observations", str(tuple(weights._kind.shape)),
                    f"({count},)", "give one weight for each observation")
        ).at(user_line())  # fmt: skip
    known = weights._buf is not None and local.rec.jit is None  # else looking would cost a cut
    if known and (contents(weights) < 0).any():
        raise ArgumentError(
            message("cov", f"{name} are negative", str(contents(weights).min()), "0 or more",
                    "leave observations out with a weight of 0")
        ).at(user_line())  # fmt: skip


def corrcoef(self: Tensor) -> Tensor:
    """Correlations of variables in rows: (N, observations) -> (N, N), held in [-1, 1]."""
    c = cov(self)
    if not c._kind.shape:
        return apply("div", c, c)
    n = c._kind.shape[0]
    line = apply("iota", extent=n, dtype=dt.int64)
    spread = apply("gather", c, line, line, axes=(0, 1))
    if c._kind.dtype.kind == "c":
        deviation = apply("sqrt", spread.real)  # type: ignore[attr-defined]
        scaled = apply("div", apply("div", c, shape.unsqueeze(deviation, 1)), deviation)
        return scaled
    deviation = apply("sqrt", spread)
    scaled = apply("div", apply("div", c, shape.unsqueeze(deviation, 1)), deviation)
    return apply("clamp", scaled, min=-1.0, max=1.0)


# --- along curves ---------------------------------------------------------------------------------


def _areas(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The trapezoids between neighbours along a dimension, and its number."""
    axis = axis_of(name, dim, len(y._kind.shape))
    n = y._kind.shape[axis] if y._kind.shape else 0
    if n == 0 and not y._kind.shape:
        raise ShapeError(
            message(name, "a number has no neighbours", "shape ()", "at least one dimension",
                    "pass a vector")
        ).at(user_line())  # fmt: skip
    length = max(n - 1, 0)
    pairs = apply("add", shape.window(y, axis, min(1, n), length), shape.window(y, axis, 0, length))
    if x is None:
        return apply(
            "mul", pairs, apply("div", dx, 2.0) if isinstance(dx, Tensor) else dx / 2
        ), axis
    if len(x._kind.shape) == 1 and x._kind.shape[0] != n:
        raise ShapeError(
            message(name, "x and y differ in length", f"{x._kind.shape[0]} and {n}",
                    "one x for each y", "check the dim")
        ).at(user_line())  # fmt: skip
    if len(x._kind.shape) < len(y._kind.shape) and len(x._kind.shape) == 1:
        along = tuple(-1 if i == axis else 1 for i in range(len(y._kind.shape)))
        x = shape.reshape(x, along)
    at = axis - len(y._kind.shape) + len(x._kind.shape)
    m = x._kind.shape[at]
    gaps = apply("sub", shape.window(x, at, min(1, m), max(m - 1, 0)),
                 shape.window(x, at, 0, max(m - 1, 0)))  # fmt: skip
    return apply("mul", apply("mul", pairs, gaps), 0.5), axis


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The area under points by trapezoids, with spacing dx or places x: (..., N, ...) -> (...)."""
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    axis += len(areas._kind.shape) - len(y._kind.shape)
    return apply("sum", areas, axes=(axis,), keepdims=False)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1
) -> Tensor:
    """The running area under points by trapezoids: (..., N, ...) -> (..., N - 1, ...)."""
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    axis += len(areas._kind.shape) - len(y._kind.shape)
    return apply("cumulate", areas, axis=axis, kind="add")


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes along dims by central differences, one-sided at the ends: one tensor for each dim.

    spacing: a number, one for each dim, or the places themselves as vectors.
    """
    ndim = len(input._kind.shape)
    if edge_order not in (1, 2):
        raise ArgumentError(
            message("gradient", "no such order at the ends", str(edge_order), "1 or 2", "use 1")
        ).at(user_line())
    spacing = 1 if spacing is None else spacing
    axes = range(ndim) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    axes = [axis_of("gradient", d, ndim) for d in axes]
    listed = isinstance(spacing, (list, tuple))
    steps = list(spacing) if listed else [spacing] * len(axes)
    if len(steps) != len(axes) or len(set(axes)) != len(axes):
        raise ArgumentError(
            message("gradient", "not one spacing for each dim",
                    f"{len(steps)} for dims {axes}", "equal numbers, distinct dims",
                    "give one number for all")
        ).at(user_line())  # fmt: skip
    return tuple(_slope(input, axis, step, edge_order) for axis, step in zip(axes, steps))


def _slope(x: Tensor, axis: int, spacing: Any, order: int) -> Tensor:
    n = x._kind.shape[axis]
    if n < order + 1:
        raise ShapeError(
            message("gradient", "too few points for a slope", f"{n} along dim {axis}",
                    f"at least {order + 1}", "use edge_order=1 or more points")
        ).at(user_line())  # fmt: skip
    x = x if x._kind.dtype.kind in "fc" else apply("cast", x, dtype=dt.float32)
    if isinstance(spacing, Tensor) and spacing._kind.shape:
        if tuple(spacing._kind.shape) != (n,):
            raise ShapeError(
                message("gradient", "the places do not fit", str(tuple(spacing._kind.shape)),
                        f"({n},)", "give one place for each point")
            ).at(user_line())  # fmt: skip
        line = tuple(-1 if i == axis else 1 for i in range(len(x._kind.shape)))
        gaps: Any = shape.reshape(_neighbours(spacing, 0), line)
    else:
        gaps = None

    def cut(t: Any, start: int, length: int) -> Any:
        return shape.window(t, axis, start, length)

    step = _neighbours(x, axis)
    if gaps is None:
        first = step / spacing  # type: ignore[operator]
        middle = apply("div", apply("add", cut(step, 0, n - 2), cut(step, 1, n - 2)), spacing * 2)
        ends = (cut(first, 0, 1), cut(first, n - 2, 1))
        if order == 2:
            a, b = cut(first, 0, 1), cut(first, 1, 1)
            y, z = cut(first, n - 3, 1), cut(first, n - 2, 1)
            ends = (a * 1.5 - b * 0.5, z * 1.5 - y * 0.5)
    else:
        first = apply("div", step, gaps)
        h, k = cut(gaps, 0, n - 2), cut(gaps, 1, n - 2)
        left, right = cut(first, 0, n - 2), cut(first, 1, n - 2)
        middle = (left * k + right * h) / (h + k)
        ends = (cut(first, 0, 1), cut(first, n - 2, 1))
        if order == 2:
            low = cut(h, 0, 1) / (cut(h, 0, 1) + cut(k, 0, 1))
            high = cut(k, n - 3, 1) / (cut(h, n - 3, 1) + cut(k, n - 3, 1))
            bend = (cut(right, 0, 1) - cut(left, 0, 1)) * low
            ends = (
                cut(left, 0, 1) - bend,
                cut(right, n - 3, 1) + (cut(right, n - 3, 1) - cut(left, n - 3, 1)) * high,
            )
    return apply("concatenate", ends[0], middle, ends[1], axis=axis)


def _neighbours(x: Tensor, axis: int) -> Tensor:
    n = x._kind.shape[axis]
    return apply("sub", shape.window(x, axis, 1, n - 1), shape.window(x, axis, 0, n - 1))


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along dim scaled down so that its p-norm is at most maxnorm."""
    ndim = len(input._kind.shape)
    axis = axis_of("renorm", dim, ndim)
    if ndim < 2 or p <= 0 or maxnorm < 0:
        raise ArgumentError(
            message("renorm", "this has no norm to hold",
                    f"{ndim} dimensions, p={p}, maxnorm={maxnorm}",
                    "2 dimensions or more, p above 0, maxnorm of 0 or more", "unsqueeze it")
        ).at(user_line())  # fmt: skip
    rest = tuple(i for i in range(ndim) if i != axis)
    length = reduce.norm(input, p, rest, True)
    over = apply("greater", length, maxnorm)
    scale = apply("div", maxnorm, apply("add", apply("where", over, length, 1.0), 1e-7))
    return apply("mul", input, apply("where", over, scale, 1.0))


METHODS: dict[str, Callable[..., Any]] = {
    "addbmm": addbmm, "addmv": addmv, "addr": addr, "corrcoef": corrcoef, "cov": cov,
    "cross": cross, "inner": inner, "kron": kron, "renorm": renorm, "vdot": vdot,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "cdist": cdist, "cumulative_trapezoid": cumulative_trapezoid, "gradient": gradient,
    "trapezoid": trapezoid, "trapz": trapezoid,
}  # fmt: skip
