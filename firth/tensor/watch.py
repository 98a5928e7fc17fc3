"""What recorded Python code read from outside: guards that tell whether it would read the same.

While a jitted function is recorded, a trace function notes which lines of which functions ran.
The bytecode of those lines says which globals, closure cells, attributes and items they read.
Each becomes a guard: a dictionary (or cell, or list), a key, and the value seen before the call.
What cannot be watched (clocks, files, foreign random numbers) is refused with its line.
"""

from __future__ import annotations

import dis
import sys
import types
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from firth.base.errors import RecordingError, message
from firth.tensor.closures import cells_of
from firth.tensor.guards import (
    BUT_OPTIONS,
    ELEMENTS_LIMIT,
    MISSING,
    WHOLE,
    WHOLES,
    Guard,
    lookup,
    snapshot,
)
from firth.tensor.handle import Tensor
from firth.tensor.made import Made
from firth.tensor.refusal import check_builtin, check_source, random_states
from firth.tensor.unwatched import UNSEEN, Watching, serves_firth, unseen

_ARRAY_LIMIT = 1 << 16  # bytes of a NumPy array that are compared at each call
_LONG = 1000  # elements of a container of which only the one that is read is compared


class Chain:
    """One read: a root name (global, cell or argument) and the attributes and items after it."""

    __slots__ = ("kind", "line", "name", "path")

    def __init__(self, kind: str, name: str, path: tuple[tuple[str, Any], ...], line: int) -> None:
        self.kind = kind
        self.name = name
        self.path = path
        self.line = line


_chains: dict[types.CodeType, tuple[Chain, ...]] = {}


def chains_of(code: types.CodeType) -> tuple[Chain, ...]:
    """Every read of a code object that starts at a name from outside of it."""
    found = _chains.get(code)
    if found is None:
        if len(_chains) > 10_000:
            _chains.clear()
        found = _chains[code] = tuple(_read_chains(code))
    return found


def _read_chains(code: types.CodeType) -> Iterator[Chain]:
    arguments = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "PUSH_NULL")]
    stored = {i.argval for i in instructions if i.opname.startswith("STORE_FAST")}
    line = code.co_firstlineno
    for place, i in enumerate(instructions):
        if i.starts_line:
            line = (
                i.starts_line
                if isinstance(i.starts_line, int) and i.starts_line > 1
                else (i.positions.lineno if i.positions and i.positions.lineno else line)
            )
        kind = {"LOAD_GLOBAL": "global", "LOAD_NAME": "global", "LOAD_DEREF": "cell",
                "LOAD_CLASSDEREF": "cell", "LOAD_FAST": "local"}.get(i.opname)  # fmt: skip
        if kind is None or (kind == "local" and (i.argval not in arguments or i.argval in stored)):
            continue
        path: list[tuple[str, Any]] = []
        after = place + 1
        while after < len(instructions):
            name = instructions[after].opname
            if name in ("LOAD_ATTR", "LOAD_METHOD"):
                path.append(("attr", instructions[after].argval))
                after += 1
            elif (
                name == "LOAD_CONST" and after + 1 < len(instructions)
                and instructions[after + 1].opname == "BINARY_SUBSCR"
            ):  # fmt: skip
                path.append(("item", instructions[after].argval))
                after += 2
            else:
                break
        yield Chain(kind, i.argval, tuple(path), line)


class _Scope:
    """Where a function that begins reads: asked once, for Python gathers locals anew each time."""

    __slots__ = ("builtins", "file", "free", "names", "own", "values", "whole")

    def __init__(self, frame: Any) -> None:
        code, names = frame.f_code, frame.f_globals
        module = names.get("__name__")
        self.file: str = code.co_filename
        self.names: dict[str, Any] = names
        self.builtins: dict[str, Any] = frame.f_builtins
        self.values: dict[str, Any] = frame.f_locals
        self.free = dict(zip(code.co_freevars, cells_of(frame, self.values), strict=False))
        self.own = _is_own(module)
        rules = str(module).startswith(("firth.optim.", "firth.keras."))
        self.whole = BUT_OPTIONS if rules else WHOLE


class Watcher(Watching):
    """Collects guards while a function is recorded."""

    def __init__(self) -> None:
        self.guards: dict[tuple[int, Any], Guard] = {}
        self._pending: dict[tuple[types.CodeType, int], list[Guard]] = {}
        self._refused: dict[tuple[types.CodeType, int], RecordingError] = {}
        self._lines: set[tuple[types.CodeType, int]] = set()
        self._before: Any = None
        self._random: Any = None
        self._made = Made()

    def __enter__(self) -> Watcher:
        self._before = sys.gettrace()
        self._random = random_states()
        self._made.__enter__()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        self._made.__exit__()

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file in UNSEEN or unseen(file) or serves_firth(frame):
            return None
        self._enter(frame)
        return self._line

    def _line(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            key = (frame.f_code, frame.f_lineno)
            if key not in self._lines:
                self._lines.add(key)
                error = self._refused.get(key)
                if error is not None:
                    raise error
        return self._line

    def _enter(self, frame: Any) -> None:
        """Values that the function could read, as they are before it runs."""
        scope = _Scope(frame)
        code = frame.f_code
        # an object that is being made has nothing that could have been read before
        fresh = code.co_varnames[0] if code.co_name == "__init__" and code.co_argcount else None
        for chain in chains_of(code):
            if chain.kind == "local" and chain.name == fresh:
                continue
            key = (code, chain.line)
            try:
                guards = self._resolve(scope, chain)
            except RecordingError as error:
                self._refused[key] = error
                continue
            if guards:
                self._pending.setdefault(key, []).extend(guards)

    def _resolve(self, scope: _Scope, chain: Chain) -> list[Guard]:
        line = f"{scope.file}:{chain.line}"
        out: list[Guard] = []
        what = chain.name
        if chain.kind == "global":
            value = scope.names.get(what, MISSING)
            if value is MISSING:
                check_builtin(what, line)
                value = scope.builtins.get(what, MISSING)
                if value is MISSING:
                    return out
                if not scope.own:
                    out.append(Guard(scope.names, what, MISSING, f"global {what}", line))
            elif not scope.own:
                out.append(Guard(scope.names, what, value, f"global {what}", line))
        elif chain.kind == "cell":
            cell = scope.free.get(what)
            value = scope.values.get(what, MISSING) if cell is None else lookup(cell, 0)
            if value is MISSING:
                return out
            if cell is not None:
                out.append(Guard(cell, 0, value, f"closure variable {what}", line))
        else:
            value = scope.values.get(what, MISSING)
            if value is MISSING:
                return out
        check_source(value, what, line)
        steps = [*chain.path, ("", None)]
        self._contents(value, what, line, out, scope.whole, steps[0][0])
        for (step, name), (then, _) in pairwise(steps):
            value = self._step(value, step, name, what, line, out)
            if value is MISSING:
                break
            what += f".{name}" if step == "attr" else f"[{name!r}]"
            check_source(value, what, line)
            self._contents(value, what, line, out, scope.whole, then)
        return out

    def _step(
        self, value: Any, step: str, name: Any, what: str, line: str, out: list[Guard]
    ) -> Any:
        """One attribute or item further, with the guard that it stays."""
        if isinstance(value, Tensor):
            return MISSING  # a tensor's shape, dtype and value are the recording's own
        if step == "item":
            if isinstance(value, (dict, list, tuple)):
                found = lookup(value, name)
                if not isinstance(value, tuple):
                    out.append(Guard(value, name, found, f"{what}[{name!r}]", line))
                return found
            return MISSING
        own = getattr(value, "__dict__", None)
        if isinstance(value, types.ModuleType):
            found = vars(value).get(name, MISSING)
            if found is MISSING:
                return getattr(value, name, MISSING)
            if not _is_own(value.__name__):
                out.append(Guard(vars(value), name, found, f"{what}.{name}", line))
            return found
        if isinstance(own, dict):
            found = own.get(name, MISSING)
            out.append(Guard(own, name, found, f"{what}.{name}", line, value))
            if found is not MISSING:
                return found
        for cls in type(value).__mro__ if not isinstance(value, type) else value.__mro__:
            if name in vars(cls):
                found = vars(cls)[name]
                if cls.__module__ != "builtins" and not _is_own(cls.__module__):
                    out.append(Guard(vars(cls), name, found, f"{cls.__name__}.{name}", line))
                if isinstance(found, types.FunctionType):
                    return found
                break
        return MISSING

    def _contents(
        self, value: Any, what: str, line: str, out: list[Guard], whole: Any, then: str
    ) -> None:
        """Containers and arrays are watched by what they hold; then: "item" if one is read next."""
        if isinstance(value, np.ndarray):
            if value.nbytes > _ARRAY_LIMIT:
                raise RecordingError(
                    message(
                        "jit", f"a NumPy array is read: {what}", f"{value.nbytes} bytes",
                        "tensors, whose changes are seen",
                        f"convert it before the function: {what} = firth.from_numpy({what})",
                    )
                ).at(line)  # fmt: skip
            out.append(Guard(value, WHOLE, snapshot(value), f"array {what}", line))
        elif isinstance(value, (list, dict, set)):
            if isinstance(value, dict) and "__name__" in value:  # of a module or class
                return
            if then == "item" and len(value) >= _LONG:  # the step to the element is a guard
                return
            found = snapshot(value, whole)
            if found is None:
                raise RecordingError(
                    message(
                        "jit", f"a {type(value).__name__} is read: {what}",
                        f"{len(value)} elements, and those within them",
                        f"at most {ELEMENTS_LIMIT}, which are compared at each call",
                        "read it outside, and pass what was read as an argument",
                    )
                ).at(line)  # fmt: skip
            out.append(Guard(value, whole, found, what, line))

    def finish(self) -> list[Guard]:
        """The guards of the lines that ran; RecordingError when it changed what it reads.

        Called within the context, when the function has returned.
        """
        sys.settrace(self._before)
        if self._random != random_states():
            raise RecordingError(
                message(
                    "jit", "random numbers of another library were drawn",
                    "random or numpy.random", "firth's own random numbers",
                    "use firth.rand(...), or draw outside and pass them as an argument",
                )
            )  # fmt: skip
        self._take_pending()
        self._drop_temporaries()
        guard = self._changed()
        if guard is not None:
            self._drop_made()
            guard = self._changed()
        if guard is not None:
            raise RecordingError(
                message(
                    "jit", f"the function changes {guard.what}, which it also reads",
                    f"{show(guard.value)}, then {show(guard.now())}",
                    "changes to tensors in place only, or results that are returned",
                    "keep it in a tensor (x.copy_(new), x += 1), or change it outside",
                )
            ).at(guard.line)  # fmt: skip
        return list(self.guards.values())

    def _changed(self) -> Guard | None:
        """The first guard that does not hold any more."""
        return next((guard for guard in self.guards.values() if not guard.holds()), None)

    def _take_pending(self) -> None:
        """Keeps the guards of the lines that ran; no name refers to the others afterwards."""
        for key, guards in self._pending.items():
            if key not in self._lines:
                continue
            for guard in guards:
                self.guards.setdefault((id(guard.holder), _key_of(guard.key)), guard)
        self._pending.clear()

    def _references(self) -> Counter[int]:
        """How many references to each object, by id, are the guards' own."""
        ours: Counter[int] = Counter()
        for guard in self.guards.values():
            ours[id(guard.holder)] += 1
            ours[id(guard.owner)] += 1
            if guard.parts is not None:
                for container, _, values in guard.parts:
                    ours[id(container)] += 1
                    ours.update(id(v) for v in values)
            else:
                ours[id(guard.value)] += 1
        return ours

    def _drop_temporaries(self) -> None:
        """Containers and cells that nobody else holds were made by the function itself."""
        while True:
            ours = self._references()
            temporary = [key for key, guard in self.guards.items() if _alone(guard.holder, ours)]
            if not temporary:
                return
            for key in temporary:
                del self.guards[key]

    def _drop_made(self) -> None:
        """Objects and containers that are part of a cycle, or that a guard itself keeps."""
        for key, guard in list(self.guards.items()):
            if guard.owner is not None and guard.owner in self._made:
                del self.guards[key]


def _alone(holder: Any, ours: Counter[int]) -> bool:
    """Whether a container has no references but these, known by id, and those of this call."""
    if not isinstance(holder, (list, dict, set, types.CellType)):
        return False
    here = 2  # the argument of this function and that of getrefcount
    return sys.getrefcount(holder) - here <= ours[id(holder)]


def _is_own(module: Any) -> bool:
    """Firth's own modules and classes are taken not to change while a program runs."""
    return isinstance(module, str) and (module == "firth" or module.startswith("firth."))


def _key_of(key: Any) -> Any:
    return id(key) if key in WHOLES else key


def show(value: Any) -> str:
    """A value as messages show it."""
    if value is MISSING:
        return "nothing"
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value._kind.shape)}"
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
