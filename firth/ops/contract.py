"""Contractions: one base op, einsum of two sources; matmul and linear lower to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, declare
from firth.ops.movement import expand
from firth.ops.rules import (
    ANY_NUMBER,
    LOOSE,
    broadcast,
    cases,
    cast,
    composed,
    promote,
    reshape,
    round_to,
    widen,
    widened_vjp,
)

Labels = tuple[int, ...]


def _extents(a: Shape, b: Shape, a_labels: Labels, b_labels: Labels) -> dict[int, int]:
    extents: dict[int, int] = {}
    for shape, labels in ((a, a_labels), (b, b_labels)):
        if len(shape) != len(labels) or len(set(labels)) != len(labels):
            raise ArgumentError(
                message("contract", "labels do not fit the source", f"{labels} for shape {shape}",
                        "one label per dimension, none twice", "check the labels")
            )  # fmt: skip
        for label, n in zip(labels, shape, strict=True):
            if extents.setdefault(label, n) != n:
                raise ShapeError(
                    message("contract", f"extents of label {label} differ", f"{a} and {b}",
                            f"{extents[label]} in both", "transpose one, or check the sizes")
                )  # fmt: skip
    return extents


def _contract_shape(
    a: Shape, b: Shape, a_labels: Labels, b_labels: Labels, out_labels: Labels
) -> Shape:
    extents = _extents(a, b, a_labels, b_labels)
    if len(set(out_labels)) != len(out_labels) or any(x not in extents for x in out_labels):
        raise ArgumentError(
            message("contract", "a label of the result is in neither source or twice",
                    str(out_labels), f"some of {sorted(extents)}", "check the labels")
        )  # fmt: skip
    return tuple(extents[x] for x in out_labels)


def product_dtype(name: str, *dtypes: DType) -> DType:
    """What sums of products of the sources have: they promote; bool is refused."""
    found = promote(dtypes)
    if found.kind == "b":
        raise DTypeError(
            message(name, "bool has no sums of products", "bool", "a number", "cast one first")
        )
    return found


def _contract_ref(
    a: np.ndarray, b: np.ndarray, a_labels: Labels, b_labels: Labels, out_labels: Labels
) -> np.ndarray:
    dtype = product_dtype("contract", *[dt.from_numpy(np.asarray(x).dtype) for x in (a, b)])
    wide_a, wide_b = widen(round_to(a, dtype)), widen(round_to(b, dtype))
    names = {x: i for i, x in enumerate(sorted({*a_labels, *b_labels}))}
    rows = [[names[x] for x in labels] for labels in (a_labels, b_labels, out_labels)]
    with np.errstate(all="ignore"):
        found = np.einsum(wide_a, rows[0], wide_b, rows[1], rows[2], optimize=dtype.kind in "fc")
        return round_to(found, dtype)


def _side_vjp(
    g: Expr, other: Expr, x: Expr, out_labels: Labels, other_labels: Labels, labels: Labels
) -> Expr:
    """g and the other source contracted to x; labels that only x had are repeated."""
    found = tuple(t for t in labels if t in out_labels or t in other_labels)
    grad = contract(g, other, a_labels=out_labels, b_labels=other_labels, out_labels=found)
    if found == labels:
        return grad
    kept = tuple(n if t in found else 1 for t, n in zip(labels, x.shape, strict=True))
    return expand(reshape(grad, kept), shape=x.shape)


def _contract_vjp(
    g: Expr, y: Expr, a: Expr, b: Expr, a_labels: Labels, b_labels: Labels, out_labels: Labels
) -> tuple[Expr, Expr]:
    a, b = cast(a, g.dtype), cast(b, g.dtype)
    return (
        _side_vjp(g, b, a, out_labels, b_labels, a_labels),
        _side_vjp(g, a, b, out_labels, a_labels, b_labels),
    )


def _labelled(a: Any, b: Any, rows: str) -> tuple[Any, ...]:
    left, right, out = ([ord(c) for c in row] for row in rows.split(","))
    return a, b, {"a_labels": tuple(left), "b_labels": tuple(right), "out_labels": tuple(out)}


contract = declare(
    "contract", family="contraction", arity=2, attrs=("a_labels", "b_labels", "out_labels"),
    doc="Einstein summation of two sources: dimensions with one label have one extent, labels "
    "missing from the result are summed: a (labels), b (labels) -> (out labels).",
    shape=_contract_shape, dtype=lambda a, b, **_: product_dtype("contract", a, b),
    ref=_contract_ref, vjp=widened_vjp(_contract_vjp), tolerance=LOOSE,
    sample=cases(lambda make, rng, d: [
        _labelled(make(3, 4), make(4, 5), "mk,kn,mn"),
        _labelled(make(2, 3, 4), make(5, 4), "bmk,nk,bnm"),
        _labelled(make(3, 2), make(3, 4), "ax,ab,b"),
        _labelled(make(0, 4), make(4, 2), "mk,kn,mn"),
        _labelled(make(2, 0), make(0, 3), "mk,kn,mn"),
        _labelled(make(), make(3), ",a,a"),
    ], ANY_NUMBER),
)  # fmt: skip


# --- matmul ---------------------------------------------------------------------------------------


def _matmul_shape(a: Shape, b: Shape) -> Shape:
    if not a or not b:
        raise ShapeError(
            message("matmul", "a number has no matrix product", f"{a} and {b}",
                    "at least one dimension each", "use * instead")
        )  # fmt: skip
    rows, inner = (a[-2:-1], a[-1])
    other, columns = (b[-2], b[-1:]) if len(b) > 1 else (b[0], ())
    if inner != other:
        raise ShapeError(
            message("matmul", f"inner dimensions differ ({inner} against {other})", f"{a} and {b}",
                    "the last of the first equal to the last but one of the second",
                    "transpose one, e.g. x @ w.T")
        )  # fmt: skip
    return (*broadcast("matmul", a[:-2], b[:-2]), *rows, *columns)


def _matmul_lower(a: Expr, b: Expr) -> Expr:
    """Batch dimensions of 1 are dropped from a source, not expanded."""
    shape = _matmul_shape(a.shape, b.shape)
    batch = broadcast("matmul", a.shape[:-2], b.shape[:-2])
    row, column, inner = len(batch), len(batch) + 1, len(batch) + 2
    sides = []
    for x, own in ((a, (row, inner) if a.ndim > 1 else (inner,)),
                   (b, (inner, column) if b.ndim > 1 else (inner,))):  # fmt: skip
        lead = x.shape[:-2]
        first = len(batch) - len(lead)
        kept = [i for i, n in enumerate(lead) if n == batch[first + i]]
        labels = (*(first + i for i in kept), *own)
        sides.append((reshape(x, (*(lead[i] for i in kept), *x.shape[-len(own) :])), labels))
    (left, left_labels), (right, right_labels) = sides
    out = tuple(range(len(batch)))
    out += (row,) if a.ndim > 1 else ()
    out += (column,) if b.ndim > 1 else ()
    found = contract(left, right, a_labels=left_labels, b_labels=right_labels, out_labels=out)
    return reshape(found, shape)


def _matmul_ref(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.matmul(a, b))


matmul = composed(
    "matmul", family="contraction", arity=2,
    doc="The matrix product, batches broadcast, one dimension is a vector: "
    "a (..., M, K), b (..., K, N) -> (..., M, N).",
    shape=_matmul_shape, dtype=lambda a, b: product_dtype("matmul", a, b),
    ref=_matmul_ref, lower=_matmul_lower,
    sample=cases(lambda make, rng, d: [
        (make(3, 4), make(4, 5), {}), (make(2, 1, 3, 4), make(5, 4, 2), {}),
        (make(4), make(4), {}), (make(4), make(2, 4, 3), {}), (make(2, 3, 4), make(4), {}),
        (make(0, 4), make(4, 2), {}), (make(2, 0), make(0, 3), {}),
    ], ANY_NUMBER),
)  # fmt: skip


def _linear_shape(x: Shape, weight: Shape, *bias: Shape) -> Shape:
    if not x or len(weight) != 2 or x[-1] != weight[1]:
        raise ShapeError(
            message("linear", f"{x[-1] if x else 'no'} features do not fit the weight",
                    f"x {x} and weight {weight}",
                    f"x (..., {weight[-1] if weight else '?'})",
                    f"make the layer with in_features={x[-1] if x else '?'}, or flatten x first")
        )  # fmt: skip
    if bias and bias[0] != weight[:1]:
        raise ShapeError(
            message("linear", "the bias does not fit the weight", f"{bias[0]} and {weight}",
                    f"bias {weight[:1]}", "give one number per output feature")
        )  # fmt: skip
    return (*x[:-1], weight[0])


def _linear_lower(x: Expr, weight: Expr, *bias: Expr) -> Expr:
    n = x.ndim
    found = contract(
        x, weight, a_labels=tuple(range(n)), b_labels=(n, n - 1), out_labels=(*range(n - 1), n)
    )
    return found + bias[0] if bias else found


def _linear_ref(x: np.ndarray, weight: np.ndarray, *bias: np.ndarray) -> np.ndarray:
    found = np.matmul(x, weight.T)
    return np.asarray(found + bias[0] if bias else found)


def _linear_dtype(*dtypes: DType) -> DType:
    return product_dtype("linear", *dtypes)


linear = composed(
    "linear", family="contraction", arity=None,
    doc="x times the transposed weight, plus a bias if given: "
    "x (..., I), weight (O, I), bias (O) -> (..., O).",
    shape=_linear_shape, dtype=_linear_dtype, ref=_linear_ref, lower=_linear_lower,
    sample=cases(lambda make, rng, d: [
        (make(3, 4), make(5, 4), make(5), {}), (make(2, 3, 4), make(5, 4), {}),
        (make(4), make(2, 4), make(2), {}), (make(0, 4), make(2, 4), make(2), {}),
    ], ANY_NUMBER),
)  # fmt: skip
