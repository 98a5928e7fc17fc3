"""Contractions: matrix products under torch's names, and einsum for what they don't cover."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

from firth.base.dtype import int64 as _INT64
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.op import TABLE
from firth.tensor.arithmetic import operator_method
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, apply_op, user_line

matmul = operator_method("matmul")
matmul.__name__ = "matmul"


def _ranked(name: str, *ranks: int) -> Callable[..., Tensor]:
    def method(self: Tensor, other: Tensor) -> Tensor:
        have = (self.ndim, other.ndim)
        if have != ranks:
            raise ShapeError(
                message(
                    name, "the numbers of dimensions don't fit",
                    f"{tuple(self.shape)} and {tuple(other.shape)}",
                    f"{ranks[0]} and {ranks[1]} dimensions", "use matmul (or @) to broadcast",
                )
            ).at(user_line())  # fmt: skip
        return matmul(self, other)

    method.__name__ = name
    method.__doc__ = f"The matrix product of tensors of {ranks[0]} and {ranks[1]} dimensions."
    return method


mm, bmm, mv, dot = _ranked("mm", 2, 2), _ranked("bmm", 3, 3), _ranked("mv", 2, 1), (
    _ranked("dot", 1, 1)
)  # fmt: skip


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2): (M, K), (K, N) -> (M, N)."""
    product = matmul(mat1, mat2)
    if alpha != 1:
        product = apply("mul", product, alpha)
    return apply("add", input if beta == 1 else apply("mul", input, beta), product)


def outer(self: Tensor, other: Tensor) -> Tensor:
    """Every product of two vectors' elements: (M), (N) -> (M, N)."""
    column = apply("reshape", self, shape=(*self._kind.shape, 1))
    return apply("mul", column, other)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein summation of tensors, two at a time: einsum('bij,bjk->bik', a, b).

    `...` stands for the dimensions that an operand has beyond its letters; extents of 1 broadcast.
    Raises ArgumentError for an equation that doesn't fit its operands.

    >>> from firth.tensor import ones
    >>> einsum("...i,ij->...j", ones(5, 4, 2), ones(2, 3)).shape
    Size([5, 4, 3])
    """
    nested = len(operands) == 1 and isinstance(operands[0], (list, tuple))
    tensors = list(operands[0]) if nested else list(operands)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = set(left) - set(",.")
        right = "".join(
            ["..."] * ("..." in left) + sorted(c for c in letters if left.count(c) == 1)
        )
    shapes = [tuple(t._kind.shape) for t in tensors]
    terms, right = _without_dots(terms, right, shapes)
    fits = len(terms) == len(tensors) and all(
        len(t) == len(shape) and t.isalpha() for t, shape in zip(terms, shapes) if t or shape
    )
    known = set().union(*terms)
    if not fits or not set(right) <= known or len(set(right)) < len(right):
        raise ArgumentError(
            message(
                "einsum", "the equation doesn't fit the operands", f"{equation!r} for {shapes}",
                "one letter per dimension of each operand, on the right each at most once",
                "write every dimension as a letter, or '...' for several",
            )
        ).at(user_line())  # fmt: skip
    if len({t._kind.dtype for t in tensors}) > 1:
        raise DTypeError(
            message("einsum", "operands of different dtypes",
                    ", ".join(t._kind.dtype.name for t in tensors), "one dtype", "cast with .to()")
        ).at(user_line())  # fmt: skip
    for k in range(len(tensors)):
        terms[k], tensors[k] = _without_ones(terms[k], tensors[k], terms, shapes)
    while len(tensors) > 1:
        a, b = terms[0], terms[1]
        later = set(right).union(*terms[2:])
        keep = "".join(c for c in dict.fromkeys(a + b) if c in later)
        tensors[:2] = [_pair(a, tensors[0], b, tensors[1], keep)]
        terms[:2] = [keep]
    return _single(terms[0], tensors[0], right)


def _without_dots(
    terms: list[str], right: str, shapes: list[tuple[int, ...]]
) -> tuple[list[str], str]:
    """The terms and the right side with letters that nobody uses in place of each `...`."""
    counts = [len(s) - len(t) + 3 for t, s in zip(terms, shapes) if "..." in t]
    if not counts or min(counts) < 0:
        return terms, right
    used = set(right).union(*terms)
    fresh = "".join(c for c in ascii_letters if c not in used)[: max(counts)]
    spelled = [
        t.replace("...", fresh[len(fresh) - (len(s) - len(t) + 3) :], 1)
        for t, s in zip(terms, shapes)
    ]
    return spelled + terms[len(spelled) :], right.replace("...", fresh, 1)


def _without_ones(
    term: str, x: Tensor, terms: list[str], shapes: list[tuple[int, ...]]
) -> tuple[str, Tensor]:
    """An operand without the extents of 1 that are longer in another operand: they broadcast."""
    shape = x._kind.shape
    if 1 not in shape:
        return term, x
    longest = dict.fromkeys(term, 1)
    for other, extents in zip(terms, shapes):
        for c, extent in zip(other, extents):
            if extent != 1 and c in longest:
                longest[c] = extent
    keep = [i for i, c in enumerate(term) if shape[i] == longest[c]]
    if len(keep) == len(term):
        return term, x
    return "".join(term[i] for i in keep), apply("reshape", x, shape=tuple(shape[i] for i in keep))


def _single(term: str, x: Tensor, right: str) -> Tensor:
    """One operand: diagonals taken, missing letters summed, the rest put in order."""
    term, x = _diagonal(term, x)
    gone = tuple(i for i, c in enumerate(term) if c not in right)
    if gone:
        x = apply("sum", x, axes=gone, keepdims=False)
        term = "".join(c for c in term if c in right)
    order = tuple(term.index(c) for c in right)
    return x if order == tuple(range(len(order))) else apply_op(TABLE["permute"], (x,), (order,))


def _diagonal(term: str, x: Tensor) -> tuple[str, Tensor]:
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            shape = x._kind.shape
            rest = [k for k in range(len(shape)) if k not in (i, j)]
            n = shape[i]
            moved = apply("permute", x, axes=(i, j, *rest))
            places = apply("iota", extent=n, dtype=_INT64)
            x = apply("gather", moved, places, places, axes=(0, 1))
            term = c + "".join(term[k] for k in rest)
    return term, x


def _pair(a: str, x: Tensor, b: str, y: Tensor, keep: str) -> Tensor:
    a, x = _diagonal(a, x)
    b, y = _diagonal(b, y)
    for letters, other, which in ((a, b, 0), (b, a, 1)):
        gone = tuple(i for i, c in enumerate(letters) if c not in other and c not in keep)
        if gone:
            summed = apply("sum", (x, y)[which], axes=gone, keepdims=False)
            rest = "".join(c for i, c in enumerate(letters) if i not in gone)
            if which == 0:
                a, x = rest, summed
            else:
                b, y = rest, summed
    numbers = {c: i for i, c in enumerate(dict.fromkeys(a + b))}
    return apply(
        "contract", x, y, a_labels=tuple(numbers[c] for c in a),
        b_labels=tuple(numbers[c] for c in b), out_labels=tuple(numbers[c] for c in keep),
    )  # fmt: skip


METHODS: dict[str, Callable[..., Any]] = {
    "matmul": matmul, "__matmul__": matmul, "mm": mm, "bmm": bmm, "mv": mv, "dot": dot,
    "__rmatmul__": operator_method("matmul", reverse=True), "outer": outer, "addmm": addmm,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "matmul": matmul, "mm": mm, "bmm": bmm, "mv": mv, "dot": dot, "inner": dot, "outer": outer,
    "addmm": addmm, "einsum": einsum,
}  # fmt: skip
