"""Which layer or optimizer recorded an operation: noted while a profile or jit wants to know.

A layer that is called, or an optimizer that steps, enters with the user's line; a recording keeps
what was entered from which position on. Operations themselves pay nothing for it.
"""

from __future__ import annotations

from typing import Any, Protocol

from firth.tensor.lines import user_line
from firth.tensor.recording import Recording, local

_wanted = 0  # profiles and recordings of jit in progress; nobody enters while it is 0


class Owner(Protocol):
    """A layer or an optimizer."""

    def _label(self, root: Any) -> str:
        """What reports call it; `root` was entered first."""


Label = tuple[int, str, str]  # from which position on, the layer, the line that called it


def want(change: int) -> None:
    """One more (1) or one less (-1) who wants to know."""
    global _wanted
    _wanted += change


def enter(owner: Owner) -> bool:
    """What is recorded from now on belongs to the owner, until `leave`; False: nobody wants it."""
    if not _wanted:
        return False
    rec = local.rec
    local.inside = (*local.inside, (owner, user_line()))
    rec.layers.append((len(rec.handles), local.inside))
    return True


def leave() -> None:
    """Ends what `enter` began."""
    rec = local.rec
    local.inside = local.inside[:-1]
    rec.layers.append((len(rec.handles), local.inside))


def labels(rec: Recording) -> list[Label]:
    """The layers of a recording in words."""
    known: dict[tuple[int, int], str] = {}
    out: list[Label] = []
    for position, inside in rec.layers:
        if not inside:
            out.append((position, "", ""))
            continue
        (root, _), (owner, line) = inside[0], inside[-1]
        key = id(root), id(owner)
        if key not in known:
            known[key] = owner._label(root)
        out.append((position, known[key], line))
    return out
