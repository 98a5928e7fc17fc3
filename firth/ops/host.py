"""The family of host ops: NumPy computes them, from whole values to a whole value.

For what has no good kernel in loops over affine addresses, such as factorisations of matrices. The
`ref` of a host op is its implementation on every target that has NumPy at hand; the others refuse
it. Values go in and come out contiguous, and a leading dimension of any number is a batch.
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
from firth.ir.op import HOST, Op, declare
from firth.ops.rules import LOOSE, round_to


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
