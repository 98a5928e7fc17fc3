"""What a name that Firth lacks says: its full name in PyTorch, and the nearest one there is."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn

PACKAGE = "firth.compat.torch"


def torch_name(module: str) -> str:
    """PyTorch's name of one of this package's modules.

    >>> torch_name("firth.compat.torch.nn")
    'torch.nn'
    """
    return "torch" + module.removeprefix(PACKAGE)


def words(module: str, name: str, known: Iterable[str]) -> str:
    """The message for `name`, which `module` lacks while it has the names `known`."""
    lower = {other.lower(): other for other in sorted(known) if not other.startswith("_")}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"the nearest name there is: {lower[close[0]]}" if close else "and none like it"
    return f"{module}.{name}: Firth does not have this name of PyTorch; {hint}"


def refuse(namespace: dict[str, Any]) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module: raises AttributeError for every name it lacks.

    It also gives the module an empty `__path__`, so that `from module import name` asks `Finder`.
    """
    module = torch_name(namespace["__name__"])
    namespace.setdefault("__path__", [])

    def __getattr__(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise AttributeError(words(module, name, namespace))

    return __getattr__


class Finder:
    """The last finder of imports: says which name is near when one of this package is missing."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """None for foreign names; ModuleNotFoundError for names that this package lacks."""
        parent, _, last = name.rpartition(".")
        if not (torch_name(parent) + ".").startswith("torch.") or last.startswith("__"):
            return
        module = sys.modules.get(parent)
        if module is not None and module.__name__.startswith(PACKAGE):
            raise ModuleNotFoundError(words(torch_name(module.__name__), last, vars(module)))


def install_finder() -> None:
    """Puts the finder last, once."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)
