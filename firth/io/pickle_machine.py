"""A machine for the harmless part of pickle: containers, numbers, text and functions we name.

The opcodes are described in Python's own pickletools. An opcode or a global outside the given
ones is refused with its name; nothing is imported, no attribute of a value is looked up.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_INT_BYTES = 32
_LITERALS = frozenset(
    (
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    )
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Refused(Exception):
    """A pickle asked for something that is not allowed: what is wrong, and what was got."""

    def __init__(self, wrong: str, got: str) -> None:
        super().__init__(f"{wrong}: {got}")
        self.wrong = wrong
        self.got = got


@dataclass(frozen=True)
class Function:
    """A function that a pickle may call by name."""

    name: str
    call: Callable[..., Any]


class _Mark:
    pass


_MARK = _Mark()


def run(data: bytes, known: Mapping[str, object], persistent: Callable[[object], object]) -> Any:
    """The value of a pickle.

    known: "module name" -> Function or any value that needs no call. persistent: the value of a
    persistent id. Raises Refused for every opcode, global or shape of data outside these.
    """
    machine = _Machine(known, persistent)
    try:
        for opcode, arg, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, arg)
    except (ValueError, UnicodeError, OverflowError, MemoryError) as error:
        raise Refused("not a whole pickle", (str(error) or "an early end")[:80]) from None
    raise Refused("not a whole pickle", "no end")


class _Machine:
    """A stack, a memo, and one method per group of opcodes."""

    def __init__(self, known: Mapping[str, object], persistent: Callable[[object], object]) -> None:
        self._known = known
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, arg: Any) -> None:
        if name in ("BINPUT", "LONG_BINPUT"):
            self._memo[arg] = self.top()
        elif name in ("BINGET", "LONG_BINGET"):
            if arg not in self._memo:
                raise Refused("not a whole pickle", f"memo {arg}")
            self._stack.append(self._memo[arg])
        elif name in _LITERALS:
            self._literal(arg, name)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self._stack.append(tuple(reversed([self.pop() for _ in range(_TUPLES[name])])))
        else:
            handler = _HANDLERS.get(name)
            if handler is None:
                raise Refused("an operation that plain data do not need", f"opcode {name}")
            handler(self, arg)

    def pop(self) -> Any:
        value = self.top()
        self._stack.pop()
        return value

    def top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise Refused("not a whole pickle", "an empty stack")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        for position in range(len(self._stack) - 1, -1, -1):
            if self._stack[position] is _MARK:
                values = self._stack[position + 1 :]
                del self._stack[position:]
                return values
        raise Refused("not a whole pickle", "no mark")

    def _literal(self, arg: Any, name: str) -> None:
        if name == "LONG1" and arg.bit_length() > 8 * MAX_INT_BYTES:
            raise Refused("a huge integer", f"{arg.bit_length()} bits")
        self._stack.append(arg)

    def _nothing(self, arg: Any) -> None:
        """PROTO and FRAME say how the rest is written; genops has dealt with them."""

    def _mark(self, arg: Any) -> None:
        self._stack.append(_MARK)

    def _memoize(self, arg: Any) -> None:
        self._memo[len(self._memo)] = self.top()

    def _global(self, arg: str) -> None:
        if arg not in self._known:
            raise Refused("a name that is not plain data", arg.replace(" ", ".")[:120])
        self._stack.append(self._known[arg])

    def _stack_global(self, arg: Any) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("a name that is not text", type(name).__name__)
        self._global(f"{module} {name}")

    def _reduce(self, arg: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Function) or not isinstance(arguments, tuple):
            raise Refused("a call of something that is not a function", type(function).__name__)
        self._stack.append(function.call(*arguments))

    def _persistent_id(self, arg: Any) -> None:
        self._stack.append(self._persistent(self.pop()))

    def _build(self, arg: Any) -> None:
        """State of an object: PyTorch's state dicts carry version numbers there; not needed."""
        self.pop()
        if type(self.top()) is not OrderedDict:
            raise Refused("state of an object", type(self.top()).__name__)

    def _set_item(self, arg: Any) -> None:
        value, key = self.pop(), self.pop()
        self._fill([key, value])

    def _set_items(self, arg: Any) -> None:
        self._fill(self._pop_to_mark())

    def _fill(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) not in (dict, OrderedDict) or len(values) % 2:
            raise Refused("items of something that is not a dict", type(target).__name__)
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[_plain_key(key)] = value

    def _append(self, arg: Any) -> None:
        self._extend([self.pop()])

    def _appends(self, arg: Any) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is not list:
            raise Refused("elements of something that is not a list", type(target).__name__)
        target.extend(values)

    def _add_items(self, arg: Any) -> None:
        values, target = self._pop_to_mark(), self.top()
        if type(target) is not set:
            raise Refused("elements of something that is not a set", type(target).__name__)
        target.update(map(_plain_key, values))

    def _tuple(self, arg: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine._nothing,
    "FRAME": _Machine._nothing,
    "MARK": _Machine._mark,
    "MEMOIZE": _Machine._memoize,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "BINPERSID": _Machine._persistent_id,
    "BUILD": _Machine._build,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "ADDITEMS": _Machine._add_items,
    "TUPLE": _Machine._tuple,
}


def _plain_key(key: Any) -> Any:
    """Only flat keys: hashing a tuple nested a million deep would overflow the C stack."""
    flat = key if type(key) is tuple else (key,)
    if not all(part is None or type(part) in (str, int, float, bool, bytes) for part in flat):
        raise Refused("a key that is not plain", type(key).__name__)
    return key
