"""debug(): what Firth looks for while it runs, switched from Python."""

from __future__ import annotations

from typing import Self

from firth.base import flags
from firth.tensor import layers
from firth.tensor.cut import cut

_WORD = "nan"


class debug:
    """Raises NonFiniteError for the first NaN or infinity: its operation, layer and line.

    Call it to switch from there on, or use it around a block. Compiled programs are searched too;
    a program that fails leaves everything as it was before. Infinities that were written as such
    (masks) are no error while what is made of them is finite.

    >>> import firth
    >>> with firth.debug(nan=True):
    ...     try:
    ...         firth.tensor([1.0, -1.0]).sqrt().sum().item()
    ...     except ArithmeticError as error:
    ...         print(error.op)
    sqrt
    """

    __slots__ = ("_before",)

    def __init__(self, *, nan: bool) -> None:
        self._before = flags.debug(_WORD)
        _switch(bool(nan))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                cut()  # what was recorded inside is searched
        finally:
            _switch(self._before)


def _switch(enabled: bool) -> None:
    if enabled == flags.debug(_WORD):
        return
    cut()  # what was recorded before belongs to the other mode
    words = [w for w in flags.get("FIRTH_DEBUG").split(",") if w and w != _WORD]
    flags.put("FIRTH_DEBUG", ",".join([*words, _WORD] if enabled else words) or ",")
    layers.want(1 if enabled else -1)


if flags.debug(_WORD):
    layers.want(1)
