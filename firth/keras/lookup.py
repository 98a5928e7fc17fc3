"""Names, classes and configurations of objects: what `get` means in every room of this package."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any, Self

from firth.base.errors import ArgumentError, message


class Configured:
    """An object whose configuration is what its constructor was given."""

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor by name, from attributes of the same names."""
        names = [n for n in inspect.signature(type(self).__init__).parameters if n != "self"]
        return {n: getattr(self, n) for n in names if hasattr(self, n)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """An object from its configuration."""
        return cls(**config)


def lookup(kind: str, namespace: Mapping[str, Any], identifier: Any, base: type | None) -> Any:
    """What an identifier stands for in a module: itself, an instance of a class, or by name.

    Names are those of functions and classes, or a class's name in snake case. Raises ArgumentError
    for a name that is not there, with the nearest one.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        made = lookup(kind, namespace, identifier["class_name"], None)
        return made.from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        found = namespace.get(identifier)
        if found is None or not callable(found) or identifier.startswith("_"):
            raise ArgumentError(_unknown(kind, namespace, identifier))
        identifier = found
    if base is not None and isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if not callable(identifier) and base is not None and not isinstance(identifier, base):
        raise ArgumentError(
            message(kind, f"this is no {kind}", repr(identifier), f"a name or a {base.__name__}",
                    "pass a name such as those in the documentation")
        )  # fmt: skip
    return identifier


def _unknown(kind: str, namespace: Mapping[str, Any], name: str) -> str:
    known = [
        k
        for k, v in namespace.items()
        if callable(v)
        and not k.startswith("_")
        and getattr(v, "__module__", "").startswith("firth.keras")
    ]
    near = difflib.get_close_matches(name, known, 1, 0.4)
    hint = f"is it {near[0]!r}?" if near else "see the module's names"
    return message(kind, "there is no such name", repr(name), f"a name of a {kind}", hint)
