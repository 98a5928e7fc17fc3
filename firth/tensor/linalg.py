"""Linear algebra on tensors under torch.linalg's names: inverses, solving, products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, LinAlgError, ShapeError, message
from firth.tensor import contract, reduce, shape
from firth.tensor.composed import tensordot
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line


class InverseInfo(NamedTuple):
    """Inverses, and for each the number of the pivot that is zero (0: there is none)."""

    inverse: Tensor
    info: Tensor


class SolveInfo(NamedTuple):
    """Solutions, and for each the number of the pivot that is zero (0: there is none)."""

    result: Tensor
    info: Tensor


class SignLog(NamedTuple):
    """Sign and logarithm of the absolute value of determinants."""

    sign: Tensor
    logabsdet: Tensor


class LeastSquares(NamedTuple):
    """Solutions, sums of squared residuals, ranks and singular values."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class TriangularSolution(NamedTuple):
    """The solution and the matrix that was solved."""

    solution: Tensor
    cloned_coefficient: Tensor


def refuse(name: str, wrong: str, got: str, expected: str, fix: str) -> ArgumentError:
    """An error at the user's line, to be raised."""
    return ArgumentError(message(name, wrong, got, expected, fix)).at(user_line())


def mh(x: Tensor) -> Tensor:
    """The adjoint matrices: transposed and conjugated."""
    turned = shape.transpose(x, -1, -2)
    return apply("conj", turned) if x.dtype.is_complex else turned


def real(x: Tensor) -> Tensor:
    """The real part; x itself when it is real."""
    return apply("real", x) if x.dtype.is_complex else x


def real_dtype(dtype: dt.DType) -> dt.DType:
    """The dtype of absolute values."""
    return {dt.complex64: dt.float32, dt.complex128: dt.float64}.get(dtype, dtype)


def parts(packed: Tensor, *shapes: Sequence[int]) -> list[Tensor]:
    """What a host op packed end to end, by the shapes behind the batches."""
    start, out = 0, []
    for each in shapes:
        out.append(apply("unpack", packed, start=start, shape=tuple(each)))
        start += math.prod(each)
    return out


def eye_like(x: Tensor, n: int) -> Tensor:
    """The identity in x's dtype: (n, n)."""
    return apply("eye", rows=n, columns=n, dtype=x.dtype)


# --- inverses and determinants --------------------------------------------------------------------


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix: (..., n, n) -> (..., n, n); LinAlgError where there is none.

    >>> from firth.tensor import tensor
    >>> inv(tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply("inv", A)


def zero_pivot(A: Tensor) -> Tensor:
    """The number of the first pivot of LU that is zero, from 1; 0: none: (..., n, n) -> (...)."""
    n = A.shape[-1]
    found = apply("lu", A.detach())[..., : n * n : n + 1]
    numbers = apply("iota", extent=n, dtype=dt.int32) + 1
    first = apply("where", found == 0, numbers, n + 1)
    first = reduce.amin(first, -1) if n else first.sum(-1).to(dt.int32) + 1
    return apply("where", first > n, 0, first)


def check_info(name: str, info: Tensor, wrong: str) -> None:
    """LinAlgError when an info is not 0."""
    if bool((info != 0).any()):
        raise LinAlgError(
            message(name, wrong, f"info {info.tolist()}", "info 0 everywhere",
                    "look at the matrices whose info is not 0")
        ).at(user_line())  # fmt: skip


def inv_ex(A: Tensor, *, check_errors: bool = False) -> InverseInfo:
    """(inverse, info) of each matrix; NaN where there is no inverse, and no error."""
    found = InverseInfo(apply("inv", A, check=False), zero_pivot(A))
    if check_errors:
        check_info("inv_ex", found.info, "a matrix is singular")
    return found


def det(A: Tensor) -> Tensor:
    """The determinant of each matrix: (..., n, n) -> (...)."""
    return apply("det", A)


def slogdet(A: Tensor) -> SignLog:
    """(sign, logabsdet) of each determinant, safe from overflow: (..., n, n) -> (...)."""
    found = apply("slogdet", A)
    return SignLog(found[..., 0], real(found[..., 1]))


def logdet(A: Tensor) -> Tensor:
    """The logarithm of each determinant, NaN where it is negative: (..., n, n) -> (...)."""
    sign, logarithm = slogdet(A)
    return apply("log", sign) + logarithm


# --- solving --------------------------------------------------------------------------------------


def is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B holds one vector for each matrix, as torch.linalg.solve decides it."""
    return B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))


def _solve(A: Tensor, B: Tensor, left: bool, check: bool) -> Tensor:
    if is_vector(A, B):
        return apply("solve", A, B.unsqueeze(-1), check=check)[..., 0]
    if left:
        return apply("solve", A, B, check=check)
    return apply("solve", A.mT, B.mT, check=check).mT


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B (left) or X A = B: (..., n, n), (..., n, k) or (..., n) -> as B.

    LinAlgError where a matrix is singular.

    >>> from firth.tensor import tensor
    >>> solve(tensor([[2.0, 0.0], [0.0, 4.0]]), tensor([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    return _solve(A, B, left, True)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> SolveInfo:
    """(result, info) as `solve`; NaN where a matrix is singular, and no error."""
    found = SolveInfo(_solve(A, B, left, False), zero_pivot(A))
    if check_errors:
        check_info("solve_ex", found.info, "a matrix is singular")
    return found


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with tri(A) X = B (left) or X tri(A) = B, tri(A) one triangle of A, with ones on its
    diagonal where unitriangular says so: (..., n, n), (..., n, k) -> (..., n, k)."""
    if left:
        return apply("solve_triangular", A, B, upper=bool(upper), unit=bool(unitriangular))
    turned = apply("solve_triangular", A.mT, B.mT, upper=not upper, unit=bool(unitriangular))
    return turned.mT


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolution:
    """(solution, A): X with tri(A) X = b, or with its transpose."""
    matrix = A.mT if transpose else A
    found = solve_triangular(matrix, b, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularSolution(found, A.clone())


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> LeastSquares:
    """The X of least |A X - B|, of least norm where there are many: (..., m, n), (..., m, k) or
    (..., m) -> solution (..., n, k), residuals (..., k), rank (...), singular values.

    As in PyTorch, driver says which of the others are empty: residuals are there for m > n except
    with 'gelsy' (the default), ranks except with 'gels', singular values with 'gelsd' and 'gelss'.
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise refuse("lstsq", "no such driver", repr(driver), "gels, gelsy, gelsd or gelss",
                     "leave it out")  # fmt: skip
    if A.ndim < 2 or not B.ndim:
        raise ShapeError(
            message("lstsq", "not a matrix and its right sides", f"{A.shape} and {B.shape}",
                    "(..., m, n) and (..., m, k)", "reshape them")
        ).at(user_line())  # fmt: skip
    vector = is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    m, n = A.shape[-2:]
    limit = dt_eps(A.dtype) * max(m, n) if rcond is None else float(rcond)
    cut_off = 0.0 if driver == "gels" else None if rcond is None else limit
    found = apply("pinv", A, atol=0.0, rtol=cut_off) @ right
    empty = apply("full", shape=(0,), value=0, dtype=real_dtype(A.dtype))
    sizes = apply("svdvals", A.detach())
    rank = apply("full", shape=(0,), value=0, dtype=dt.int64)
    if driver != "gels":
        most = reduce.amax(sizes, -1, True) if min(m, n) else sizes.sum(-1, keepdim=True)
        rank = (sizes > most * limit).sum(-1)
    residuals = empty
    if m > n and driver in ("gels", "gelsd", "gelss"):
        gap = (A @ found - right).abs()
        residuals = (gap * gap).sum(-2)
    kept = sizes if driver in ("gelsd", "gelss") else empty
    solution = found[..., 0] if vector else found
    return LeastSquares(solution, residuals, rank, kept)


def dt_eps(dtype: dt.DType) -> float:
    """The distance from 1 to the next number of a dtype of matrices."""
    return 2.0**-23 if dtype in (dt.float32, dt.complex64) else 2.0**-52


def default_tolerance(name: str, A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(atol, rtol) with torch's defaults: rtol is eps * max(m, n) where no atol is given."""
    if rtol is None:
        absolute = isinstance(atol, Tensor) or bool(atol)
        rtol = 0.0 if absolute else dt_eps(A.dtype) * max(A.shape[-2:])
    return 0.0 if atol is None else atol, rtol


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """The pseudo-inverse of each matrix: (..., m, n) -> (..., n, m).

    Singular values up to max(atol, rtol * the largest) count as zero.
    """
    rtol = rcond if rtol is None else rtol
    if A.ndim < 2:
        return apply("pinv", A, atol=0.0, rtol=0.0)  # refused there
    if rtol is None and not isinstance(atol, Tensor) and not atol:
        return apply("pinv", A, atol=0.0, rtol=None, hermitian=bool(hermitian))
    atol, rtol = default_tolerance("pinv", A, atol, rtol)
    if not isinstance(atol, Tensor) and not isinstance(rtol, Tensor):
        return apply("pinv", A, atol=float(atol), rtol=float(rtol), hermitian=bool(hermitian))
    k = min(A.shape[-2:])
    packed = apply("svd", A, full=False)
    u, s, vh = parts(packed, (A.shape[-2], k), (k,), (k, A.shape[-1]))
    sizes = real(s)
    limit = tolerance(sizes, atol, rtol)
    kept = sizes > limit
    inverse = apply("where", kept, 1 / apply("where", kept, sizes, 1), 0)
    return (mh(vh) * inverse.unsqueeze(-2)) @ mh(u)


def tolerance(sizes: Tensor, atol: Any, rtol: Any) -> Tensor:
    """max(atol, rtol * the largest size), one for each matrix: sizes (..., k) -> (..., 1)."""
    absolute, relative = (
        t.unsqueeze(-1) if isinstance(t, Tensor) else float(t) for t in (atol, rtol)
    )
    most = reduce.amax(sizes, -1, True) if sizes.shape[-1] else sizes.sum(-1, keepdim=True)
    return apply("maximum", most * relative, absolute)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse of each matrix; singular values up to rcond * the largest count as 0."""
    return pinv(input, rcond)


# --- functions and products of matrices -----------------------------------------------------------


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of each matrix: (..., n, n) -> (..., n, n)."""
    return apply("matrix_exp", A)


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The product of n copies of each matrix, of its inverse where n < 0: (..., m, m)."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(
            message("matrix_power", "not square matrices", str(tuple(A.shape)), "(..., m, m)",
                    "check the shape")
        ).at(user_line())  # fmt: skip
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        return apply("expand", _lead(eye_like(A, A.shape[-1]), A.ndim), shape=tuple(A.shape))
    found = None
    while n:
        if n & 1:
            found = A if found is None else found @ A
        n >>= 1
        A = A @ A if n else A
    return found.clone() if found is A else found


def _lead(x: Tensor, ndim: int) -> Tensor:
    return x.reshape(*(1,) * (ndim - x.ndim), *x.shape)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices, in the order of fewest multiplications; the first and the last may
    be vectors."""
    if len(tensors) < 2:
        raise refuse("multi_dot", "a product needs two matrices", f"{len(tensors)}",
                     "two tensors or more", "pass a list of tensors")  # fmt: skip
    chain = list(tensors)
    middle = chain[1:-1]
    if any(t.ndim not in (1, 2) for t in (chain[0], chain[-1])) or any(t.ndim != 2 for t in middle):
        raise ShapeError(
            message("multi_dot", "not a chain of matrices", f"{[tuple(t.shape) for t in chain]}",
                    "matrices, vectors at the ends", "use matmul for batches")
        ).at(user_line())  # fmt: skip
    first, last = chain[0].ndim == 1, chain[-1].ndim == 1
    if first:
        chain[0] = chain[0].unsqueeze(0)
    if last:
        chain[-1] = chain[-1].unsqueeze(1)
    found = _chain(chain, _cuts([t.shape[0] for t in chain] + [chain[-1].shape[1]]), 0, len(chain))
    kept = [n for n, gone in zip(found.shape, (first, last), strict=True) if not gone]
    return found if not first and not last else found.reshape(*kept)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, in the order of fewest multiplications."""
    return matrices[0].clone() if len(matrices) == 1 else multi_dot(matrices)


def _cuts(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where each part of a chain is cut in two."""
    n = len(sizes) - 1
    cost = {(i, i + 1): 0 for i in range(n)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            options = [
                (cost[i, k] + cost[k, j] + sizes[i] * sizes[k] * sizes[j], k)
                for k in range(i + 1, j)
            ]
            cost[i, j], cuts[i, j] = min(options)
    return cuts


def _chain(chain: list[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if j - i == 1:
        return chain[i]
    return contract.matmul(_chain(chain, cuts, i, cuts[i, j]), _chain(chain, cuts, cuts[i, j], j))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Sums of products along a dim, the first conjugated; other dims broadcast."""
    left = apply("conj", x) if x.dtype.is_complex else x
    product = left * y
    return product.sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of the last two dims."""
    return A.diagonal(offset, dim1, dim2)


def matrix_transpose(A: Tensor) -> Tensor:
    """The last two dims swapped."""
    return A.mT


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dim of extent 3; other dims broadcast."""
    return input.cross(other, dim=dim)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers 0 to N - 1 of each element: (..., n) -> (..., n, N), N is n when left out."""
    x = x if x.ndim else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if N is not None and count < 1:
        raise refuse("vander", "no powers are asked for", f"N={N}", "1 or more", "leave N out")
    ones = apply("full", shape=(*x.shape, 1), value=1, dtype=x.dtype)
    if count < 2:
        return ones[..., :count]
    wide = x.unsqueeze(-1).expand(*x.shape, count - 1)
    return shape.cat([ones, wide.cumprod(-1)], -1)


def trace(self: Tensor) -> Tensor:
    """The sum of the diagonal: (m, n) -> ()."""
    if self.ndim != 2:
        raise ShapeError(
            message("trace", "not a matrix", f"{self.ndim} dimensions", "(m, n)",
                    "use diagonal(dim1, dim2).sum(-1) for batches")
        ).at(user_line())  # fmt: skip
    return self.diagonal().sum()


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse for tensordot over the first `ind` dims."""
    if ind <= 0:
        raise refuse("tensorinv", "ind must be positive", str(ind), "1 or more", "leave it out")
    front, back = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    rows, columns = math.prod(front), math.prod(back)
    if rows != columns:
        raise ShapeError(
            message("tensorinv", "the first dims and the rest differ in size", f"{A.shape}",
                    "equal products of extents", "choose another ind")
        ).at(user_line())  # fmt: skip
    return inv(A.reshape(rows, columns)).reshape(*back, *front)


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; dims of A are moved to the end first."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rest = tuple(A.shape[B.ndim :])
    n = B.numel()
    if math.prod(rest) != n or A.numel() != n * n:
        raise ShapeError(
            message("tensorsolve", "the tensors do not fit", f"{A.shape} and {B.shape}",
                    "A of B's elements, twice", "check dims")
        ).at(user_line())  # fmt: skip
    return solve(A.reshape(n, n), B.reshape(n)).reshape(*rest)


METHODS: dict[str, Callable[..., Any]] = {
    "det": det, "inverse": inv, "logdet": logdet, "matrix_exp": matrix_exp,
    "matrix_power": matrix_power, "pinverse": pinverse, "slogdet": slogdet, "trace": trace,
    "triangular_solve": triangular_solve,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {**METHODS, "chain_matmul": chain_matmul}

# What only firth.linalg shows.
LINALG: dict[str, Callable[..., Any]] = {
    "cross": cross, "det": det, "diagonal": diagonal, "inv": inv, "inv_ex": inv_ex,
    "lstsq": lstsq, "matmul": contract.matmul, "matrix_exp": matrix_exp,
    "matrix_power": matrix_power, "matrix_transpose": matrix_transpose, "multi_dot": multi_dot,
    "outer": contract.outer, "pinv": pinv, "slogdet": slogdet, "solve": solve,
    "solve_ex": solve_ex, "solve_triangular": solve_triangular, "tensordot": tensordot,
    "tensorinv": tensorinv, "tensorsolve": tensorsolve, "trace": trace, "vander": vander,
    "vecdot": vecdot,
}  # fmt: skip
