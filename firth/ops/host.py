"""The family of host ops: NumPy computes them, from whole values to a whole value.

For what has no good kernel in loops over affine addresses, such as factorisations of matrices. The
`ref` of a host op is its implementation on every target that has NumPy at hand; the others refuse
it. Values go in and come out contiguous. Leading dimensions are batches, and those of several
sources broadcast, which is what vmap relies on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import FirthError, LinAlgError, message
from firth.ir.node import Shape
from firth.ir.op import HOST, TABLE, Op, declare
from firth.ir.text import attrs_from_text
from firth.ops.rules import LOOSE, cases, complex_of, no_gradient, real_of, round_to


def host(
    name: str,
    *,
    doc: str,
    shape: Callable[..., Shape],
    dtype: Callable[..., DType],
    ref: Callable[..., Any],
    vjp: Callable[..., Any],
    **fields: Any,
) -> Op:
    """Declares a host op. What NumPy cannot do it may say with NumPy's LinAlgError."""

    @wraps(ref)  # with the module's name, by which programs on disk know Firth's own ops
    def meaning(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        out = dtype(*[dt.from_numpy(a.dtype) for a in arrays], **attrs)
        try:
            with np.errstate(all="ignore"):
                whole = [np.asarray(a, order="C") for a in arrays]
                return round_to(ref(*whole, **attrs), out)
        except FirthError:
            raise
        except np.linalg.LinAlgError as error:
            raise LinAlgError(
                message(name, str(error).rstrip("."), _shapes(arrays),
                        "matrices that it has an answer for",
                        "look for NaN, infinities, and rows or columns that depend on others")
            ) from None  # fmt: skip

    return declare(
        name, family=HOST, doc=doc, shape=shape, dtype=dtype, ref=meaning, vjp=vjp,
        **{"tolerance": LOOSE, **fields},
    )  # fmt: skip


def _shapes(arrays: tuple[np.ndarray, ...]) -> str:
    return " and ".join(f"{a.dtype.name}{list(a.shape)}" for a in arrays)


# --- complex values -------------------------------------------------------------------------------


def _shape_of_pairs(*shapes: Shape, op: str, attrs: str, complexes: tuple[bool, ...]) -> Shape:
    whole = [s[:-1] if c else s for s, c in zip(shapes, complexes, strict=False)]
    found: Shape = TABLE[op].shape(*whole, **attrs_from_text(attrs))
    return (*found, 2) if complexes[-1] else found


def _dtype_of_pairs(*dtypes: DType, op: str, attrs: str, complexes: tuple[bool, ...]) -> DType:
    whole = [complex_of(d) if c else d for d, c in zip(dtypes, complexes, strict=False)]
    return real_of(TABLE[op].dtype(*whole, **attrs_from_text(attrs)))


def _on_pairs(*arrays: np.ndarray, op: str, attrs: str, complexes: tuple[bool, ...]) -> Any:
    rows = zip(arrays, complexes, strict=False)
    whole = [a.view(complex_of(dt.from_numpy(a.dtype)).np)[..., 0] if c else a for a, c in rows]
    found = TABLE[op].ref(*whole, **attrs_from_text(attrs))
    return np.stack([found.real, found.imag], -1) if complexes[-1] else found


on_pairs = host(
    "on_pairs", arity=None, attrs=("op", "attrs", "complexes"), shape=_shape_of_pairs,
    dtype=_dtype_of_pairs, ref=_on_pairs, vjp=no_gradient,
    doc="A host op on complex values as they lie in memory, parts along a last axis: x (..., 2), "
    "... -> (..., 2); complexes says which values are, the result last.",
    sample=cases(lambda make, rng, d: [
        (make(2, 3, 3, 2), {"op": "inv", "attrs": "check=True", "complexes": (True, True)}),
        (make(3, 3), {"op": "inv", "attrs": "check=True", "complexes": (False, False)}),
    ], (dt.float32, dt.float64), smooth=False),
)  # fmt: skip
