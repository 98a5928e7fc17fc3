"""Strict mode from Python: the same bits however a program is cut, fused or cached."""

from __future__ import annotations

from firth.base import flags
from firth.tensor.cut import cut


def set_strict(enabled: bool) -> None:
    """Turns strict mode on or off from here on, like FIRTH_STRICT: equal bits everywhere, slower.

    Sums run in order, nothing is fused into a multiply-add, and no rewriting changes a value.

    >>> import firth
    >>> firth.set_strict(True)
    >>> firth.is_strict()
    True
    >>> firth.set_strict(False)
    """
    cut()  # what was recorded before belongs to the other mode
    flags.put("FIRTH_STRICT", "1" if enabled else "0")


def is_strict() -> bool:
    """Whether strict mode is on."""
    return flags.strict()
