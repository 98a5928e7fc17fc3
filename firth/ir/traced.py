"""Numbers that remember how they were computed: the compiler, run once, as a formula of extents.

`trace` gives numbers that behave as the ints they stand for. What is computed with them is
written on a tape, and so is what was decided by them: every comparison, and every use that no
formula can follow (as an index, in a text), which pins the number to its value. `Formula` turns
the tape into a Python function of the extents: None when a decision would be another one, and
otherwise what the traced code would have returned.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_BINARY = {
    "add": "({} + {})", "sub": "({} - {})", "mul": "({} * {})", "floordiv": "({} // {})",
    "mod": "({} % {})", "truediv": "({} / {})", "pow": "({} ** {})", "lshift": "({} << {})",
    "rshift": "({} >> {})", "and": "({} & {})", "or": "({} | {})", "xor": "({} ^ {})",
}  # fmt: skip
_TWO = {**_BINARY, "min": "min({}, {})", "max": "max({}, {})"}
_UNARY = {
    "neg": "(-{})", "abs": "abs({})", "invert": "(~{})", "ceil": "ceil({})", "floor": "floor({})",
    "trunc": "trunc({})", "round": "round({})", "bit_length": "({}).bit_length()",
    "float": "float({})",
}  # fmt: skip
_COMPARE = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_IDLE = {"add": 0, "sub": 0, "mul": 1, "floordiv": 1}
_COMMUTES = ("add", "mul")
_REFLEXIVE = {"lt": False, "le": True, "gt": False, "ge": True, "eq": True, "ne": False}
_NAMES: dict[str, Callable[..., Any]] = {
    "ceil": math.ceil,
    "floor": math.floor,
    "trunc": math.trunc,
}


class Tape:
    """What was computed and decided with the numbers of one trace, in order."""

    def __init__(self) -> None:
        self.rows: list[
            tuple[Any, Any, Any]
        ] = []  # ("input", place, None), (op, a, b) or (function, operands, None)
        self.known: dict[tuple[Any, ...], Traced] = {}
        self.guards: dict[tuple[Any, ...], bool] = {}
        self.open = True

    def number(self, value: Any, row: tuple[Any, Any, Any]) -> Traced:
        """The number of a row, entered once."""
        found = self.known.get(row)
        if found is None:
            found = self.known[row] = Traced(value, len(self.rows), self)
            self.rows.append(row)
        return found

    def guard(self, op: str, a: Any, b: Any, outcome: bool) -> bool:
        """Notes a decision."""
        self.guards[op, a, b] = outcome
        return outcome


class Traced:
    """An int or float of a trace. `isinstance(x, int)` holds as for what it stands for."""

    __slots__ = ("place", "tape", "value")

    def __init__(self, value: Any, place: int, tape: Tape) -> None:
        self.value = value
        self.place = place
        self.tape = tape

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def pinned(self) -> Any:
        """The value itself; the formula holds for it alone."""
        if self.tape.open:
            self.tape.guard("eq", self.place, _constant(self.value), True)
        return self.value

    def __bool__(self) -> bool:
        return bool(self.__ne__(0))

    def __index__(self) -> int:
        return self.pinned()  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return int(self.pinned())

    def __complex__(self) -> complex:
        return complex(self.pinned())

    def __str__(self) -> str:
        return str(self.pinned())

    def __repr__(self) -> str:
        return repr(self.pinned())

    def __format__(self, spec: str) -> str:
        return format(self.pinned(), spec)

    def __reduce__(self) -> Any:
        return type(self.value), (self.pinned(),)

    def __float__(self) -> float:
        return float(self.pinned())

    def is_integer(self) -> bool:
        """As of the number itself."""
        return self.pinned().is_integer()  # type: ignore[no-any-return]

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __pos__(self) -> Traced:
        return self


def _constant(value: Any) -> tuple[Any, type]:
    """How a row names a number that is not on the tape: 1, 1.0 and True are three."""
    return (value, type(value))


def as_seen(x: Any) -> Any:
    """The number that the trace ran with, for a choice between ways that are all right for any."""
    return x.value if type(x) is Traced else x


def differ(a: Any, b: Any) -> bool:
    """Whether two numbers differ, for a way that is all right for any numbers where they do: the
    formula is bound only where they are equal."""
    return bool(as_seen(a) != as_seen(b) or a != b)


def is_traced(x: object) -> bool:
    """Whether a number belongs to a trace: its value may not be put into tables and texts."""
    return type(x) is Traced


def _operand(tape: Tape, x: Any) -> tuple[Any, Any]:
    """The value, and how a row names it."""
    if type(x) is Traced:
        return (x.value, x.place) if x.tape is tape else (x.value, _constant(x.value))
    return x, _constant(x)


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float))


def _arithmetic(name: str, fn: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Traced, other: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        tape = self.tape
        if not tape.open:
            return fn(self.value, other)
        if type(other) is int:
            if _IDLE.get(name) == other:
                return self
            if name == "mul" and other == 0 and isinstance(self, int):
                return 0
        value, place = _operand(tape, other)
        return tape.number(fn(self.value, value), (name, self.place, place))

    def reflected(self: Traced, other: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        tape = self.tape
        if not tape.open:
            return fn(other, self.value)
        if type(other) is int and name in _COMMUTES:
            return forward(self, other)
        value, place = _operand(tape, other)
        return tape.number(fn(value, self.value), (name, place, self.place))

    return forward, reflected


def _one(name: str, fn: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Traced, *rest: Any) -> Any:
        if rest or not self.tape.open:
            return fn(self.pinned(), *rest)
        return self.tape.number(fn(self.value), (name, self.place, None))

    return method


def _comparison(name: str, fn: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def method(self: Traced, other: Any) -> Any:
        if not _is_number(other):
            return NotImplemented
        tape = self.tape
        value, place = _operand(tape, other)
        if place == self.place and type(place) is int:
            return _REFLEXIVE[name]
        outcome = fn(self.value, value)
        return tape.guard(name, self.place, place, outcome) if tape.open else outcome

    return method


for _name in _BINARY:
    _fn = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    _forward, _reflected = _arithmetic(_name, _fn)
    setattr(Traced, f"__{_name}__", _forward)
    setattr(Traced, f"__r{_name}__", _reflected)
for _name in _COMPARE:
    setattr(Traced, f"__{_name}__", _comparison(_name, getattr(operator, _name)))
_ONE: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "abs": abs, "invert": operator.invert, **_NAMES, "round": round,
}  # fmt: skip
for _name, _one_fn in _ONE.items():
    setattr(Traced, f"__{_name}__", _one(_name, _one_fn))
setattr(Traced, "bit_length", _one("bit_length", int.bit_length))  # noqa: B010


def through(fn: Callable[..., Any], *args: Any) -> Any:
    """fn(*args), followed by the formula; fn gives the same for the same arguments."""
    tape = next((x.tape for x in args if type(x) is Traced and x.tape.open), None)
    if tape is None:
        return fn(*args)
    operands = [_operand(tape, x) for x in args]
    row = (fn, tuple([place for _, place in operands]), None)
    return tape.number(fn(*[value for value, _ in operands]), row)


def _choice(name: str, fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def choose(a: Any, b: Any) -> Any:
        tape = a.tape if type(a) is Traced else b.tape if type(b) is Traced else None
        if tape is None or not tape.open:
            return fn(a, b)
        (x, first), (y, second) = _operand(tape, a), _operand(tape, b)
        return a if first == second else tape.number(fn(x, y), (name, first, second))

    choose.__doc__ = f"{name}(a, b), followed by the formula whichever it is."
    return choose


least = _choice("min", min)
greatest = _choice("max", max)


def trace(values: Sequence[int | float]) -> tuple[Tape, list[Any]]:
    """A new tape, and numbers on it that stand for the values."""
    tape = Tape()
    return tape, [tape.number(v, ("input", i, None)) for i, v in enumerate(values)]


class Formula:
    """A result with traced numbers in it as a function of the traced inputs.

    compute(*values): the result with its numbers, or None where it does not hold.
    """

    __slots__ = ("compute",)

    def __init__(self, tape: Tape, result: Any) -> None:
        tape.open = False
        lines: list[str] = []
        written: dict[int, str] = {}
        constants: dict[str, Any] = {}

        def name(place: Any) -> str:
            return written[place] if type(place) is int else _literal(place[0])

        def given(place: int, operands: Sequence[Any]) -> list[str]:
            """Arguments of a function: what is no number of the tape may be any constant."""
            for i, operand in enumerate(operands):
                if type(operand) is not int:
                    constants[f"f{place}_{i}"] = operand[0]
            return [
                written[p] if type(p) is int else f"f{place}_{i}" for i, p in enumerate(operands)
            ]

        def need(roots: Sequence[int]) -> None:
            stack = list(roots)
            while stack:
                place = stack[-1]
                if place in written:
                    stack.pop()
                    continue
                op, a, b = tape.rows[place]
                if op == "input":
                    written[place] = f"x{a}"
                    continue
                operands = a if callable(op) else (a, b)
                missing = [p for p in operands if type(p) is int and p not in written]
                if missing:
                    stack += missing
                    continue
                if callable(op):
                    constants[f"f{place}"] = op
                    text = f"f{place}({', '.join(given(place, a))})"
                elif b is None:
                    text = _UNARY[op].format(name(a))
                else:
                    text = _TWO[op].format(name(a), name(b))
                lines.append(f"t{place} = {text}")
                written[place] = f"t{place}"

        for (op, a, b), outcome in tape.guards.items():
            need([p for p in (a, b) if type(p) is int])
            not_ = "not " if outcome else ""
            lines.append(f"if {not_}{name(a)} {_COMPARE[op]} {name(b)}: return None")
        source = _source(result, need, written, constants)
        inputs = ", ".join(f"x{i}" for i in range(sum(r[0] == "input" for r in tape.rows)))
        body = "\n ".join([*lines, f"return {source}"])
        scope: dict[str, Any] = {**_NAMES, **constants}
        exec(f"def compute({inputs}):\n {body}", scope)
        self.compute: Callable[..., Any] = scope["compute"]


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value!r}')"
    return f"({value!r})"


def _source(
    item: Any, need: Callable[[Sequence[int]], None], written: dict[int, str],
    constants: dict[str, Any],
) -> str:  # fmt: skip
    """An expression that builds a result anew: containers, numbers, and constants by name."""
    kind = type(item)
    if kind is Traced:
        need([item.place])
        return written[item.place]
    if kind is list or kind is tuple:
        parts = "".join(f"{_source(i, need, written, constants)}, " for i in item)
        return f"[{parts}]" if kind is list else f"({parts})"
    if isinstance(item, Mapping):
        parts = "".join(
            f"{_source(k, need, written, constants)}: {_source(v, need, written, constants)}, "
            for k, v in item.items()
        )
        return f"{{{parts}}}"
    if item is None or kind in (bool, int, str):
        return repr(item)
    name = f"c{len(constants)}"
    constants[name] = item
    return name
