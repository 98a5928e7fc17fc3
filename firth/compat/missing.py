"""What a name that Firth lacks says: its full name in the peer, and the nearest one there is."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn

# Packages of names, and what they stand in for.
PEERS = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
_PREFIX = "firth.compat."


def peer_name(module: str) -> str:
    """The peer's name of a module.

    >>> peer_name("firth.compat.torch.nn")
    'torch.nn'
    """
    return module.removeprefix(_PREFIX)


def words(module: str, name: str, known: Iterable[str]) -> str:
    """The message for `name`, which `module` lacks while it has the names `known`."""
    lower = {other.lower(): other for other in sorted(known) if not other.startswith("_")}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"the nearest name there is: {lower[close[0]]}" if close else "and none like it"
    peer = PEERS[module.partition(".")[0]]
    return f"{module}.{name}: Firth does not have this name of {peer}; {hint}"


def show(namespace: dict[str, Any], source: ModuleType, hide: Iterable[str] = ()) -> None:
    """Enters the public names of `source` in a module that has no name of its own for them.

    Those are its `__all__`, or what it defines itself.
    """
    hidden = set(hide)
    defined = [
        n for n, v in vars(source).items() if getattr(v, "__module__", "") == source.__name__
    ]
    for name in getattr(source, "__all__", [n for n in defined if not n.startswith("_")]):
        if name not in hidden:
            namespace.setdefault(name, getattr(source, name))
    public = {name for name in namespace if not name.startswith("_")}
    namespace["__all__"] = sorted(public - {"install_finder", "refuse", "show"})


def refuse(namespace: dict[str, Any]) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module: raises AttributeError for every name it lacks.

    It also gives the module an empty `__path__`, so that `from module import name` asks `Finder`.
    """
    module = peer_name(namespace["__name__"])
    namespace.setdefault("__path__", [])

    def __getattr__(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise AttributeError(words(module, name, namespace))

    return __getattr__


def take_place(package: ModuleType) -> None:
    """Enters every module of a package of names in sys.modules under the peer's name for it.

    Raises ImportError when the peer itself is loaded already: one process holds one of the two.
    """
    name = peer_name(package.__name__)
    loaded = sys.modules.get(name)
    if loaded is not None and loaded is not package:
        raise ImportError(
            f"{package.__name__}: {PEERS[name]} is loaded already; got a loaded {name}, "
            f"expected none; call install() before anything imports {name}"
        )
    sys.modules[name] = package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        last = found.name.rpartition(".")[2]
        if not last.startswith("_") and last != "install":
            sys.modules[peer_name(found.name)] = importlib.import_module(found.name)
    install_finder()


class Finder:
    """The last finder of imports: says which name is near when one of this package is missing."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """None for foreign names; ModuleNotFoundError for names that this package lacks."""
        parent, _, last = name.rpartition(".")
        module = sys.modules.get(parent)
        ours = module is not None and module.__name__.startswith(_PREFIX)
        if module is not None and ours and not last.startswith("__"):
            raise ModuleNotFoundError(words(peer_name(module.__name__), last, vars(module)))


def install_finder() -> None:
    """Puts the finder last, once."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)
