"""What elementwise ops share: what their sources are cast to, and how one is declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, message
from firth.ir.op import Expr, Op, declare
from firth.ops.pairs import by_parts
from firth.ops.rules import (
    TOLERANCE,
    Samples,
    admits_complex,
    broadcast_rule,
    float_of,
    no_complex,
    no_gradient,
    promote,
    real_of,
    round_to,
    same,
    widen,
    widened_lower,
    widened_vjp,
)

Operands = Callable[[str, Sequence[DType]], tuple[DType, ...]]
_OPERANDS: dict[str, Operands] = {}


def operand_dtypes(op: Op, src_dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """What each source of an elementwise op is cast to before it is computed.

    The op's result on those dtypes is then cast to the node's dtype, if that is another one.

    >>> from firth.ops import div
    >>> operand_dtypes(div, (dt.int32, dt.int64))
    (firth.float32, firth.float32)
    """
    return _OPERANDS.get(op.name, unchanged)(op.name, src_dtypes)


# --- operand rules --------------------------------------------------------------------------------


def unchanged(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Every source as it is."""
    return tuple(dtypes)


def promoted(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """All sources in the dtype they promote to."""
    try:
        return (promote(dtypes),) * len(dtypes)
    except DTypeError as error:  # say which op, not how it found out
        raise DTypeError(str(error).replace("promote:", f"{name}:", 1)) from None


def numbers(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for bool alone."""
    found = promoted(name, dtypes)
    if found[0].kind == "b":
        raise refuse(name, found[0], "a number", "cast first, e.g. x.to(firth.int64)")
    return found


def counted(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; bool is computed as uint8 and the result is a bool again, as in PyTorch."""
    found = promoted(name, dtypes)
    return (dt.uint8,) * len(found) if found[0].kind == "b" else found


def floating(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted to a float; float32 for integers and bool."""
    return (float_of(promoted(name, dtypes)[0]),) * len(dtypes)


def floats_only(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for integers and bool."""
    found = promoted(name, dtypes)
    if found[0].kind not in "fc":
        raise refuse(name, found[0], "a float", "integers are whole already: leave it out, or cast")
    return found


def integers(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for anything but integers."""
    found = promoted(name, dtypes)
    if not found[0].is_integer:
        raise refuse(name, found[0], "an integer dtype", "cast first, e.g. x.to(firth.int64)")
    return found


def bits(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for floats."""
    found = promoted(name, dtypes)
    if found[0].kind in "fc":
        raise refuse(name, found[0], "bool or integers", "compare first, e.g. x != 0")
    return found


def words(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """uint64 only."""
    for d in dtypes:
        if d is not dt.uint64:
            raise refuse(name, d, "uint64", "make the state with firth.Generator")
    return tuple(dtypes)


def chosen(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """A bool, then two sources that promote."""
    if dtypes[0].kind != "b":
        raise refuse(name, dtypes[0], "a bool condition", "compare first, e.g. c != 0")
    return (dt.bool_, *promoted(name, dtypes[1:]))


def truths(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Every source as bool: x != 0."""
    return (dt.bool_,) * len(dtypes)


def refuse(name: str, got: DType, expected: str, fix: str) -> DTypeError:
    """The error of an op that has no meaning for a dtype."""
    return DTypeError(message(name, "has no meaning for this dtype", got.name, expected, fix))


# --- the family -----------------------------------------------------------------------------------


def elementwise(
    name: str,
    ref: Callable[..., Any],
    *,
    doc: str,
    arity: int = 1,
    operands: Operands = numbers,
    to_bool: bool = False,
    to_real: bool = False,
    exact: bool = False,
    vjp: Callable[..., Any] = no_gradient,
    holomorphic: bool = True,
    lower: Callable[..., Expr] | None = None,
    sample: Samples,
    tolerance: dict[DType, float] | None = None,
    **fields: Any,
) -> Op:
    """Declares an op that works element by element.

    ref: on float64 arrays where the operands are floats, on their own dtype otherwise.
    operands: what the sources are cast to; complex ones are refused unless the samples have some.
    to_bool: the result is a bool, not the operands' dtype; to_real: what a complex one is made of.
    exact: ref and body work in the operands' own dtype, half types too.
    holomorphic: where complex, the function has a derivative, which the vjp rule is made of.
    """

    takes_complex = admits_complex(sample)

    def cast_to(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
        if not takes_complex:
            no_complex(name, dtypes)
        return operands(name, dtypes)

    def dtype_rule(*dtypes: DType, **_: Any) -> DType:
        return result(*dtypes)

    @cache
    def result(*dtypes: DType) -> DType:
        found = cast_to(name, dtypes)[-1]
        found = real_of(found) if to_real else found
        return dt.bool_ if to_bool or (found is not dt.bool_ and is_bool(dtypes)) else found

    def is_bool(dtypes: Sequence[DType]) -> bool:
        return operands is counted and all(d.kind == "b" for d in dtypes)

    def full_ref(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        dtypes = [dt.from_numpy(np.asarray(a).dtype) for a in arrays]
        out = dtype_rule(*dtypes)
        wanted = cast_to(name, dtypes)
        with np.errstate(all="ignore"):
            args = [round_to(a, d) for a, d in zip(arrays, wanted, strict=True)]
            args = args if exact else [widen(a) for a in args]
            return round_to(ref(*args, **attrs), out)

    if lower is not None and takes_complex:
        lower = by_parts(name, lower)
    _OPERANDS[name] = cast_to
    return declare(
        name, family="elementwise", arity=arity, doc=doc, broadcasts=True,
        shape=broadcast_rule(name) if arity > 1 else same, dtype=dtype_rule, ref=full_ref,
        vjp=widened_vjp(vjp, holomorphic),
        lower=lower if exact or lower is None else widened_lower(lower, dtype_rule),
        sample=sample, tolerance=TOLERANCE if tolerance is None else tolerance, **fields,
    )  # fmt: skip
