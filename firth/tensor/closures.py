"""The closure cells of running functions, which Python does not tell."""

from __future__ import annotations

import gc
import types
import weakref
from collections.abc import Iterator
from itertools import chain
from typing import Any

_found: weakref.WeakKeyDictionary[types.CodeType, weakref.ref[Any]] = weakref.WeakKeyDictionary()


def cells_of(frame: Any) -> tuple[Any, ...]:
    """The closure cells of a running function, found through whoever holds it."""
    code = frame.f_code
    if not code.co_freevars:
        return ()
    # Most functions with cells are comprehensions, a moment old: no need to walk every object.
    young = (
        o for o in gc.get_objects(generation=0)
        if type(o) is types.FunctionType and o.__code__ is code
    )  # fmt: skip
    values = frame.f_locals  # asked once: Python gathers them anew each time
    for candidate in chain(young, _holders(code)):
        if candidate.__closure__:
            cells = dict(zip(code.co_freevars, candidate.__closure__, strict=True))
            there = (n for n in code.co_freevars if n in values)
            if all(_content(cells[n]) is values[n] for n in there):
                _found[code] = weakref.ref(candidate)
                return tuple(candidate.__closure__)
    return ()


def _holders(code: types.CodeType) -> Iterator[types.FunctionType]:
    """Every function of a code; first the one found before, for the others take a long search."""
    before = _found.get(code, lambda: None)()
    if before is not None:
        yield before
    for holder in gc.get_referrers(code):
        if isinstance(holder, types.FunctionType) and holder.__code__ is code:
            yield holder


def _content(cell: types.CellType) -> Any:
    """What a cell holds; itself, which nobody else holds, when it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell
