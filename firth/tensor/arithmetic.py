"""Makers of the elementwise methods: one maker per number of sources, names from a table.

The binary maker is the hot path of eager code: a step that the trie knows costs one dictionary
look-up and one handle.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import _getframe
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, DTypeError, message
from firth.ir.op import TABLE
from firth.tensor.arguments import leave
from firth.tensor.creation import tensor as make_tensor
from firth.tensor.handle import Tensor
from firth.tensor.lens import update
from firth.tensor.record import apply_op, local, plain_number, user_line

_new = object.__new__
_PLAIN = (bool, int, float, complex)
_NUMBERS = frozenset((bool, int, float))  # whose key is the number itself

# torch's name -> op of the table
UNARY = {
    **{n: n for n in (
        "neg abs sqrt exp log expm1 log1p sin cos tan asin acos atan sinh cosh asinh acosh atanh "
        "tanh erf erfc floor ceil trunc round rsqrt square sign sigmoid relu log2 log10 exp2 isnan "
        "isinf isfinite bitwise_not logical_not signbit lgamma digamma erfinv i0"
    ).split()},
    "negative": "neg", "absolute": "abs", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "fix": "trunc", "reciprocal": "reciprocal", "sgn": "sign",
}  # fmt: skip
BINARY = {
    **{n: n for n in (
        "add sub mul div remainder maximum minimum bitwise_and bitwise_or "
        "bitwise_xor atan2 fmod logical_and logical_or logical_xor hypot logaddexp "
        "copysign nextafter igamma igammac"
    ).split()},
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "not_equal": "not_equal",
    "less": "less", "less_equal": "less_equal", "greater": "greater",
    "greater_equal": "greater_equal", "bitwise_left_shift": "shift_left",
    "bitwise_right_shift": "shift_right",
}  # fmt: skip
OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "shift_left", "rshift": "shift_right",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
}  # fmt: skip
_MIRRORED = {"greater": "less", "greater_equal": "less_equal"}


def operand(value: Any, op: str) -> Any:
    """What stands beside a tensor: a tensor, or a Python number."""
    if isinstance(value, Tensor) or value.__class__ in _PLAIN:
        return value
    value = plain_number(value)
    if value.__class__ in _PLAIN:
        return value
    if isinstance(value, np.ndarray):
        return make_tensor(value)
    if hasattr(value, "__firth_tensor__"):
        return value.__firth_tensor__()
    raise DTypeError(
        message(
            op, "an operand is no tensor", type(value).__name__,
            "a tensor, a number or a NumPy array", "convert it, e.g. firth.tensor(value)",
        )
    )  # fmt: skip


def tensor_of(value: Any, op: str) -> Tensor:
    """The value as a tensor; numbers become tensors of shape ()."""
    found = operand(value, op)
    return found if isinstance(found, Tensor) else make_tensor(found)


def unary(name: str) -> Callable[..., Tensor]:
    """A method of one tensor."""
    op = TABLE[name]

    def method(self: Any) -> Tensor:
        rec = local.rec
        if isinstance(self, Tensor):
            if self._rec is rec:
                handles = rec.handles
                state = rec.state.edges.get((op, self._pos))
                if state is not None and len(handles) < rec.limit:
                    out: Tensor = _new(Tensor)
                    out._rec = rec
                    out._pos = len(handles)
                    out._kind = state.kind  # type: ignore[assignment]
                    out._buf = None
                    out._extra = None
                    frame = _getframe(1)
                    rec.places.append((out._pos, frame.f_code, frame.f_lasti))
                    handles.append(out)
                    rec.state = state
                    return out
            return apply_op(op, (self,))
        return apply_op(op, (tensor_of(self, name),))

    return _named(method, name, op.doc)


def binary(name: str, reverse: bool = False) -> Callable[..., Tensor]:
    """A method of a tensor and a tensor or number; `reverse` swaps them (`__radd__`)."""
    if name in _MIRRORED and name not in TABLE:
        name, reverse = _MIRRORED[name], not reverse
    op = TABLE[name]

    def method(self: Any, other: Any) -> Tensor:
        rec = local.rec
        if isinstance(self, Tensor) and self._rec is rec and not reverse:
            if isinstance(other, Tensor):
                if other._rec is rec:
                    state = rec.state.edges.get((op, self._pos, other._pos))
                else:
                    state = None
            elif other.__class__ not in _NUMBERS:
                state = None
            else:
                state = rec.state.edges.get((op, self._pos, other, other.__class__))
            if state is not None:
                handles = rec.handles
                if len(handles) < rec.limit:
                    out: Tensor = _new(Tensor)
                    out._rec = rec
                    out._pos = len(handles)
                    out._kind = state.kind  # type: ignore[assignment]
                    out._buf = None
                    out._extra = None
                    frame = _getframe(1)
                    rec.places.append((out._pos, frame.f_code, frame.f_lasti))
                    handles.append(out)
                    rec.state = state
                    return out
        for value in (self, other):
            if not isinstance(value, Tensor) and hasattr(value, "__firth_binary__"):
                sides = (other, self) if reverse else (self, other)
                return value.__firth_binary__(name, *sides)  # type: ignore[no-any-return]
        a, b = operand(self, name), operand(other, name)
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            a = make_tensor(a)
        return apply_op(op, (b, a) if reverse else (a, b))

    return _named(method, name, op.doc)


def operator_method(name: str, reverse: bool = False) -> Callable[..., Any]:
    """As `binary`, but an operand that isn't a number or tensor is left to its own operators."""
    inner = binary(name, reverse)
    if not reverse:
        return inner  # an unknown operand is an error that says what to do

    def method(self: Tensor, other: Any) -> Any:
        return inner(self, other)

    return _named(method, name, inner.__doc__ or "")


def in_place(name: str) -> Callable[..., Tensor]:
    """The in-place method: the handle (and what it views) takes the new value."""
    inner = binary(name)

    def method(self: Tensor, other: Any) -> Tensor:
        return update(self, inner(self, other), name)

    return _named(method, name + "_", f"In place: {inner.__doc__}")


def in_place_unary(name: str) -> Callable[..., Tensor]:
    """The in-place method of a unary op."""
    inner = unary(name)

    def method(self: Tensor) -> Tensor:
        return update(self, inner(self), name)

    return _named(method, name + "_", f"In place: {inner.__doc__}")


def _named(method: Any, name: str, doc: str) -> Callable[..., Any]:
    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    leave(method)
    return method


def _with_alpha(name: str) -> Callable[..., Tensor]:
    inner = binary(name)

    def method(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        if alpha.__class__ is not int or alpha != 1:
            other = operand(other, name) * operand(alpha, name)
        return inner(self, other)

    return _named(method, name, (inner.__doc__ or "") + " `other` is multiplied by alpha first.")


def div(self: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """x / y; rounding_mode 'floor' rounds down, 'trunc' towards zero."""
    if rounding_mode is None:
        return _div(self, other)
    if rounding_mode == "floor":
        return floor_divide(self, other)
    if rounding_mode != "trunc":
        raise ArgumentError(
            message(
                "div", "no such rounding mode", repr(rounding_mode), "None, 'floor' or 'trunc'",
                "leave it out for true division",
            )
        )  # fmt: skip
    out = _div(self, other)
    if tensor_of(self, "div")._kind.dtype.kind in "iu" and result_is_whole(other):
        return apply_op(TABLE["div_trunc"], (self, operand(other, "div")))
    return apply_op(TABLE["trunc"], (out,))


def result_is_whole(other: Any) -> bool:
    """Whether an operand is an integer."""
    return other._kind.dtype.kind in "iu" if isinstance(other, Tensor) else isinstance(other, int)


def power(self: Any, exponent: Any) -> Tensor:
    """x to a power: a fixed whole power of a tensor is repeated multiplication."""
    if exponent.__class__ is int and isinstance(self, Tensor) and -16 <= exponent <= 64:
        if exponent < 0 and self._kind.dtype.is_integer:
            raise ArgumentError(
                message(
                    "pow", "integers have no negative powers", f"exponent {exponent}",
                    "an exponent of 0 or more", "cast first, e.g. x.float()",
                )
            ).at(user_line())  # fmt: skip
        if self._kind.dtype.kind != "b":
            return apply_op(TABLE["integer_pow"], (self,), (exponent,))
    if exponent.__class__ is float and exponent == int_like(exponent):
        if isinstance(self, Tensor) and self._kind.dtype.kind in "fc":
            return apply_op(TABLE["integer_pow"], (self,), (int(exponent),))
    return _power(self, exponent)


def int_like(value: float) -> float:
    """The small whole number that a float is, NaN otherwise."""
    return value if value.is_integer() and -16 <= value <= 64 else float("nan")


def floor_divide(self: Any, other: Any) -> Tensor:
    """x / y rounded down: floats as well as integers."""
    a, b = operand(self, "floor_divide"), operand(other, "floor_divide")
    for x in (a, b):
        if x.__class__ is float or isinstance(x, Tensor) and x._kind.dtype.kind == "f":
            return apply_op(TABLE["floor"], (_div(a, b),))
    return _floor_divide(a, b)


def _reversed(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def swapped(self: Any, other: Any) -> Tensor:
        return method(other, self)

    return _named(swapped, method.__name__, method.__doc__ or "")


def _updating(method: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def in_place_method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return update(self, method(self, *args, **kwargs), name)

    return _named(in_place_method, name + "_", f"In place: {method.__doc__}")


def _whole(name: str) -> Callable[..., Tensor]:
    """A rounding: integers are whole already."""
    rounded = unary(name)

    def method(self: Any) -> Tensor:
        if isinstance(self, Tensor) and self._kind.dtype.kind in "iu":
            return apply_op(TABLE["reshape"], (self,), (tuple(self._kind.shape),))
        return rounded(self)

    return _named(method, name, rounded.__doc__ or "")


def positive(self: Tensor) -> Tensor:
    """The elements as they are, in a tensor of their own; DTypeError for bool."""
    if self._kind.dtype.kind == "b":
        raise DTypeError(
            message("positive", "bool has no sign", "bool", "a number", "cast first, e.g. x.int()")
        ).at(user_line())
    return apply_op(TABLE["reshape"], (self,), (tuple(self._kind.shape),))


def attach() -> dict[str, Callable[..., Any]]:
    """Puts the methods on Tensor; returns the functions of the same names."""
    functions: dict[str, Callable[..., Any]] = {}
    for name, op in UNARY.items():
        if op in TABLE:
            functions[name] = unary(op)
            setattr(Tensor, name, functions[name])
            setattr(Tensor, name + "_", in_place_unary(op))
    for name, op in BINARY.items():
        if op in TABLE or op in _MIRRORED:
            functions[name] = binary(op)
            setattr(Tensor, name, functions[name])
            setattr(Tensor, name + "_", in_place(op))
    for name in ("floor", "ceil", "trunc", "fix", "round"):
        functions[name] = _whole(UNARY[name])
        setattr(Tensor, name, functions[name])
        setattr(Tensor, name + "_", _updating(functions[name], name))
    functions["positive"] = positive
    setattr(Tensor, "positive", positive)  # noqa: B010
    for name in ("add", "sub"):
        functions[name] = _with_alpha(name)
        setattr(Tensor, name, functions[name])
        setattr(Tensor, name + "_", _updating(functions[name], name))
    for name in ("div", "divide"):
        functions[name] = div
        setattr(Tensor, name, div)
    for name, method in (("pow", power), ("floor_divide", floor_divide)):
        functions[name] = method
        setattr(Tensor, name, method)
        setattr(Tensor, name + "_", _updating(method, name))
    for name in ("div", "divide"):
        setattr(Tensor, name + "_", _updating(div, "div"))
    for name, op in OPERATORS.items():
        setattr(Tensor, f"__{name}__", operator_method(op))
        setattr(Tensor, f"__r{name}__", operator_method(op, reverse=True))
        setattr(Tensor, f"__i{name}__", in_place(op))
    for name, method in (("pow", power), ("floordiv", floor_divide)):
        setattr(Tensor, f"__{name}__", method)
        setattr(Tensor, f"__r{name}__", _reversed(method))
        setattr(Tensor, f"__i{name}__", _updating(method, name))
    for name, op in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _comparison(op))
    for name, op in (("neg", "neg"), ("abs", "abs"), ("invert", "bitwise_not")):
        setattr(Tensor, f"__{name}__", unary(op))
    Tensor.__pos__ = lambda self: self  # type: ignore[attr-defined]
    Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]
    return functions


def _comparison(name: str) -> Callable[..., Any]:
    inner = binary(name)
    if name not in ("equal", "not_equal"):
        return inner

    def method(self: Tensor, other: Any) -> Any:
        if other is None or isinstance(other, (str, bytes, tuple, list, dict)):
            return NotImplemented
        return inner(self, other)

    return _named(method, name, inner.__doc__ or "")


_div = binary("div")
_floor_divide = binary("floor_divide")
_power = binary("power")
