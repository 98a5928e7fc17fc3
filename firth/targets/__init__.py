"""Targets: things that run graphs, found by name and loaded when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from firth.base import flags
from firth.base.errors import ArgumentError, FirthError, internal, message
from firth.ir.graph import Graph
from firth.runtime.buffer import Buffer
from firth.targets.lock import imported

NAMES = ("cpu", "ref", "null", "wasm")


class Executable(Protocol):
    """A graph made ready to run."""

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """One contiguous buffer per graph input -> one per output; donated ones are reused."""


class Target(Protocol):
    """Something that runs graphs."""

    def compile(self, graph: Graph) -> Executable:
        """The graph, ready to run."""


def get(name: str) -> Target:
    """The target of that name; ArgumentError when there is none.

    >>> get("ref").__name__
    'firth.targets.ref.target'
    """
    if name not in NAMES:
        raise ArgumentError(
            message("FIRTH_TARGET", "there is no such target", repr(name), ", ".join(NAMES),
                    "set the flag to one of them")
        )  # fmt: skip
    return cast(Target, imported(f"firth.targets.{name}.target"))


def compiled(graph: Graph) -> Executable:
    """The graph, ready to run on FIRTH_TARGET's target; InternalError where a compiler fails."""
    target = get(flags.get("FIRTH_TARGET"))
    try:
        return target.compile(graph)
    except (FirthError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise internal("compile", error) from error
