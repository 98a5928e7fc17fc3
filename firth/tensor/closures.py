"""The closure cells of running functions, which Python does not tell."""

from __future__ import annotations

import gc
import types
import weakref
from collections.abc import Iterator
from itertools import chain
from typing import Any

from firth.base.garbage import of_young

_found: weakref.WeakKeyDictionary[types.CodeType, weakref.ref[Any]] = weakref.WeakKeyDictionary()
_COMPREHENSIONS = frozenset(("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"))


def cells_of(frame: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    """The closure cells of a running function, found through whoever holds it; () where nobody
    does. None for a cell of the function that a comprehension stands in.

    values: the frame's locals.
    """
    code = frame.f_code
    if not code.co_freevars:
        return ()
    around = frame.f_back
    if code.co_name in _COMPREHENSIONS and around is not None and code in around.f_code.co_consts:
        outer = cells_of(around, around.f_locals)
        known = dict(zip(around.f_code.co_freevars, outer, strict=False))
        return tuple(map(known.get, code.co_freevars))
    for candidate in chain(_methods(code, values), _holders(code)):
        if candidate.__closure__:
            cells = dict(zip(code.co_freevars, candidate.__closure__, strict=True))
            there = (n for n in code.co_freevars if n in values)
            if all(_content(cells[n]) is values[n] for n in there):
                _found[code] = weakref.ref(candidate)
                return tuple(candidate.__closure__)
    return ()


def _methods(code: types.CodeType, values: dict[str, Any]) -> Iterator[types.FunctionType]:
    """The method of the first argument's class that the code may be."""
    if code.co_argcount and code.co_varnames[0] in values:
        found = getattr(type(values[code.co_varnames[0]]), code.co_name, None)
        if isinstance(found, types.FunctionType) and found.__code__ is code:
            yield found


def _holders(code: types.CodeType) -> Iterator[types.FunctionType]:
    """Every function of a code; first the one found before, for the others take a long search."""
    before = _found.get(code, lambda: None)()
    if before is not None:
        yield before
    for young in of_young(filter, types.FunctionType.__instancecheck__):
        if young.__code__ is code:
            yield young
    for holder in gc.get_referrers(code):
        if isinstance(holder, types.FunctionType) and holder.__code__ is code:
            yield holder


def _content(cell: types.CellType) -> Any:
    """What a cell holds; itself, which nobody else holds, when it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell
