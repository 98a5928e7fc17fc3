"""Type stubs of what is made from tables: `firth/__init__.pyi` and `firth/tensor/handle.pyi`.

Type checkers read source, where the methods of Tensor and most functions are not to be seen. The
stubs say their signatures, from the objects themselves. `python tests/test_house.py` writes them.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import firth
from firth.tensor.arguments import guard
from firth.tensor.handle import Tensor

ROOT = Path(__file__).resolve().parent.parent
PATHS = ("firth/__init__.pyi", "firth/tensor/handle.pyi")
_NOTE = "# Made by `python tests/test_house.py`.\n"
_PROPERTIES = {
    "shape": "Size", "dtype": "DType", "device": "Device", "ndim": "builtins.int",
    "itemsize": "builtins.int",
    "nbytes": "builtins.int", "requires_grad": "builtins.bool", "grad": "Tensor | None",
    "is_leaf": "builtins.bool", "grad_fn": "Any", "is_cuda": "builtins.bool",
}  # fmt: skip
_RETURNS = {
    "__init__": "None", "__iter__": "Iterator[Tensor]", "__eq__": "Tensor", "__ne__": "Tensor",
    "__itruediv__": "Tensor",
}  # fmt: skip
_JIT = """
_P = ParamSpec("_P")
_R = TypeVar("_R")

class Jitted(Generic[_P, _R]):
    misses: list[str]
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    def __get__(self, instance: object, owner: Any = ...) -> Callable[..., _R]: ...
    def memory(self, *args: Any, **kwargs: Any) -> Any: ...

@overload
def jit(function: Callable[_P, _R]) -> Jitted[_P, _R]: ...
@overload
def jit(function: None = ...) -> Callable[[Callable[_P, _R]], Jitted[_P, _R]]: ...
"""
_SIZE = """
class Size(tuple[int, ...]):
    def numel(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
"""


class Names:
    """The annotations of a stub, and the imports that they need."""

    def __init__(self, here: Iterable[str]) -> None:
        self.here = set(here)  # names that the stub itself gives
        self.imports: set[tuple[str, str]] = set()

    def text(self, annotation: Any, scope: dict[str, Any]) -> str:
        """An annotation in the words of the stub; Any for what cannot be found."""
        if annotation is inspect.Parameter.empty:
            return "Any"
        words = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        return re.sub(r"[A-Za-z_][\w.]*", lambda m: self._name(m[0], scope), words)

    def _name(self, name: str, scope: dict[str, Any]) -> str:
        first, *rest = name.split(".")
        if name in self.here or name in ("None", "True", "False"):
            return name
        if hasattr(builtins, name):
            return f"builtins.{name}"  # Tensor.float and firth.int are no types
        found = scope.get(first, sys.modules.get(first))
        for part in rest:
            found = getattr(found, part, None)
        own, module = getattr(found, "__qualname__", None), getattr(found, "__module__", None)
        if own is None and module == "typing":
            own = name  # Any and its like, on some versions
        if found is None or own is None or module is None or "." in own:
            own, module = "Any", "typing"
        if own in self.here:
            return own
        if module == "numpy" and own == "ndarray":
            self.imports |= {("numpy.typing", "NDArray"), ("typing", "Any")}
            return "NDArray[Any]"
        if module == "builtins":
            return f"builtins.{own}"
        self.imports.add((module, own))
        return own

    def lines(self) -> list[str]:
        """The import lines."""
        known: dict[str, list[str]] = {}
        for module, name in sorted(self.imports):
            known.setdefault(module, []).append(name)
        return [
            "import builtins",
            *(f"from {module} import {', '.join(names)}" for module, names in known.items()),
        ]


def _signature(function: Callable[..., Any], names: Names, method: bool) -> str:
    """`(self, dim: int = ...) -> Tensor`."""
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    shown = inspect.signature(function)
    parts, starred, positional = [], False, False
    for place, p in enumerate(shown.parameters.values()):
        text = names.text(p.annotation, scope)
        if positional and p.kind is not p.POSITIONAL_ONLY:
            parts.append("/")
        positional = p.kind is p.POSITIONAL_ONLY and not (method and place == 0)
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if method and place == 0 and p.kind is not p.VAR_POSITIONAL:
            parts.append("self")
        elif p.kind is p.VAR_POSITIONAL:
            parts += ["self"] if method and place == 0 else []
            parts.append(f"*{p.name}: {text}")
            starred = True
        elif p.kind is p.VAR_KEYWORD:
            parts.append(f"**{p.name}: {text}")
        else:
            own = f"_{p.name}" if method and p.name == "self" else p.name
            parts.append(f"{own}: {text}" + (" = ..." if p.default is not p.empty else ""))
    if positional:
        parts.append("/")
    back = "Any" if shown.return_annotation is shown.empty else shown.return_annotation
    return f"({', '.join(parts)}) -> {names.text(back, scope)}"


def tensor() -> str:
    """The stub of `firth.tensor.handle`: Tensor with its methods."""
    from firth.tensor import handle

    names = Names({"Tensor", "Size"})
    names.imports |= {
        ("typing", "Any"), ("typing", "SupportsIndex"), ("typing", "overload"),
        ("collections.abc", "Iterator"),
        ("firth.base.dtype", "DType"), ("firth.tensor.device", "Device"),
    }  # fmt: skip
    lines = ["", "class Tensor:"]
    given = dict(inspect.getmembers_static(Tensor))
    for name, value in sorted(given.items()):
        if isinstance(value, property):
            back = _PROPERTIES.get(name, "Tensor")
            lines += ["    @property", f"    def {name}(self) -> {back}: ..."]
            if value.fset is not None:
                lines += [
                    f"    @{name}.setter",
                    f"    def {name}(self, value: {back}) -> None: ...",
                ]
        elif inspect.isfunction(value):
            text = _signature(value, names, method=True)
            if name in _RETURNS:
                text = f"{text[: text.index('->')]}-> {_RETURNS[name]}"
            fuss = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
            lines.append(f"    def {name}{text}: ...{fuss}")
        elif name in Tensor.__slots__:
            lines.append(f"    {name}: Any")
    lines.append("    def __hash__(self) -> builtins.int: ...")
    inner = [
        name for name, value in vars(handle).items()
        if getattr(value, "__module__", "") == handle.__name__ and name not in ("Tensor", "Size")
    ]  # fmt: skip
    rest = ["", *(f"{name}: Any" for name in sorted(inner))]
    return "\n".join([_NOTE, *names.lines(), _SIZE, *lines, *rest]) + "\n"


def top() -> str:
    """The stub of `firth`: every public name."""
    names = Names({"jit", "Tensor", "dtype"})
    names.imports |= {("typing", n) for n in ("Any", "Generic", "ParamSpec", "TypeVar", "overload")}
    names.imports |= {("collections.abc", "Callable")}
    body: list[str] = []
    shown: list[str] = []
    for name in sorted(set(firth.__all__) - {"jit"}):
        value = getattr(firth, name)
        home = getattr(value, "__module__", None)
        own = getattr(value, "__name__", None)
        if inspect.ismodule(value):
            shown.append(_module(name, value.__name__))
        elif isinstance(value, firth.DType):
            body.append(f"{name}: DType")
        elif own and home and _written(value, home, own):
            shown.append(f"from {home} import {own} as {name}")
        elif callable(value) and not inspect.isclass(value):
            body.append(f"def {name}{_signature(value, names, method=False)}: ...")
        else:
            body.append(f"{name}: Any")
    names.imports.discard(("firth.base.dtype", "DType"))
    return "\n".join([_NOTE, *names.lines(), "", *shown, "", "__version__: str", *body, _JIT])


def _module(name: str, full: str) -> str:
    parent, _, last = full.rpartition(".")
    return f"from {parent} import {last} as {name}"


def _written(value: Any, home: str, own: str) -> bool:
    """Whether a checker finds the object in its module: it was written there, not made."""
    found = getattr(importlib.import_module(home), own, None)
    if inspect.isfunction(found) and guard(found) is value:
        value = found
    if found is not value or hasattr(value, "__wrapped__"):
        return False
    if inspect.isclass(value):
        return True
    code = getattr(value, "__code__", None)
    return code is not None and code.co_name == own and "<locals>" not in value.__qualname__


@functools.cache
def texts() -> dict[str, str]:
    """Each stub by its path."""
    return dict(zip(PATHS, (top(), tensor()), strict=True))


def write() -> None:
    """Writes the stubs."""
    for path, text in texts().items():
        (ROOT / path).write_text(text, encoding="utf-8")
