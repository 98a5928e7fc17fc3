"""What matrices in both layouts share: index tensors that never change beside a tensor of values.

Everything is ordinary gathers and scatters over the values, so gradients, jit and every target
need nothing more. What depends on the indices' values (coalescing, the places of a product of two
sparse matrices) runs at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Self

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor import Size, Tensor, zeros
from firth.tensor.record import apply

if TYPE_CHECKING:
    from firth.sparse.coo import SparseCOO
    from firth.sparse.csr import SparseCSR

NUMBERS = (int, float, complex)
# Functions of the values alone: those with f(0) = 0.
ZERO_KEEPING = (
    "abs", "neg", "sqrt", "square", "sign", "sin", "tan", "asin", "atan", "sinh", "tanh", "asinh",
    "atanh", "expm1", "log1p", "floor", "ceil", "trunc", "round", "relu", "erf", "deg2rad",
    "rad2deg",
)  # fmt: skip


class SparseTensor(ABC):
    """A tensor that stores only some elements; made by sparse_coo_tensor and sparse_csr_tensor."""

    __slots__ = ("__weakref__", "_values", "shape")
    layout = ""

    shape: Size
    _values: Tensor

    # --- what a layout says ----------------------------------------------------------------------

    @abstractmethod
    def _places(self) -> tuple[Tensor, ...]:
        """One index (nnz) for each sparse dimension."""

    @abstractmethod
    def _with(self, values: Tensor) -> Self:
        """The same places with other values."""

    @abstractmethod
    def _same_places(self, other: SparseTensor) -> bool:
        """Whether another one has the very same index tensors."""

    @abstractmethod
    def _back(self, found: SparseCOO) -> Self:
        """A result in this layout."""

    @abstractmethod
    def to_sparse_coo(self) -> SparseCOO:
        """The same matrix in the COO layout."""

    @abstractmethod
    def to_sparse_csr(self) -> SparseCSR:
        """The same matrix in the CSR layout."""

    @abstractmethod
    def coalesce(self) -> Self:
        """Each place once, in order; values at equal places are added."""

    @abstractmethod
    def transpose(self, dim0: int, dim1: int) -> Self:
        """Two dimensions swapped."""

    @abstractmethod
    def __firth_parts__(self) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """The tensors, and what else `__firth_made__` needs to make it of them."""

    # --- what it is ------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    @property
    def device(self) -> Any:
        """Where it lives: the CPU."""
        return self._values.device

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are recorded for the values."""
        return self._values.requires_grad

    @property
    def is_leaf(self) -> bool:
        """Whether the values were made by the user, not computed."""
        return self._values.is_leaf

    @property
    def grad(self) -> Self | None:
        """The gradient of the values at the same places, or None."""
        found = self._values.grad
        return None if found is None else self._with(found)

    @grad.setter
    def grad(self, value: SparseTensor | None) -> None:
        self._values.grad = None if value is None else value._values

    @property
    def T(self) -> Self:
        """The transposed matrix."""
        return self.t()

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the extent of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def numel(self) -> int:
        """How many elements the dense tensor would have."""
        return prod(self.shape)

    def _nnz(self) -> int:
        """How many elements are stored."""
        return self._values.shape[0]

    def sparse_dim(self) -> int:
        """How many dimensions are sparse."""
        return len(self.shape) - self.dense_dim()

    def dense_dim(self) -> int:
        """How many dimensions each stored value has."""
        return len(self._values.shape) - 1

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise ArgumentError(
            message("bool", "a sparse tensor is neither true nor false", str(tuple(self.shape)),
                    "one number", "use .to_dense()")
        )  # fmt: skip

    # --- the same places, other values -----------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Asks for gradients of the values."""
        self._values.requires_grad_(requires_grad)
        return self

    def detach(self) -> Self:
        """The same matrix without its gradient."""
        return self._with(self._values.detach())

    def clone(self) -> Self:
        """A copy of the values at the same places."""
        return self._with(self._values.clone())

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The values in another dtype."""
        return self._with(self._values.to(*args, **kwargs))

    def float(self) -> Self:
        """The values in float32."""
        return self.to(dt.float32)

    def double(self) -> Self:
        """The values in float64."""
        return self.to(dt.float64)

    def __neg__(self) -> Self:
        return self._with(-self._values)

    def __abs__(self) -> Self:
        return self.coalesce()._with(self.coalesce()._values.abs())

    def __mul__(self, other: Any) -> Self:
        return self._times(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        if isinstance(other, NUMBERS) or isinstance(other, Tensor) and other.ndim == 0:
            return self._with(self._values / other)
        raise _refused("div", other, "a number", "divide by numbers only, or use .to_dense()")

    def __pow__(self, exponent: float) -> Self:
        if not isinstance(exponent, (int, float)) or exponent <= 0:
            raise _refused("pow", exponent, "a number above 0: then 0 stays 0", "use .to_dense()")
        whole = self.coalesce()
        return whole._with(whole._values**exponent)

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return (-self)._plus(other, 1)

    def __matmul__(self, other: Any) -> Any:
        return self.matmul(other)

    def __rmatmul__(self, other: Any) -> Tensor:
        if not isinstance(other, Tensor):
            raise _refused("matmul", other, "a tensor", "convert it, e.g. firth.tensor(value)")
        if other.ndim == 1:
            return self.t().matmul(other)
        return self.t().matmul(other.mT).mT

    def __firth_binary__(self, name: str, a: Any, b: Any) -> Any:
        """What functions of tensors (firth.matmul, `dense @ sparse`) do with a sparse one."""
        name = _DUNDER.get(name, name)
        swapped = a is not self
        method = getattr(self, f"__r{name}__" if swapped else f"__{name}__", None)
        if method is None:
            raise _refused(name, self, "dense tensors", "use .to_dense()")
        return method(a if swapped else b)

    def _times(self, other: Any) -> Self:
        if isinstance(other, NUMBERS) or isinstance(other, Tensor) and other.ndim == 0:
            return self._with(self._values * other)
        if isinstance(other, Tensor):
            self._check_flat("mul")
            wide = other.expand(*self.shape)
            there = apply("gather", wide, *self._places(), axes=tuple(range(self.ndim)))
            return self._with(self._values * there)
        if not isinstance(other, SparseTensor):
            raise _refused("mul", other, "a number or a tensor", "convert it")
        self._check_shape("mul", other)
        if self._same_places(other) and self.is_coalesced():
            return self._with(self._values * other._values)
        return self._back(self.to_sparse_coo()._common(other.to_sparse_coo()))

    def _plus(self, other: Any, sign: int) -> Any:
        if isinstance(other, Tensor):  # dense + sparse is dense
            return self.to_dense() + other * sign
        if not isinstance(other, SparseTensor):
            raise _refused("add", other, "a tensor", "0 would not stay 0: use .to_dense()")
        self._check_shape("add", other)
        more = other._values if sign == 1 else -other._values
        if self._same_places(other):
            return self._with(self._values + more)
        return self._back(self.to_sparse_coo()._joined(other.to_sparse_coo()._with(more)))

    # --- results ---------------------------------------------------------------------------------

    def is_coalesced(self) -> bool:
        """Whether each place is known to be there once, in order."""
        return True

    def to_dense(self) -> Tensor:
        """The dense tensor: 0 where nothing is stored, the sum where a place is there twice."""
        empty = zeros(*self.shape, dtype=self.dtype)
        places = self._places()
        return apply("scatter", empty, self._values, *places, axes=tuple(range(len(places))),
                     mode="add")  # fmt: skip

    def to_sparse(self, *, layout: Any = None) -> SparseTensor:
        """The matrix in the COO layout, or in the one named."""
        return self.to_sparse_csr() if "csr" in str(layout) else self.to_sparse_coo()

    def matmul(self, other: Any) -> Any:
        """The product: (M, K) @ (K), (K, N), (..., K, N), or a sparse (K, N), which gives a sparse.

        Raises ShapeError and DTypeError for operands that do not fit.
        """
        self._check_flat("matmul", 2)
        if not isinstance(other, (Tensor, SparseTensor)):
            raise _refused("matmul", other, "a tensor", "convert it, e.g. firth.tensor(value)")
        inner = other.shape[max(other.ndim - 2, 0)] if other.ndim else None
        if inner != self.shape[1]:
            raise ShapeError(
                message("matmul", "inner dimensions differ",
                        f"{tuple(self.shape)} and {tuple(other.shape)}",
                        f"{self.shape[1]} rows in the second", "transpose one of them")
            )  # fmt: skip
        if other.dtype is not self.dtype:
            raise DTypeError(
                message("matmul", "the dtypes differ", f"{self.dtype.name} and {other.dtype.name}",
                        "one dtype", "cast one of them with .to()")
            )  # fmt: skip
        if isinstance(other, SparseTensor):
            other._check_flat("matmul", 2)
            return self._back(self.to_sparse_coo()._product(other.to_sparse_coo()))
        return self._dense_product(other)

    def _dense_product(self, other: Tensor) -> Tensor:
        rows, columns = self._places()
        axis = max(other.ndim - 2, 0)
        found = apply("gather", other, columns, axes=(axis,))  # (nnz, ..., N)
        scaled = self._values.reshape(-1, *[1] * (other.ndim - 1)) * found
        shape = (*other.shape[:axis], self.shape[0], *other.shape[axis + 1 :])
        empty = zeros(*shape, dtype=self.dtype)
        return apply("scatter", empty, scaled, rows, axes=(axis,), mode="add")

    def mm(self, other: Any) -> Any:
        """The product with a matrix: (M, K), (K, N) -> (M, N)."""
        if other.ndim != 2:
            raise ShapeError(
                message("mm", "not a matrix", str(tuple(other.shape)), "2 dimensions", "use @")
            )
        return self.matmul(other)

    def mv(self, other: Tensor) -> Tensor:
        """The product with a vector: (M, K), (K) -> (M)."""
        if other.ndim != 1:
            raise ShapeError(
                message("mv", "not a vector", str(tuple(other.shape)), "1 dimension", "use @")
            )
        found: Tensor = self.matmul(other)
        return found

    def sum(self, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Any:
        """The sum of all elements, or over dims: sparse as long as a sparse dimension is left."""
        source = self if dtype is None else self.to(dtype)
        if dim is None:
            return source._values.sum()
        return source.to_sparse_coo()._sum(dim, keepdim)

    def norm(self, p: float = 2.0) -> Tensor:
        """The p-norm of all elements."""
        return self.coalesce()._values.norm(p)

    def t(self) -> Self:
        """The transposed matrix: (M, N) -> (N, M)."""
        if self.ndim != 2:
            raise ShapeError(
                message("t", "not a matrix", str(tuple(self.shape)), "2 dimensions",
                        "use transpose(dim0, dim1)")
            )  # fmt: skip
        return self.transpose(0, 1)

    # --- checks ----------------------------------------------------------------------------------

    def _check_flat(self, op: str, ndim: int | None = None) -> None:
        if self.dense_dim() or ndim not in (None, self.ndim):
            raise ShapeError(
                message(op, "not for these dimensions",
                        f"{self.sparse_dim()} sparse and {self.dense_dim()} dense ones",
                        f"{ndim or 'only'} sparse ones", "use .to_dense()")
            )  # fmt: skip

    def _check_shape(self, op: str, other: SparseTensor) -> None:
        if self.shape != other.shape:
            raise ShapeError(
                message(op, "the shapes of sparse tensors differ",
                        f"{tuple(self.shape)} and {tuple(other.shape)}", "equal shapes",
                        "sparse tensors do not broadcast")
            )  # fmt: skip

    def _text(self, indices: Sequence[tuple[str, Tensor]]) -> str:
        parts = [f"{name}={value!r}" for name, value in (*indices, ("values", self._values))]
        tail = f"size={tuple(self.shape)}, nnz={self._nnz()}, layout={self.layout}"
        return f"tensor({', '.join(parts)}, {tail})"


_DUNDER = {"div": "truediv"}


def _refused(op: str, value: Any, expected: str, fix: str) -> DTypeError:
    return DTypeError(
        message(op, "not an operand of a sparse tensor", type(value).__name__, expected, fix)
    )


def _of_values(name: str) -> Callable[[SparseTensor], SparseTensor]:
    def method(self: SparseTensor) -> SparseTensor:
        whole = self.coalesce()
        return whole._with(getattr(whole._values, name)())

    method.__name__ = name
    method.__doc__ = f"{name} of every element; 0 stays 0."
    return method


for _name in ZERO_KEEPING:
    setattr(SparseTensor, _name, _of_values(_name))
