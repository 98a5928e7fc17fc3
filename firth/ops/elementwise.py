"""Elementwise base ops: sources broadcast and promote by themselves until the `lower` pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DivisionByZero, DTypeError, message
from firth.ir.op import Expr, Op, declare
from firth.ops.rules import (
    EVERY,
    FLOATS,
    INTS,
    NUMBERS,
    TOLERANCE,
    Samples,
    broadcast_rule,
    float_of,
    no_complex,
    no_gradient,
    promote,
    round_to,
    same,
    uniform,
    widen,
    widened_lower,
    widened_vjp,
    zeros_like,
)

Operands = Callable[[str, Sequence[DType]], tuple[DType, ...]]
_OPERANDS: dict[str, Operands] = {}


def operand_dtypes(op: Op, src_dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """What each source of an elementwise op is cast to before it is computed.

    The op's result on those dtypes is then cast to the node's dtype, if that is another one.

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
    no_complex(name, dtypes)
    try:
        return (promote(dtypes),) * len(dtypes)
    except DTypeError as error:  # say which op, not how it found out
        raise DTypeError(str(error).replace("promote:", f"{name}:", 1)) from None


def numbers(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for bool alone."""
    found = promoted(name, dtypes)
    if found[0].kind == "b":
        raise _refuse(name, found[0], "a number", "cast first, e.g. x.to(firth.int64)")
    return found


def counted(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; bool is computed as uint8 and the result is a bool again, as in PyTorch."""
    found = promoted(name, dtypes)
    return (dt.uint8,) * len(found) if found[0].kind == "b" else found


def floating(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted to a float; float32 for integers and bool."""
    return (float_of(promoted(name, dtypes)[0]),) * len(dtypes)


def floats_only(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for anything but floats."""
    found = promoted(name, dtypes)
    if found[0].kind != "f":
        raise _refuse(
            name, found[0], "a float", "integers are whole already: leave it out, or cast"
        )
    return found


def integers(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for anything but integers."""
    found = promoted(name, dtypes)
    if not found[0].is_integer:
        raise _refuse(name, found[0], "an integer dtype", "cast first, e.g. x.to(firth.int64)")
    return found


def bits(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Promoted; DTypeError for floats."""
    found = promoted(name, dtypes)
    if found[0].kind == "f":
        raise _refuse(name, found[0], "bool or integers", "compare first, e.g. x != 0")
    return found


def words(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """uint64 only."""
    for d in dtypes:
        if d is not dt.uint64:
            raise _refuse(name, d, "uint64", "make the state with firth.Generator")
    return tuple(dtypes)


def chosen(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """A bool, then two sources that promote."""
    if dtypes[0].kind != "b":
        raise _refuse(name, dtypes[0], "a bool condition", "compare first, e.g. c != 0")
    return (dt.bool_, *promoted(name, dtypes[1:]))


def truths(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    """Every source as bool: x != 0."""
    no_complex(name, dtypes)
    return (dt.bool_,) * len(dtypes)


def _refuse(name: str, got: DType, expected: str, fix: str) -> DTypeError:
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
    exact: bool = False,
    vjp: Callable[..., Any] = no_gradient,
    lower: Callable[..., Expr] | None = None,
    sample: Samples,
    tolerance: dict[DType, float] | None = None,
    **fields: Any,
) -> Op:
    """Declares an op that works element by element.

    ref: on float64 arrays where the operands are floats, on their own dtype otherwise.
    operands: what the sources are cast to. to_bool: the result is a bool, not the operands' dtype.
    exact: ref and body work in the operands' own dtype, half types too.
    """

    def dtype_rule(*dtypes: DType, **_: Any) -> DType:
        found = operands(name, dtypes)[-1]
        return dt.bool_ if to_bool or (found is not dt.bool_ and is_bool(dtypes)) else found

    def is_bool(dtypes: Sequence[DType]) -> bool:
        return operands is counted and all(d.kind == "b" for d in dtypes)

    def full_ref(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        dtypes = [dt.from_numpy(np.asarray(a).dtype) for a in arrays]
        out = dtype_rule(*dtypes)
        cast_to = operands(name, dtypes)
        with np.errstate(all="ignore"):
            args = [round_to(a, d) for a, d in zip(arrays, cast_to, strict=True)]
            args = args if exact else [widen(a) for a in args]
            return round_to(ref(*args, **attrs), out)

    _OPERANDS[name] = operands
    return declare(
        name, family="elementwise", arity=arity, doc=doc, broadcasts=True,
        shape=broadcast_rule(name) if arity > 1 else same, dtype=dtype_rule, ref=full_ref,
        vjp=widened_vjp(vjp),
        lower=lower if exact or lower is None else widened_lower(lower, dtype_rule),
        sample=sample, tolerance=TOLERANCE if tolerance is None else tolerance, **fields,
    )  # fmt: skip


def _unary(text: str, kind: str = "number") -> str:
    return f"{text}, element by element: x (...) {kind} -> (...)."


def _binary(text: str, kind: str = "number") -> str:
    return f"{text}, element by element, with broadcasting: x (...), y (...) {kind} -> (...)."


# --- one source -----------------------------------------------------------------------------------

neg = elementwise(
    "neg", np.negative, doc=_unary("-x; integers wrap"),
    vjp=lambda g, y, x: (-g,), sample=uniform((-8, 8), dtypes=NUMBERS),
)  # fmt: skip
abs = elementwise(
    "abs", np.abs, doc=_unary("|x|; the lowest integer stays itself; gradient 0 at 0"),
    vjp=lambda g, y, x: (where(x > 0, g, where(x < 0, -g, 0)),),
    sample=uniform((-8, 8), dtypes=NUMBERS),
)  # fmt: skip
sqrt = elementwise(
    "sqrt", np.sqrt, doc=_unary("The square root, NaN below 0", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (y * 2.0),), sample=uniform((0.1, 8)),
)  # fmt: skip
exp = elementwise(
    "exp", np.exp, doc=_unary("e to the x", "float"), operands=floating,
    vjp=lambda g, y, x: (g * y,), sample=uniform((-8, 8)),
)  # fmt: skip
log = elementwise(
    "log", np.log, doc=_unary("The natural logarithm", "float"), operands=floating,
    vjp=lambda g, y, x: (g / x,), sample=uniform((0.1, 8)),
)  # fmt: skip
expm1 = elementwise(
    "expm1", np.expm1, doc=_unary("e to the x, minus 1, exact near 0", "float"),
    operands=floating, vjp=lambda g, y, x: (g * (y + 1.0),), sample=uniform((-4, 4)),
)  # fmt: skip
log1p = elementwise(
    "log1p", np.log1p, doc=_unary("log(1 + x), exact near 0", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (x + 1.0),), sample=uniform((-0.9, 8)),
)  # fmt: skip
sin = elementwise(
    "sin", np.sin, doc=_unary("The sine of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g * cos(x),), sample=uniform((-8, 8)),
)  # fmt: skip
cos = elementwise(
    "cos", np.cos, doc=_unary("The cosine of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (-g * sin(x),), sample=uniform((-8, 8)),
)  # fmt: skip
tan = elementwise(
    "tan", np.tan, doc=_unary("The tangent of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g * (y * y + 1.0),), sample=uniform((-1.4, 1.4)),
)  # fmt: skip
asin = elementwise(
    "asin", np.arcsin, doc=_unary("The inverse sine in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g / sqrt((1.0 - x) * (x + 1.0)),), sample=uniform((-0.9, 0.9)),
)  # fmt: skip
acos = elementwise(
    "acos", np.arccos, doc=_unary("The inverse cosine in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (-g / sqrt((1.0 - x) * (x + 1.0)),), sample=uniform((-0.9, 0.9)),
)  # fmt: skip
atan = elementwise(
    "atan", np.arctan, doc=_unary("The inverse tangent in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (x * x + 1.0),), sample=uniform((-8, 8)),
)  # fmt: skip
tanh = elementwise(
    "tanh", np.tanh, doc=_unary("The hyperbolic tangent", "float"), operands=floating,
    vjp=lambda g, y, x: (g * (1.0 - y * y),), sample=uniform((-4, 4)),
)  # fmt: skip


def every(fn: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of one Python float, applied to every element of a float64 array."""

    def apply(x: np.ndarray) -> np.ndarray:
        return np.array([fn(v) for v in x.ravel().tolist()], np.float64).reshape(x.shape)

    return apply


erf = elementwise(
    "erf", every(math.erf), doc=_unary("The error function", "float"), operands=floating,
    vjp=lambda g, y, x: (g * exp(-(x * x)) * (2.0 / math.sqrt(math.pi)),),
    sample=uniform((-3, 3)),
)  # fmt: skip


def _flat(g: Expr, y: Expr, x: Expr) -> tuple[Expr, ...]:
    return (zeros_like(g),)


floor = elementwise(
    "floor", np.floor, doc=_unary("The whole number at or below", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
ceil = elementwise(
    "ceil", np.ceil, doc=_unary("The whole number at or above", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
trunc = elementwise(
    "trunc", np.trunc, doc=_unary("The whole number towards 0", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
round = elementwise(
    "round", np.rint, doc=_unary("The nearest whole number, halves to even", "float"),
    operands=floats_only, vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip

# --- two sources ----------------------------------------------------------------------------------

add = elementwise(
    "add", np.add, arity=2, doc=_binary("x + y; integers wrap"), operands=counted,
    vjp=lambda g, y, a, b: (g, g), sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip
sub = elementwise(
    "sub", np.subtract, arity=2, doc=_binary("x - y; integers wrap"),
    vjp=lambda g, y, a, b: (g, -g), sample=uniform((-8, 8), (-8, 8), dtypes=NUMBERS),
)  # fmt: skip
mul = elementwise(
    "mul", np.multiply, arity=2, doc=_binary("x * y; integers wrap"), operands=counted,
    vjp=lambda g, y, a, b: (g * b, g * a), sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip
div = elementwise(
    "div", np.divide, arity=2, doc=_binary("x / y, always a float"), operands=floating,
    vjp=lambda g, y, a, b: (g / b, -g * y / b), sample=uniform((-8, 8), (0.5, 8)),
)  # fmt: skip


def _pow_vjp(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, ...]:
    ga = where(equal(b, 0), 0, g * b * pow(a, b - 1.0))
    zero = equal(a, 0)
    gb = where(zero & (b >= 0), 0, g * y * log(where(zero & (b >= 0), 1, a)))
    return ga, gb


pow = elementwise(
    "pow", np.power, arity=2, operands=floats_only,
    doc=_binary("x to the power y; integers: see power", "float"), vjp=_pow_vjp,
    sample=uniform((0.2, 3), (-3, 3)), tolerance={**TOLERANCE, dt.float32: 1e-5},
)  # fmt: skip


def _nonzero(name: str, y: np.ndarray) -> None:
    if y.dtype.kind in "iu" and (y == 0).any():
        raise DivisionByZero(
            message(name, "division of an integer by zero", "a divisor of 0", "no zeros",
                    "mask them first, e.g. x // y.clamp(min=1)")
        )  # fmt: skip


def _remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    _nonzero("remainder", y)
    return np.asarray(np.remainder(x, y))


def _floor_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    _nonzero("floor_divide", y)
    return np.asarray(np.floor_divide(x, y))


remainder = elementwise(
    "remainder", _remainder, arity=2,
    doc=_binary("x modulo y with the sign of y; integer zeros raise ZeroDivisionError"),
    vjp=lambda g, y, a, b: (g, -g * floor(a / b)),
    sample=uniform((-8, 8), (1, 5), dtypes=NUMBERS),
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide", _floor_divide, arity=2, operands=integers,
    doc=_binary("The whole number at or below x / y; zeros raise ZeroDivisionError", "integer"),
    sample=uniform((-8, 8), (1, 5), dtypes=INTS),
)  # fmt: skip


def _extreme_vjp(g: Expr, loses_a: Expr, tie: Expr, loses_b: Expr) -> tuple[Expr, ...]:
    half = where(tie, g * 0.5, g)
    return where(loses_a, 0, half), where(loses_b, 0, half)


maximum = elementwise(
    "maximum", np.maximum, arity=2, operands=counted,
    doc=_binary("The larger of x and y, NaN if either is; a tie halves the gradient"),
    vjp=lambda g, y, a, b: _extreme_vjp(g, a < b, equal(a, b), b < a),
    sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip
minimum = elementwise(
    "minimum", np.minimum, arity=2, operands=counted,
    doc=_binary("The smaller of x and y, NaN if either is; a tie halves the gradient"),
    vjp=lambda g, y, a, b: _extreme_vjp(g, b < a, equal(a, b), a < b),
    sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip

# --- bits -----------------------------------------------------------------------------------------

bitwise_and = elementwise(
    "bitwise_and", np.bitwise_and, arity=2, operands=bits,
    doc=_binary("The bits set in both", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_or = elementwise(
    "bitwise_or", np.bitwise_or, arity=2, operands=bits,
    doc=_binary("The bits set in either", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_xor = elementwise(
    "bitwise_xor", np.bitwise_xor, arity=2, operands=bits,
    doc=_binary("The bits set in one of the two", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_not = elementwise(
    "bitwise_not", np.bitwise_not, operands=bits,
    doc=_unary("Every bit turned; not for bool", "integer or bool"),
    sample=uniform((-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip


def _shift(left: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def shift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        width = x.dtype.itemsize * 8
        outside = (y < 0) | (y >= width)
        count = np.where(outside, 0, y).astype(x.dtype)
        if left:
            return np.where(outside, x & 0, np.left_shift(x, count))
        return np.where(outside, np.where(x < 0, -1, 0).astype(x.dtype), np.right_shift(x, count))

    return shift


shift_left = elementwise(
    "shift_left", _shift(True), arity=2, operands=integers,
    doc=_binary("x moved y bits up; 0 when y is negative or too large", "integer"),
    sample=uniform((-8, 8), (-2, 9), dtypes=INTS),
)  # fmt: skip
shift_right = elementwise(
    "shift_right", _shift(False), arity=2, operands=integers,
    doc=_binary("x moved y bits down, sign kept; all sign when y is negative or too large",
                "integer"),
    sample=uniform((-8, 8), (-2, 9), dtypes=INTS),
)  # fmt: skip

# --- comparisons and choice -----------------------------------------------------------------------

equal = elementwise(
    "equal", np.equal, arity=2, operands=promoted, to_bool=True,
    doc=_binary("x == y", "any dtype") , sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip
not_equal = elementwise(
    "not_equal", np.not_equal, arity=2, operands=promoted, to_bool=True,
    doc=_binary("x != y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip
less = elementwise(
    "less", np.less, arity=2, operands=counted, to_bool=True,
    doc=_binary("x < y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip
less_equal = elementwise(
    "less_equal", np.less_equal, arity=2, operands=counted, to_bool=True,
    doc=_binary("x <= y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip


def _where_samples(plain: Samples) -> Samples:
    def draw(rng: np.random.Generator, dtype: DType) -> list[Any]:
        found = plain.draw(rng, dtype)
        return [type(c)((c.args[0] > 0, *c.args[1:]), c.attrs) for c in found]

    return Samples(draw, plain.dtypes)


where = elementwise(
    "where", np.where, arity=3, operands=chosen,
    doc="x where c holds, y elsewhere, with broadcasting: c (...) bool, x (...), y (...) -> (...).",
    vjp=lambda g, y, c, a, b: (None, where(c, g, 0), where(c, 0, g)),
    sample=_where_samples(uniform((-8, 8), (-8, 8), (-8, 8), dtypes=NUMBERS)),
)  # fmt: skip

# --- dtypes ---------------------------------------------------------------------------------------


def _cast_samples(targets: tuple[DType, ...], dtypes: tuple[DType, ...]) -> Samples:
    plain = uniform((-8, 8), dtypes=dtypes)

    def draw(rng: np.random.Generator, dtype: DType) -> list[Any]:
        pairs = [(c, t) for c in plain.draw(rng, dtype)[:1] for t in targets]
        return [type(c)(c.args, {"dtype": t}) for c, t in pairs]

    return Samples(draw, dtypes, smooth=False)


def _convert(x: np.ndarray, dtype: DType) -> np.ndarray:
    with np.errstate(all="ignore"):
        return round_to(x, dtype)


cast = declare(
    "cast", family="elementwise", attrs=("dtype",),
    doc="x in another dtype; floats to integers truncate and saturate, NaN gives 0: "
    "x (...) -> (...).",
    shape=same, dtype=lambda d, dtype: dtype, ref=_convert,
    vjp=lambda g, y, x, dtype: (g if x.dtype.kind == "f" and dtype.kind == "f" else None,),
    sample=_cast_samples(EVERY, EVERY), tolerance=dict.fromkeys(FLOATS, 0.0),
)  # fmt: skip


def _bitcast_dtype(d: DType, dtype: DType) -> DType:
    if d.bits != dtype.bits:
        raise _refuse("bitcast", d, f"a dtype of {dtype.bits} bits", "cast, or pick equal widths")
    return dtype


bitcast = declare(
    "bitcast", family="elementwise", attrs=("dtype",),
    doc="The same bits read as a dtype of equal size: x (...) -> (...).",
    shape=same, dtype=_bitcast_dtype, ref=lambda x, dtype: np.asarray(x).view(dtype.np),
    vjp=lambda g, y, x, dtype: (None,), sample=_cast_samples((dt.int32, dt.uint32), (dt.float32,)),
)  # fmt: skip
