"""What is no tensor where a tensor belongs: one guard around every public function.

The functions themselves check nothing that their signature says. When one fails with an error of
Python's (`'NoneType' object has no attribute ...`), the guard holds the arguments against the
annotations and names the first that does not fit. A call that succeeds pays one more call, nothing
else; the elementwise makers, which look themselves, are left alone.
"""

from __future__ import annotations

import ast
import inspect
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from numbers import Number
from types import FunctionType, TracebackType
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import (
    ArgumentError,
    DTypeError,
    FirthError,
    IndexOutOfRange,
    OutOfMemory,
    internal,
    message,
)
from firth.tensor.handle import Tensor
from firth.tensor.record import user_line

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_COMPILER = tuple(os.path.join(_PACKAGE, part, "") for part in ("passes", "codegen", "targets"))
_KNOWN = tuple(os.path.dirname(p) + os.sep for p in (_PACKAGE + "/x", np.__file__, os.__file__))
_FAMILIES = (
    ((np.linalg.LinAlgError, RecursionError, NotImplementedError), None),
    ((AttributeError, TypeError), DTypeError),
    (IndexError, IndexOutOfRange),
    (MemoryError, OutOfMemory),
    ((ArithmeticError, LookupError, ValueError, RuntimeError), ArgumentError),
)
_SEQUENCES = ("Sequence", "Iterable", "list", "tuple", "List", "Tuple")


def guarded(names: dict[str, Any], public: Iterable[str] | None = None) -> None:
    """Puts the guard around the public functions of a namespace, and the methods of its classes."""
    for name in public or [name for name in names if name[0] != "_"]:
        found = names.get(name)
        if isinstance(found, FunctionType):
            names[name] = guard(found)
        elif isinstance(found, type) and found.__module__.startswith("firth."):
            guard_methods(found)


def guard_methods(owner: type, but: Iterable[str] = ("forward",)) -> None:
    """Puts the guard around the methods that a class itself defines, and around its making.

    But not around those that look at their arguments, or whose caller explains (a module's call).
    """
    for name, method in list(vars(owner).items()):
        public = name == "__init__" or (name[0] != "_" and name not in but)
        if isinstance(method, FunctionType) and public:
            made = guard(method)
            if made is not method:
                setattr(owner, name, made)


_guards: dict[FunctionType, FunctionType] = {}  # of a function, and of its guard


def guard(function: FunctionType) -> FunctionType:
    """The function, with errors that name the argument which is not what the signature says."""
    made = _guards.get(function)
    if made is None:
        made = _guards[function] = _around(function)
        _guards[made] = made
    return made


def leave(function: FunctionType) -> None:
    """No guard for this one: it looks at its arguments itself."""
    _guards[function] = function


def _around(function: FunctionType) -> FunctionType:
    code = function.__code__
    places = code.co_argcount
    other = code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if other or not 0 < places <= len(_MAKERS):
        return update_wrapper(_any(function), function)  # type: ignore[no-any-return]
    made = _MAKERS[places - 1](function)
    inner = made.__code__
    made.__code__ = inner.replace(
        co_posonlyargcount=code.co_posonlyargcount,
        co_varnames=(*code.co_varnames[:places], *inner.co_varnames[places:]),
    )
    made.__defaults__ = function.__defaults__
    return update_wrapper(made, function)  # type: ignore[no-any-return]


# A call by position costs less than half of one that packs and unpacks its arguments.


def _one(function: Callable[..., Any]) -> Any:
    def call(a):  # type: ignore[no-untyped-def]
        try:
            return function(a)
        except Exception as _error:
            explain(function, (a,), None, _error)
            raise

    return call


def _two(function: Callable[..., Any]) -> Any:
    def call(a, b):  # type: ignore[no-untyped-def]
        try:
            return function(a, b)
        except Exception as _error:
            explain(function, (a, b), None, _error)
            raise

    return call


def _three(function: Callable[..., Any]) -> Any:
    def call(a, b, c):  # type: ignore[no-untyped-def]
        try:
            return function(a, b, c)
        except Exception as _error:
            explain(function, (a, b, c), None, _error)
            raise

    return call


def _four(function: Callable[..., Any]) -> Any:
    def call(a, b, c, d):  # type: ignore[no-untyped-def]
        try:
            return function(a, b, c, d)
        except Exception as _error:
            explain(function, (a, b, c, d), None, _error)
            raise

    return call


def _any(function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain(function, args, kwargs, error)
            raise

    return call


_MAKERS = (_one, _two, _three, _four)


def explain(
    function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, error: Exception
) -> None:
    """Raises DTypeError for the first argument that is not what its annotation says.

    Where all look right, an error of Python's from within keeps its words, in the one form; one of
    the compiler's own is no argument's fault: InternalError.
    """
    ours = isinstance(error, FirthError)
    if ours and not isinstance(error, DTypeError):
        return
    op = _named(function)
    for name, value, note in _given(function, args, kwargs):
        if not ours or note.startswith("Tensor"):  # an op knows no names of arguments
            refuse(op, name, value, note)
    if ours or str(error).startswith(f"{op}: "):  # in the form already
        return
    family = next((own for theirs, own in _FAMILIES if isinstance(error, theirs)), None)
    files = _files(error.__traceback__)
    if family is None or _from_outside(files):
        return
    if any(file.startswith(_COMPILER) for file in files):
        raise internal(op, error) from error
    if function.__name__ not in (op, "__init__"):  # methods of layers may mean what Python says
        return
    got = ", ".join(map(_described, (*args, *(kwargs or {}).values())))
    raise family(
        message(op, "an argument does not fit", got, _signature(function, op),
                f"Python says: {error}")
    ) from error  # fmt: skip


def _signature(function: FunctionType, op: str) -> str:
    return op + str(inspect.signature(function)).split(" ->")[0].replace("'", "")


def _files(trace: TracebackType | None) -> list[str]:
    """Where the functions within lie that an error came through, the innermost last."""
    found = []
    while trace is not None:
        found.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return found[1:]


def _from_outside(files: list[str]) -> bool:
    """Whether a function of the user's failed, or nothing was called: the number is wrong."""
    return not files or not all(file.startswith((*_KNOWN, "<frozen ")) for file in files)


def _named(function: FunctionType) -> str:
    """softmax, Linear (when it is made or called), Normal.log_prob."""
    *_, owner, name = f".{function.__qualname__}".split(".")
    if owner in ("", "<locals>"):
        return function.__name__
    return owner if name in ("__init__", "forward") else f"{owner}.{name}"


def check_callable(op: str, function: Any) -> None:
    """DTypeError where a transform is given what is no function."""
    if not callable(function):
        raise DTypeError(
            message(op, "this is no function", _described(function), "something to be called",
                    "pass the function itself, not its result")
        ).at(user_line())  # fmt: skip


def refuse(op: str, name: str, value: Any, note: str) -> None:
    """Raises DTypeError when the value is not what the annotation says."""
    try:
        fits = _fits(value, ast.parse(note, mode="eval").body)
    except Exception:  # looking at a strange object may fail; its first error says more
        return
    if fits:
        return
    tensor = "Tensor" in note
    name = "input" if name == "self" else name
    many = tensor and any(f"{each}[" in note for each in _SEQUENCES)
    wrong = "no sequence of tensors" if many else "no tensor" if tensor else "of another kind"
    raise DTypeError(
        message(op, f"{name} is {wrong}", _described(value), _words(note), _advice(value, tensor))
    ) from None


def _given(
    function: FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None
) -> Iterable[tuple[str, Any, str]]:
    """(name, value, annotation) of each argument; Python's own words for those without a place."""
    code, notes = function.__code__, function.__annotations__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if kwargs is not None:
        names = names[: code.co_argcount]
        if code.co_flags & inspect.CO_VARARGS:
            rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
            names = (*names, *(rest for _ in args[len(names) :]))
    found = [*zip(names, args, strict=False), *(kwargs or {}).items()]
    return [(name, value, str(notes[name])) for name, value in found if name in notes]


def _fits(value: Any, note: ast.expr) -> bool:
    match note:
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(left=left, right=right):
            return _fits(value, left) or _fits(value, right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name not in _KINDS or _KINDS[name](value)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=choices)):
            return value in [c.value for c in choices if isinstance(c, ast.Constant)]
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _SEQUENCES:
            if isinstance(value, (list, tuple)):
                each = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
                return all(_fits(v, each) for v in value)
            return not isinstance(value, (str, bytes, Mapping)) and hasattr(value, "__iter__")
    return True


def _whole(value: Any) -> bool:
    try:
        operator.index(value)
    except Exception:
        return False
    return True


def _number(value: Any) -> bool:
    return isinstance(value, (Number, np.generic)) or (
        isinstance(value, (Tensor, np.ndarray)) and not value.shape  # type: ignore[union-attr]
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda v: isinstance(v, Tensor) or hasattr(v, "__firth_tensor__"),
    "int": _whole,
    "float": _number,
    "complex": _number,
    "Number": _number,
    "bool": lambda v: isinstance(v, (bool, np.bool_, int)) or _number(v),
    "str": lambda v: isinstance(v, str),
    "DType": lambda v: isinstance(v, DType),
    "ndarray": lambda v: isinstance(v, np.ndarray),
}


def _described(value: Any) -> str:
    """The value as a message shows it: short ones themselves, others by their type."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ in ("builtins", "firth") else (
        f"{kind.__module__}.{kind.__name__}"
    )  # fmt: skip
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return f"{value._kind.dtype.name}{list(value._kind.shape)}"
    if isinstance(value, (list, tuple)) and value:
        return f"a {name} of {', '.join(sorted({type(v).__name__ for v in value}))}"
    if isinstance(value, (str, Number)) and len(repr(value)) < 40:
        return f"{value!r} ({name})"
    return name


def _words(note: str) -> str:
    """The annotation, in words where it says tensor."""
    known = {
        "Tensor": "a tensor", "Tensor | None": "a tensor or None",
        "Number": "a number", "int | float": "a number",
        "Sequence[Tensor]": "a list of tensors", "list[Tensor]": "a list of tensors",
    }  # fmt: skip
    return known.get(note, note.replace("builtins.", ""))


def _advice(value: Any, tensor: bool) -> str:
    if not tensor:
        return "see its help for what it may be"
    if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        return "convert it, e.g. firth.from_dlpack(value)"
    if isinstance(value, (Number, np.ndarray, np.generic, list, tuple)):
        return "convert it, e.g. firth.tensor(value)"
    return "pass a tensor, e.g. firth.tensor([1.0, 2.0])"
